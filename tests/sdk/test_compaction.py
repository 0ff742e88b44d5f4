"""The official SDK's tool runner compacts its conversation, and its tools survive."""

from __future__ import annotations

from typing import Any

import anthropic
import pytest
from anthropic import beta_tool
from anthropic.types import CompactionIncompleteTurnError, CompactionUnavailableError

from tests.upstream_stub import UpstreamStub, completion, json_answer, text_stream, tool_stream

MODEL = "claude-sonnet-5"
HELLO: list[Any] = [{"role": "user", "content": "hello"}]
SUMMARY = "<summary>The user said hello.</summary>"
COMPACT = ["compact-2026-09-04", "inline-tools-2026-09-15"]
EDIT: Any = {"type": "compact_20260112", "trigger": {"type": "input_tokens", "value": 1}}


@beta_tool
def weather(city: str) -> str:
    """The weather of a city.

    Args:
        city: Its name.
    """
    return f"rain in {city}"


@beta_tool
def clock(zone: str) -> str:
    """The time.

    Args:
        zone: Its name.
    """
    return f"noon in {zone}"


def called(name: str, arguments: str, id: str = "call_1") -> Any:
    function = {"name": name, "arguments": arguments}
    call = {"id": id, "type": "function", "function": function}
    return json_answer(completion(None, finish="tool_calls", tool_calls=[call]))


def texts(message: Any) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def test_the_runner_goes_on_from_the_summary(
    client: anthropic.Anthropic, upstream: UpstreamStub
) -> None:
    upstream.answer(
        called("weather", '{"city": "Oslo"}'),
        json_answer(completion(SUMMARY)),
        json_answer(completion("It rains.")),
    )
    runner = client.beta.messages.tool_runner(
        model=MODEL, max_tokens=100, messages=HELLO, tools=[weather], betas=COMPACT
    )
    stops: list[Any] = []
    for message in runner:
        if not stops:
            runner.compact_before_next_turn()
        stops.append(message.stop_reason)
    assert stops == ["tool_use", "compaction", "end_turn"]
    _, asked, last = (request.json for request in upstream.requests)
    assert "rain in Oslo" in str(asked["messages"])
    assert last["messages"] == [
        {
            "role": "user",
            "content": "<conversation_summary>\nThe user said hello.\n</conversation_summary>",
        }
    ]


def test_the_runner_in_streams(client: anthropic.Anthropic, upstream: UpstreamStub) -> None:
    upstream.answer(
        tool_stream(("call_1", "weather", '{"city": "Bonn"}')),
        json_answer(completion(SUMMARY)),
        text_stream("It ", "rains."),
    )
    runner = client.beta.messages.tool_runner(
        model=MODEL, max_tokens=100, messages=HELLO, tools=[weather], betas=COMPACT, stream=True
    )
    messages: list[Any] = []
    for stream in runner:
        if not messages:
            runner.compact_before_next_turn()
        messages.append(stream.get_final_message())
    assert [message.stop_reason for message in messages] == ["tool_use", "compaction", "end_turn"]
    (block,) = messages[1].content
    assert block.type == "compaction"
    assert (block.content, block.tool_changes) == ("The user said hello.", [])
    assert texts(messages[2]) == "It rains."


def test_added_tools_survive(client: anthropic.Anthropic, upstream: UpstreamStub) -> None:
    upstream.answer(
        called("weather", '{"city": "Oslo"}'),
        called("clock", '{"zone": "CET"}', "call_2"),
        json_answer(completion(SUMMARY)),
        called("clock", '{"zone": "UTC"}', "call_3"),
        json_answer(completion("Noon.")),
    )
    runner = client.beta.messages.tool_runner(
        model=MODEL, max_tokens=100, messages=HELLO, tools=[weather], betas=COMPACT
    )
    blocks = []
    for turn, message in enumerate(runner):
        if turn == 0:
            runner.add_tools(clock)
        if turn == 1:
            runner.compact_before_next_turn()
        blocks += [block for block in message.content if block.type == "compaction"]
    (block,) = blocks
    (change,) = block.tool_changes or []
    assert change.type == "tool_addition"
    assert change.tool.type == "tool_definition"
    assert texts(runner.until_done()) == "Noon."
    assert "noon in UTC" in str(upstream.requests[-1].json["messages"])
    offered = [
        [tool["function"]["name"] for tool in request.json["tools"]]
        for request in upstream.requests
    ]
    assert offered == [["weather"], *[["weather", "clock"]] * 4]


def test_a_failed_summary_keeps_the_conversation(
    client: anthropic.Anthropic, upstream: UpstreamStub
) -> None:
    upstream.answer(
        called("weather", '{"city": "Oslo"}'),
        json_answer(completion("<summary>The us", finish="length")),
        json_answer(completion("It rains.")),
    )
    runner = client.beta.messages.tool_runner(
        model=MODEL, max_tokens=100, messages=HELLO, tools=[weather], betas=COMPACT
    )
    for turn, _ in enumerate(runner):
        if turn == 0:
            runner.compact_before_next_turn()
    assert texts(runner.until_done()) == "It rains."
    assert upstream.requests[-1].json["messages"][0]["content"] == "hello"


def test_the_edit_compacts_within_the_answer(
    client: anthropic.Anthropic, upstream: UpstreamStub
) -> None:
    upstream.answer(json_answer(completion(SUMMARY)), text_stream("Hi ", "again."))
    with client.beta.messages.stream(
        model=MODEL, max_tokens=100, messages=HELLO, context_management={"edits": [EDIT]}
    ) as stream:
        events = [event.type for event in stream]
        message = stream.get_final_message()
    assert "compaction" in events
    assert [block.type for block in message.content] == ["compaction", "text"]
    assert texts(message) == "Hi again."
    assert [each.type for each in message.usage.iterations or []] == ["compaction", "message"]
    upstream.answer(json_answer(completion("Bye.")))
    client.beta.messages.create(
        model=MODEL,
        max_tokens=100,
        messages=[*HELLO, message.to_param(), {"role": "user", "content": "more"}],
    )
    assert [turn["role"] for turn in upstream.requests[-1].json["messages"]] == [
        "user",
        "assistant",
        "user",
    ]
    assert "hello" not in upstream.requests[-1].json["messages"][0]["content"].split()


def test_an_edit_that_pauses_is_resumed_by_the_runner(
    client: anthropic.Anthropic, upstream: UpstreamStub
) -> None:
    edit = {
        **EDIT,
        "pause_after_compaction": True,
        "trigger": {"type": "input_tokens", "value": 60},
    }
    paused: Any = {"edits": [edit]}
    long: list[Any] = [{"role": "user", "content": "hello " * 100}]
    upstream.answer(json_answer(completion(SUMMARY)), json_answer(completion("Hi.")))
    runner = client.beta.messages.tool_runner(
        model=MODEL,
        max_tokens=100,
        messages=long,
        tools=[],
        context_management=paused,
    )
    assert [message.stop_reason for message in runner] == ["compaction", "end_turn"]


def test_an_unfinished_turn(client: anthropic.Anthropic, upstream: UpstreamStub) -> None:
    call: Any = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}}
    with pytest.raises(CompactionIncompleteTurnError):
        client.beta.messages.create(
            model=MODEL,
            max_tokens=100,
            messages=[*HELLO, {"role": "assistant", "content": [call]}],
            compaction={"type": "summarize"},
        )
    assert upstream.requests == []


def test_an_overloaded_upstream(client: anthropic.Anthropic, upstream: UpstreamStub) -> None:
    overloaded = json_answer({"error": {"message": "overloaded"}}, status=529)
    upstream.default = overloaded
    with pytest.raises(CompactionUnavailableError):
        client.beta.messages.create(
            model=MODEL, max_tokens=100, messages=HELLO, compaction={"type": "summarize"}
        )
