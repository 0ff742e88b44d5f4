"""The official SDK's tool changes, context edits and effort of a turn."""

from __future__ import annotations

from typing import Any

import anthropic
from anthropic import beta_tool

from tests.sdk.test_threads import HELLO, MODEL, called, texts, weather
from tests.upstream_stub import UpstreamStub, completion, json_answer, text_stream

EDITS: Any = {
    "edits": [
        {"type": "clear_thinking_20251015", "keep": {"type": "thinking_turns", "value": 1}},
        {
            "type": "clear_tool_uses_20250919",
            "trigger": {"type": "tool_uses", "value": 0},
            "keep": {"type": "tool_uses", "value": 0},
            "clear_tool_inputs": True,
        },
    ]
}
USED: Any = [
    *HELLO,
    {
        "role": "assistant",
        "content": [{"type": "tool_use", "id": "t", "name": "weather", "input": {"city": "Oslo"}}],
    },
    {
        "role": "user",
        "content": [{"type": "tool_result", "tool_use_id": "t", "content": "rain " * 400}],
    },
]


@beta_tool
def tide(city: str) -> str:
    """The tide at a city.

    Args:
        city: Its name.
    """
    return f"high at {city}"


def offered(upstream: UpstreamStub) -> list[list[str]]:
    return [
        [tool["function"]["name"] for tool in request.json.get("tools", ())]
        for request in upstream.requests
    ]


def test_the_runner_adds_and_removes_tools(
    client: anthropic.Anthropic, upstream: UpstreamStub
) -> None:
    upstream.answer(
        called("weather", '{"city": "Oslo"}'),
        called("tide", '{"city": "Bonn"}'),
        json_answer(completion("Done.")),
    )
    runner = client.beta.messages.tool_runner(
        model=MODEL, max_tokens=100, messages=HELLO, tools=[weather]
    )
    for number, message in enumerate(runner):
        if number == 0:
            runner.add_tools(tide)
        if number == 1:
            runner.remove_tools("weather")
        last = message
    assert texts(last) == "Done."
    assert offered(upstream) == [["weather"], ["weather", "tide"], ["tide"]]
    assert upstream.requests[-1].json["messages"][-1]["content"] == "high at Bonn"


def test_edits_of_a_whole_answer(client: anthropic.Anthropic, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(completion("Hi")))
    message = client.beta.messages.create(
        model=MODEL, max_tokens=100, messages=USED, context_management=EDITS
    )
    assert message.context_management is not None
    [edit] = message.context_management.applied_edits
    assert edit.type == "clear_tool_uses_20250919"
    assert (edit.cleared_tool_uses, edit.cleared_input_tokens > 400) == (1, True)


def test_edits_of_a_stream(client: anthropic.Anthropic, upstream: UpstreamStub) -> None:
    upstream.answer(text_stream("Hi"))
    with client.beta.messages.stream(
        model=MODEL, max_tokens=100, messages=USED, context_management=EDITS
    ) as stream:
        message = stream.get_final_message()
    assert message.context_management is not None
    assert [edit.type for edit in message.context_management.applied_edits] == [
        "clear_tool_uses_20250919"
    ]


def test_a_count_with_edits(client: anthropic.Anthropic, upstream: UpstreamStub) -> None:
    count = client.beta.messages.count_tokens(model=MODEL, messages=USED, context_management=EDITS)
    assert count.context_management is not None
    assert count.context_management.original_input_tokens > count.input_tokens + 400


def test_a_system_turn_of_effort_alone(client: anthropic.Anthropic, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(completion("Hi")))
    effort: Any = {"role": "system", "content": [], "output_config": {"effort": "low"}}
    message = client.beta.messages.create(
        model=MODEL, max_tokens=100, messages=[effort, *HELLO, effort]
    )
    assert texts(message) == "Hi"
    assert upstream.requests[-1].json["messages"] == HELLO
