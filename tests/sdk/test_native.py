"""Direct mode through the real program, in front of a scripted native upstream."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import pytest

from tests.live import LiveProxy, live_proxy
from tests.sdk.clients import (
    CLIENT_KEY,
    UPSTREAM_KEY,
    message_request,
    raw_client,
    request_head,
    sdk_client,
)
from tests.upstream_stub import Close, Sleep, UpstreamStub, Wait, answer, json_answer

MESSAGE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-up",
    "content": [{"type": "text", "text": "Hello"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 12, "output_tokens": 7},
}


def event(kind: str, **members: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind} | members)}\n\n".encode()


EVENTS = [
    event("message_start", message={**MESSAGE, "content": [], "stop_reason": None}),
    event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
    event("content_block_delta", index=0, delta={"type": "text_delta", "text": "Hello"}),
    event("content_block_stop", index=0),
    event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 7}),
    event("message_stop"),
]


def streamed(*steps: Any) -> Any:
    return answer(*steps, content_type="text/event-stream", framing="chunked")


@pytest.fixture(scope="module")
def native_proxy(
    stub: UpstreamStub, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveProxy]:
    registry: Path = tmp_path_factory.mktemp("native") / "providers.json"
    provider = {
        "name": "native",
        "base_url": stub.origin,
        "api_key": UPSTREAM_KEY,
        "direct": True,
        "models": [{"id": "claude-haiku-4-5", "remote_id": "claude-up"}],
    }
    registry.write_text(json.dumps({"ak": CLIENT_KEY, "providers": [provider]}), "utf-8")
    with live_proxy({"CLAUDE_PROXY_CONFIG": str(registry)}) as running:
        yield running


@pytest.fixture
def native(native_proxy: LiveProxy) -> Iterator[anthropic.Anthropic]:
    with sdk_client(native_proxy) as sdk:
        yield sdk


def test_a_whole_answer(native: anthropic.Anthropic, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(MESSAGE))
    message = native.messages.create(
        model="claude-haiku-4-5", max_tokens=9, messages=[{"role": "user", "content": "Hi"}]
    )
    assert message.model == "claude-haiku-4-5"
    assert message.to_dict() == {**MESSAGE, "model": "claude-haiku-4-5"}
    sent = upstream.requests[0]
    assert sent.json["model"] == "claude-up"
    assert (sent.headers["x-api-key"], sent.headers.get("authorization")) == (UPSTREAM_KEY, None)


def test_a_stream(native: anthropic.Anthropic, upstream: UpstreamStub) -> None:
    upstream.answer(streamed(*EVENTS))
    with native.messages.stream(
        model="claude-haiku-4-5", max_tokens=9, messages=[{"role": "user", "content": "Hi"}]
    ) as stream:
        message = stream.get_final_message()
    assert message.model == "claude-haiku-4-5"
    assert [block.to_dict() for block in message.content] == MESSAGE["content"]


def test_a_cut_stream_is_an_error(native: anthropic.Anthropic, upstream: UpstreamStub) -> None:
    upstream.answer(streamed(*EVENTS[:3], Close()))
    with (
        native.messages.stream(
            model="claude-haiku-4-5", max_tokens=9, messages=[{"role": "user", "content": "Hi"}]
        ) as stream,
        pytest.raises(anthropic.APIStatusError, match="closed the stream before it finished"),
    ):
        stream.until_done()


def test_its_refusal_is_the_clients(native: anthropic.Anthropic, upstream: UpstreamStub) -> None:
    told = {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}}
    upstream.answer(json_answer(told, status=429, headers={"retry-after": "9"}))
    with pytest.raises(anthropic.RateLimitError) as refused:
        native.messages.create(
            model="claude-haiku-4-5", max_tokens=9, messages=[{"role": "user", "content": "Hi"}]
        )
    assert refused.value.body == told
    assert refused.value.response.headers["retry-after"] == "9"


def test_a_client_that_leaves_ends_the_upstreams_work(
    native_proxy: LiveProxy, upstream: UpstreamStub
) -> None:
    never = threading.Event()
    upstream.answer(streamed(*EVENTS[:3], Wait(never)))
    with raw_client(native_proxy) as client:
        client.send(message_request())
        client.read_until(b"Hello")
    assert upstream.connections[-1].closed.wait(60)
    never.set()


def test_a_cut_file_does_not_look_whole(native_proxy: LiveProxy, upstream: UpstreamStub) -> None:
    upstream.answer(
        answer(b"half", Sleep(0.1), Close(), content_type="text/plain", framing="chunked")
    )
    with raw_client(native_proxy) as client:
        head = request_head({}, "/v1/files/f/content").replace(b"POST", b"GET", 1)
        client.send(head)
        received = client.read_all()
    assert b"\r\n\r\n4\r\nhalf\r\n" in received
    assert not received.endswith(b"0\r\n\r\n")
