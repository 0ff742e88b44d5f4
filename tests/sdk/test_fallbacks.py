"""The official SDK's middleware asks the next model after a refusal, whole and streamed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from anthropic.lib.middleware import BetaFallbackState, BetaRefusalFallbackMiddleware

from tests.live import LiveProxy
from tests.sdk.clients import CLIENT_KEY
from tests.upstream_stub import (
    UpstreamStub,
    chunk,
    completion,
    json_answer,
    sse,
    text_stream,
)

FIRST, NEXT, LAST = "model-a", "model-b", "model-c"
HELLO: list[Any] = [{"role": "user", "content": "hello"}]


@pytest.fixture
def client(proxy: LiveProxy) -> Iterator[anthropic.Anthropic]:
    middleware = BetaRefusalFallbackMiddleware([{"model": NEXT}, {"model": LAST}])
    with anthropic.Anthropic(
        base_url=proxy.url, api_key=CLIENT_KEY, max_retries=0, timeout=30, middleware=[middleware]
    ) as sdk:
        yield sdk


def models(upstream: UpstreamStub) -> list[str]:
    return [request.json["model"] for request in upstream.requests]


def streamed(client: anthropic.Anthropic) -> Any:
    with client.beta.messages.stream(model=FIRST, max_tokens=100, messages=HELLO) as stream:
        return stream.get_final_message()


def test_a_whole_answer(client: anthropic.Anthropic, upstream: UpstreamStub) -> None:
    upstream.answer(
        json_answer(completion(None, "content_filter")), json_answer(completion("Yes."))
    )
    state = BetaFallbackState()
    with state:
        message = client.beta.messages.create(model=FIRST, max_tokens=100, messages=HELLO)
    assert [block.type for block in message.content] == ["fallback", "text"]
    assert models(upstream) == [FIRST, NEXT]
    assert state.index == 0


@pytest.mark.parametrize(
    ("refused", "text"),
    [
        pytest.param([chunk("content_filter")], ["Yes."], id="before any output"),
        pytest.param([chunk(content="Well"), chunk("content_filter")], ["Well", "Yes."], id="amid"),
        pytest.param([chunk(refusal="No."), chunk("stop")], ["No.", "Yes."], id="in words"),
    ],
)
def test_a_stream(
    client: anthropic.Anthropic, upstream: UpstreamStub, refused: list[Any], text: list[str]
) -> None:
    upstream.answer(sse(*refused), text_stream("Yes."))
    with BetaFallbackState():
        message = streamed(client)
    assert [block.text for block in message.content if block.type == "text" and block.text] == text
    assert [block.type for block in message.content].count("fallback") == 1
    assert message.stop_reason == "end_turn"
    assert models(upstream) == [FIRST, NEXT]
    # Without a prefill claim the request is repeated as it was.
    first, second = (request.json["messages"] for request in upstream.requests)
    assert first == second


def test_the_chain_goes_on(client: anthropic.Anthropic, upstream: UpstreamStub) -> None:
    upstream.answer(
        sse(chunk(content="a"), chunk("content_filter")),
        sse(chunk(content="b"), chunk("SAFETY")),
        text_stream("c"),
    )
    with BetaFallbackState():
        message = streamed(client)
    assert [block.text for block in message.content if block.type == "text"] == ["a", "b", "c"]
    assert models(upstream) == [FIRST, NEXT, LAST]


def test_all_refuse(client: anthropic.Anthropic, upstream: UpstreamStub) -> None:
    refused = json_answer(completion(None, "content_filter"))
    upstream.answer(refused, refused, refused)
    with BetaFallbackState():
        message = client.beta.messages.create(model=FIRST, max_tokens=100, messages=HELLO)
    assert message.stop_reason == "refusal"
    assert models(upstream) == [FIRST, NEXT, LAST]
