"""Estimated usage of responses without reported usage: when and for which client it counts."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import EnvironBuilder

from config.registry.values import Provider, Registry
from proxy.api.context import EXTENSION
from proxy.concurrency import LONG_BYTES
from proxy.telemetry.stats import machine_stats
from tests.api.conftest import KEY, Connect, message_request
from tests.upstream_stub import UpstreamStub, Wait, answer, completion, json_answer, sse

PROMPT = "word " * 80
PROMPT_TOKENS = 88
"""As the tokenizer counts it, with what frames a message."""
FOREVER = Wait(threading.Event())
MESSAGE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "Hello"}],
    "stop_reason": "end_turn",
}
STREAM = (
    {"type": "message_start", "message": MESSAGE},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
    {"type": "message_stop"},
)
FAMILY = "anthropic-ratelimit-tokens-remaining"


def native(upstream: UpstreamStub) -> dict[str, Any]:
    """The settings of a proxy whose only upstream is native."""
    provider = Provider(name="native", base_url=upstream.origin, native=True)
    registry = Registry(providers=(provider,), models=(), default=provider)
    return {"openai_api_key": None, "registry": registry}


def counted(client: FlaskClient) -> dict[str, Any]:
    total: dict[str, Any] = machine_stats(client.application.extensions[EXTENSION].metrics)["total"]
    return total


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("size", [400, LONG_BYTES], ids=["short", "long"])
def test_an_untold_bill_is_counted_once_the_client_has_its_answer(
    connect: Connect, upstream: UpstreamStub, size: int, stream: bool
) -> None:
    client = connect(**native(upstream))
    upstream.answer(sse(*STREAM, done=False) if stream else json_answer(MESSAGE))
    words = "word " * (size // 5)
    body = message_request(words, stream=stream)
    response = client.post("/v1/messages", json=body, headers=KEY)
    assert b"msg_1" in response.data
    assert counted(client) == {}
    response.close()
    total = counted(client)
    assert (total["requests"], total["estimated"]) == (1, 1)
    # One token a word, and what frames a message.
    assert abs(total["input_tokens"] - size // 5 - 7) <= size // 4000 + 1


@pytest.mark.parametrize("told", [{"input_tokens": 1000, "output_tokens": 1}, None])
def test_what_came_before_a_client_left_that_read_nothing(
    connect: Connect, upstream: UpstreamStub, told: dict[str, int] | None
) -> None:
    client = connect(**native(upstream))
    start = {"type": "message_start", "message": MESSAGE | ({"usage": told} if told else {})}
    upstream.answer(sse(start, *STREAM[1:], done=False))
    body = message_request(PROMPT, stream=True)
    environ = EnvironBuilder(
        "/v1/messages", method="POST", json=body, headers=[*KEY.items()]
    ).get_environ()
    # As a server does for a client that is gone; the test client asks for the first bytes.
    app: Any = client.application.wsgi_app
    app(environ, lambda *_: None).close()
    stats = machine_stats(client.application.extensions[EXTENSION].metrics)
    assert stats["statuses"] == {"499": 1}
    total = stats["total"]
    assert total["input_tokens"] == (1000 if told else PROMPT_TOKENS)
    assert total["estimated"] == (0 if told else 1)


def test_an_untold_bill_is_charged_to_the_client(connect: Connect, upstream: UpstreamStub) -> None:
    client = connect(rate_limit_tpm=10_000, **native(upstream))
    # Long enough that its bytes would pass for output.
    empty = MESSAGE | {"id": "msg_" + 400 * "1", "content": []}
    upstream.answer(json_answer(empty), json_answer(MESSAGE))
    body = message_request(PROMPT)
    client.post("/v1/messages", json=body, headers=KEY).close()
    spent = counted(client)["input_tokens"]
    assert spent > 80
    second = client.post("/v1/messages", json=body, headers=KEY)
    assert second.headers[FAMILY] == str(10_000 - spent)


def test_an_answer_that_was_not_waited_for_is_charged(
    connect: Connect, upstream: UpstreamStub
) -> None:
    upstream.answer((FOREVER,), json_answer(completion()))
    client = connect(rate_limit_tpm=10_000, openai_api_key=None, first_byte_timeout=0.3)
    body = message_request(PROMPT)
    late = client.post("/v1/messages", json=body, headers=KEY)
    assert late.status_code == 504
    late.close()
    assert counted(client)["input_tokens"] == len(PROMPT) // 4
    second = client.post("/v1/messages", json=body, headers=KEY)
    assert second.headers[FAMILY] == str(10_000 - len(PROMPT) // 4)


@pytest.mark.parametrize("direct", [False, True], ids=["chat", "native"])
def test_without_estimates_nothing_is_counted_that_was_not_told(
    connect: Connect, upstream: UpstreamStub, direct: bool
) -> None:
    settings = native(upstream) if direct else {"openai_api_key": None}
    client = connect(enable_token_estimation=False, first_byte_timeout=0.3, **settings)
    upstream.answer((FOREVER,), answer(b"{", FOREVER, b"}"))
    for _ in range(2):
        late = client.post("/v1/messages", json=message_request(PROMPT), headers=KEY)
        assert late.status_code == 504
        late.close()
    assert counted(client) == {}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("direct", [False, True], ids=["chat", "native"])
def test_a_bug_of_ours_does_not_hide_what_was_spent(
    connect: Connect,
    upstream: UpstreamStub,
    monkeypatch: pytest.MonkeyPatch,
    direct: bool,
    stream: bool,
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise LookupError("a word of the prompt")

    settings = native(upstream) if direct else {"openai_api_key": None}
    client = connect(rate_limit_tpm=10_000, **settings)
    place = "native.open.response_headers" if direct else "open.client_headers"
    monkeypatch.setattr(f"proxy.relay.{place}", broken)
    upstream.answer(json_answer(MESSAGE if direct else completion()))
    answered = client.post("/v1/messages", json=message_request(PROMPT, stream=stream), headers=KEY)
    assert answered.status_code == 500
    answered.close()
    spent = counted(client)
    assert (spent["estimated"], spent["input_tokens"]) == (1, len(PROMPT) // 4)
    monkeypatch.undo()
    upstream.answer(json_answer(MESSAGE if direct else completion()))
    second = client.post("/v1/messages", json=message_request(PROMPT), headers=KEY)
    assert second.headers[FAMILY] == str(10_000 - spent["input_tokens"])
