"""The official client library accepts every golden stream and builds the message that we build."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import anthropic
import httpx2
import pytest

from proxy.convert.reply.chat_to_message import chat_to_message, message_to_events
from proxy.convert.reply.events import Event
from proxy.convert.reply.events_to_message import EventCollector
from proxy.sse import encode_events
from tests.convert.chunk_builders import entry, reply, translated
from tests.convert.reply.test_stream_golden import CASES, read_case


def accumulated(events: Iterable[Event]) -> dict[str, Any]:
    """The message that the SDK builds from the bytes of ``events``; raises what it raises."""
    body = encode_events(list(events))
    answer = httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=body)
    transport = httpx2.MockTransport(lambda request: answer)
    with (
        httpx2.Client(transport=transport) as http,
        anthropic.Anthropic(api_key="k", http_client=http, max_retries=0) as client,
        client.messages.stream(
            model="claude-x", max_tokens=9, messages=[{"role": "user", "content": "hi"}]
        ) as stream,
    ):
        return stream.get_final_message().to_dict(mode="json")


def assert_same(built: dict[str, Any], events: list[Event]) -> None:
    collector = EventCollector()
    collector.feed(events)
    ours = collector.message
    for member in ("id", "role", "model", "stop_reason", "stop_sequence", "stop_details"):
        assert built[member] == ours[member]
    assert built["usage"].items() <= ours["usage"].items()
    assert [stripped(block) for block in built["content"]] == ours["content"]


def stripped(block: dict[str, Any]) -> dict[str, Any]:
    """A block without the members that only the SDK adds."""
    return {name: value for name, value in block.items() if value is not None}


UNBROKEN = [case for case in CASES if "broken" not in case and not case.startswith(("err", "und"))]


@pytest.mark.parametrize("case", [case for case in UNBROKEN if case != "length_with_queued_call"])
def test_the_sdk_builds_the_message_that_we_build(case: str) -> None:
    chunks, facts = read_case(case)
    events = translated(chunks, reply(**facts))
    assert_same(accumulated(events), events)


def test_the_sdk_takes_calls_that_were_cut() -> None:
    chunks, _ = read_case("length_with_queued_call")
    message = accumulated(translated(chunks))
    assert message["stop_reason"] == "max_tokens"
    assert [block["name"] for block in message["content"]] == ["f", "g"]


@pytest.mark.parametrize("case", [case for case in CASES if case not in UNBROKEN])
def test_the_sdk_raises_for_a_broken_stream(case: str) -> None:
    chunks, facts = read_case(case)
    events = translated(chunks, reply(**facts))
    with pytest.raises(anthropic.APIStatusError) as caught:
        accumulated(events)
    assert caught.value.body == events[-1]


def test_the_sdk_takes_a_whole_message_as_events() -> None:
    message = {
        "reasoning": "r",
        "content": "a",
        "tool_calls": [entry(None, "c", "f", '{"x":{"y":[1,"é"]}}'), entry(None, "d", "f", "[1]")],
    }
    completion = {"choices": [{"message": message, "finish_reason": "tool_calls"}]}
    events = message_to_events(chat_to_message(completion, reply()))
    built = accumulated(events)
    assert_same(built, events)
    assert [block["input"] for block in built["content"][2:]] == [
        {"x": {"y": [1, "é"]}},
        {"value": [1]},
    ]
