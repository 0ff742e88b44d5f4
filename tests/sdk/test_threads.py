"""The official SDK's tool runner, memory tool and threads, whose first request has ``thread``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anthropic
import pytest
from anthropic import beta_tool
from anthropic.tools import BetaLocalFilesystemMemoryTool
from anthropic.types import ThreadUnsupportedRequestError

from tests.upstream_stub import UpstreamStub, completion, json_answer, text_stream, tool_stream

MODEL = "claude-sonnet-5"
HELLO: list[Any] = [{"role": "user", "content": "hello"}]


@beta_tool
def weather(city: str) -> str:
    """The weather of a city.

    Args:
        city: Its name.
    """
    return f"rain in {city}"


def called(name: str, arguments: str) -> Any:
    function = {"name": name, "arguments": arguments}
    call = {"id": "call_1", "type": "function", "function": function}
    return json_answer(completion(None, finish="tool_calls", tool_calls=[call]))


def texts(message: Any) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def test_the_tool_runner(client: anthropic.Anthropic, upstream: UpstreamStub) -> None:
    upstream.answer(called("weather", '{"city": "Oslo"}'), json_answer(completion("It rains.")))
    runner = client.beta.messages.tool_runner(
        model=MODEL, max_tokens=100, messages=HELLO, tools=[weather]
    )
    assert texts(runner.until_done()) == "It rains."
    first, second = (request.json["messages"] for request in upstream.requests)
    assert second[: len(first)] == first
    assert second[-1]["content"] == "rain in Oslo"


def test_the_tool_runner_in_a_stream(client: anthropic.Anthropic, upstream: UpstreamStub) -> None:
    upstream.answer(
        tool_stream(("call_1", "weather", '{"city": "Bonn"}')), text_stream("It ", "rains.")
    )
    runner = client.beta.messages.tool_runner(
        model=MODEL, max_tokens=100, messages=HELLO, tools=[weather], stream=True
    )
    answers = [stream.get_final_message() for stream in runner]
    assert texts(answers[-1]) == "It rains."
    assert upstream.requests[-1].json["messages"][-1]["content"] == "rain in Bonn"


def test_the_memory_tool(
    client: anthropic.Anthropic, upstream: UpstreamStub, tmp_path: Path
) -> None:
    written = '{"command": "create", "path": "/memories/a.txt", "file_text": "remember"}'
    upstream.answer(called("memory", written), json_answer(completion("Noted.")))
    runner = client.beta.messages.tool_runner(
        model=MODEL,
        max_tokens=100,
        messages=HELLO,
        tools=[BetaLocalFilesystemMemoryTool(str(tmp_path))],
    )
    assert texts(runner.until_done()) == "Noted."
    assert [path.read_text() for path in tmp_path.rglob("a.txt")] == ["remember"]


def test_a_thread_raises_by_default(client: anthropic.Anthropic, upstream: UpstreamStub) -> None:
    thread = client.beta.messages.thread(model=MODEL, max_tokens=100)
    with pytest.raises(ThreadUnsupportedRequestError) as caught:
        thread.send(*HELLO)
    assert caught.value.details.error_code == "thread_unsupported_request"
    assert upstream.requests == []


def test_a_thread_goes_on_without_one(client: anthropic.Anthropic, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(completion("One.")), json_answer(completion("Two.")))
    thread = client.beta.messages.thread(
        model=MODEL, max_tokens=100, unsupported_request_behavior="continue_unthreaded"
    )
    assert texts(thread.send(*HELLO)) == "One."
    assert texts(thread.send({"role": "user", "content": "more"})) == "Two."
    assert [turn["content"] for turn in upstream.requests[-1].json["messages"]] == [
        "hello",
        "One.",
        "more",
    ]
