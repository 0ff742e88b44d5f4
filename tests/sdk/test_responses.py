"""The official SDK against a strict Responses upstream, which pairs calls and checks every type."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest

from tests.claude_code.strict_responses import (
    INPUT_TOKENS,
    Failed,
    Output,
    Page,
    StrictResponses,
    steps,
)
from tests.claude_code.strict_upstream import ToolCall
from tests.live import LiveProxy, live_proxy
from tests.sdk.clients import CLIENT_KEY, UPSTREAM_KEY, sdk_client

MODEL = "thinker"
TOOL: Any = {
    "name": "look",
    "description": "Looks",
    "input_schema": {"type": "object", "properties": {"at": {"type": "string"}}},
}
SEARCH: Any = {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}
THINKING: Any = {"type": "adaptive"}


@pytest.fixture(scope="module")
def service() -> Iterator[StrictResponses]:
    running = StrictResponses()
    yield running
    running.close()


@pytest.fixture(scope="module")
def proxy(
    service: StrictResponses, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveProxy]:
    registry = tmp_path_factory.mktemp("registry") / "providers.json"
    profile = {
        "thinking_style": "effort",
        "web_search": "tool",
        "count_endpoint": "responses",
        "min_output": 16,
    }
    provider = {
        "name": "strict",
        "base_url": f"{service.url}/responses",
        "api_key": UPSTREAM_KEY,
        "profile": profile,
        "models": [{"id": MODEL}],
    }
    registry.write_text(json.dumps({"providers": [provider]}))
    environ = {
        "CLAUDE_PROXY_CONFIG": str(registry),
        "CLAUDE_PROXY_AUTH_KEY": CLIENT_KEY,
        "CLAUDE_PROXY_TOKEN_COUNTING": "upstream",
    }
    with live_proxy(environ) as running:
        yield running


@pytest.fixture
def upstream(service: StrictResponses) -> Iterator[StrictResponses]:
    """The service with an empty script; whatever it refused fails the test."""
    service.play(steps())
    yield service
    assert service.complaints == []


@pytest.fixture
def client(proxy: LiveProxy) -> Iterator[anthropic.Anthropic]:
    with sdk_client(proxy) as sdk:
        yield sdk


def answer_to(
    client: anthropic.Anthropic, messages: list[Any], *, streamed: bool, **fields: Any
) -> anthropic.types.Message:
    asked: dict[str, Any] = {"model": MODEL, "max_tokens": 4000, "messages": messages, **fields}
    if not streamed:
        message: anthropic.types.Message = client.messages.create(**asked)
        return message
    with client.messages.stream(**asked) as stream:
        return stream.get_final_message()


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_tool_loop_with_thinking(
    streamed: bool, client: anthropic.Anthropic, upstream: StrictResponses
) -> None:
    """Three turns: what was thought is in front of its calls in every later one, byte for byte."""
    upstream.play(
        steps(
            Output("I look.", "Up first.", calls=(ToolCall("look", {"at": "sky 天"}),)),
            Output(
                sealed=True,
                calls=(ToolCall("look", {"at": "sea"}), ToolCall("look", {"at": "earth"})),
            ),
            Output("All seen.", "That is all."),
        )
    )
    messages: list[Any] = [{"role": "user", "content": "Look around."}]
    for _ in range(3):
        message = answer_to(
            client, messages, streamed=streamed, tools=[TOOL], thinking=THINKING, system="S"
        )
        messages.append({"role": "assistant", "content": message.content})
        results = [
            {"type": "tool_result", "tool_use_id": block.id, "content": f"saw {block.input}"}
            for block in message.content
            if block.type == "tool_use"
        ]
        if results:
            messages.append({"role": "user", "content": results})
    assert message.stop_reason == "end_turn"
    assert [block.type for block in message.content] == ["thinking", "text"]
    assert message.usage.cache_read_input_tokens == 200
    last = upstream.accepted[-1]["input"]
    assert [item.get("role") or item["type"] for item in last] == [
        "user",
        *("reasoning", "assistant", "function_call", "function_call_output"),
        *("reasoning", "function_call", "function_call"),
        *("function_call_output", "function_call_output"),
    ]
    given = {item["id"]: item["encrypted_content"] for item in last if item["type"] == "reasoning"}
    assert len(given) == 2
    assert given.items() <= upstream.issued.states.items()


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_overflow_behind_a_200(
    streamed: bool, client: anthropic.Anthropic, upstream: StrictResponses
) -> None:
    upstream.play(steps(Failed("context_length_exceeded", "Your input exceeds the window.")))
    with pytest.raises(anthropic.BadRequestError, match="prompt is too long"):
        answer_to(client, [{"role": "user", "content": "Hi"}], streamed=streamed)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_hosted_search(
    streamed: bool, client: anthropic.Anthropic, upstream: StrictResponses
) -> None:
    """It comes back as it was in the next turn, with the reasoning before it."""
    found = (Page("https://a.test/one", "One"), Page("https://a.test/two", "Two"))
    upstream.play(steps(Output("So it is.", "Search.", query="what", found=found), Output("Yes.")))
    messages: list[Any] = [{"role": "user", "content": "What?"}]
    message = answer_to(client, messages, streamed=streamed, tools=[SEARCH], thinking=THINKING)
    result = next(b for b in message.content if b.type == "web_search_tool_result")
    assert isinstance(result.content, list)
    assert [page.url for page in result.content] == [page.url for page in found]
    assert message.usage.server_tool_use is not None
    assert message.usage.server_tool_use.web_search_requests == 1
    messages += [
        {"role": "assistant", "content": message.content},
        {"role": "user", "content": "Sure?"},
    ]
    answer_to(client, messages, streamed=streamed, tools=[SEARCH], thinking=THINKING)
    kinds = [item.get("role") or item["type"] for item in upstream.accepted[-1]["input"]]
    assert kinds == ["user", "reasoning", "web_search_call", "assistant", "user"]


def test_stop_sequences_are_cut(client: anthropic.Anthropic, upstream: StrictResponses) -> None:
    upstream.play(steps(Output("yes</block> because")))
    message = answer_to(
        client,
        [{"role": "user", "content": "Hi"}],
        streamed=True,
        stop_sequences=["</block>"],
    )
    assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", "</block>")
    assert [block.text for block in message.content if block.type == "text"] == ["yes"]


def test_a_cut_answer(client: anthropic.Anthropic, upstream: StrictResponses) -> None:
    upstream.play(steps(Output("Once upon", incomplete="max_output_tokens")))
    messages: list[Any] = [{"role": "user", "content": "Hi"}]
    assert answer_to(client, messages, streamed=True).stop_reason == "max_tokens"


def test_the_upstream_counts(client: anthropic.Anthropic, upstream: StrictResponses) -> None:
    counted = client.messages.count_tokens(
        model=MODEL, messages=[{"role": "user", "content": "Hi"}], tools=[TOOL], thinking=THINKING
    )
    assert counted.input_tokens == INPUT_TOKENS
    assert upstream.paths == ["/v1/responses/input_tokens"]
