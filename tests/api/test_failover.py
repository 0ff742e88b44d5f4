"""Failover, key rotation and retries in front of several real upstreams on loopback."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from time import monotonic
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from config.registry.values import Model, Provider, Registry
from config.settings import Settings
from proxy.api.context import EXTENSION
from proxy.app import create_app
from proxy.providers.circuit_breaker import BreakerRule, Entry
from proxy.providers.health import ProviderHealth
from tests.api.conftest import message_request
from tests.live import free_port
from tests.upstream_stub import (
    Close,
    Reset,
    Script,
    Sleep,
    UpstreamStub,
    Wait,
    answer,
    chunk,
    completion,
    head,
    json_answer,
    sse,
    text_stream,
)

PATH = "/v1/messages"
ROUTE = "x-claude-proxy-route"
PROMPT = "the secret prompt"
FIRST_SECONDS = 0.6
"""How long the first provider may take to its first byte."""

Start = Callable[..., FlaskClient]


@pytest.fixture
def second() -> Iterator[UpstreamStub]:
    stub = UpstreamStub(default=served)
    yield stub
    stub.close()


@pytest.fixture
def start(upstream: UpstreamStub, second: UpstreamStub) -> Iterator[Start]:
    """A proxy with the models ``a`` at the first upstream and ``b``, its fallback, at the second."""
    apps: list[Flask] = []

    def started(
        a: Mapping[str, Any] | None = None,
        b: Mapping[str, Any] | None = None,
        *,
        fallbacks: tuple[str, ...] = ("b",),
        rule: BreakerRule | None = None,
        **settings: Any,
    ) -> FlaskClient:
        first = Provider("first", upstream.base_url, ("key-a",), timeout_seconds=FIRST_SECONDS)
        other = Provider("second", second.base_url, ("key-b",))
        first, other = replace(first, **(a or {})), replace(other, **(b or {}))
        models = (
            Model("a", "model-a", first, fallbacks=fallbacks),
            Model("b", "model-b", other),
        )
        registry = Registry((first, other), first, models, from_file=True)
        app = create_app(Settings(**settings), registry)
        app.extensions[EXTENSION] = replace(app.extensions[EXTENSION], states=ProviderHealth(rule))
        apps.append(app)
        return app.test_client()

    yield started
    for app in apps:
        app.extensions[EXTENSION].close()


def served(recorded: Any) -> Script:
    return text_stream("Hello") if recorded.json.get("stream") else json_answer(completion("Hello"))


def ask(client: FlaskClient, *, stream: bool = False, **extra: Any) -> TestResponse:
    body = message_request(PROMPT, model="a") | ({"stream": True} if stream else {})
    return client.post(PATH, json=body, headers={"x-api-key": "client"}, **extra)


def refused(status: int, code: str | None = None, **headers: str) -> Script:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return json_answer({"error": {"message": "no", "code": code}}, status=status, headers=named)


FAILURES = [
    pytest.param(refused(500), id="edge 104 500"),
    pytest.param(refused(502), id="edge 104 502"),
    pytest.param(refused(503), id="edge 104 503"),
    pytest.param(refused(529), id="edge 104 529"),
    pytest.param(refused(408), id="edge 104 408"),
    pytest.param(refused(429), id="edge 104 429 without retry-after"),
    pytest.param(refused(429, retry_after="6"), id="edge 104 429 above 5 s"),
    pytest.param(refused(429, "insufficient_quota"), id="edge 105 insufficient_quota"),
    pytest.param(refused(401), id="401 of the server's key"),
    pytest.param(refused(402), id="402 of the server's key"),
    pytest.param(refused(403), id="403 of the server's key"),
    pytest.param((Sleep(FIRST_SECONDS + 1.5), Close()), id="edge 108 silent"),
    pytest.param((Reset(),), id="edge 104 closed without an answer"),
    pytest.param(
        json_answer({"error": {"message": "x", "type": "overloaded_error"}}),
        id="edge 104 an error inside a 200",
    ),
]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("script", FAILURES)
def test_the_next_model_answers(
    start: Start, upstream: UpstreamStub, second: UpstreamStub, script: Script, stream: bool
) -> None:
    upstream.answer(script)
    response = ask(start(), stream=stream)
    assert response.status_code == 200
    assert response.headers[ROUTE] == "second/model-b;reason=fallback"
    assert b'"model":"a"' in response.data
    assert b"Hello" in response.data
    assert [len(upstream.requests), len(second.requests)] == [1, 1]
    sent = second.requests[0]
    assert sent.json["model"] == "model-b"
    assert sent.headers["authorization"] == "Bearer key-b"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_edge_104_the_first_upstream_is_down(
    start: Start, second: UpstreamStub, stream: bool
) -> None:
    client = start({"base_url": f"http://127.0.0.1:{free_port()}/v1"})
    response = ask(client, stream=stream)
    assert (response.status_code, response.headers[ROUTE]) == (
        200,
        "second/model-b;reason=fallback",
    )
    assert b"Hello" in response.data


def test_edge_108_a_stream_without_a_first_chunk_in_time(
    start: Start, upstream: UpstreamStub
) -> None:
    upstream.answer(sse(Sleep(FIRST_SECONDS + 1.5)))
    response = ask(start(), stream=True)
    assert response.headers[ROUTE] == "second/model-b;reason=fallback"
    assert b"Hello" in response.data


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("script", "status"),
    [
        pytest.param(refused(400), 400, id="400"),
        pytest.param(refused(404), 404, id="404"),
        pytest.param(refused(409), 409, id="409"),
        pytest.param(refused(413), 413, id="413"),
        pytest.param(refused(422), 400, id="422"),
        pytest.param(refused(429, retry_after="5"), 429, id="edge 104 429 for 5 s"),
        pytest.param(
            json_answer("no completion"), 502, id="edge 104 an answer that makes no sense"
        ),
    ],
)
def test_these_are_final(
    start: Start,
    upstream: UpstreamStub,
    second: UpstreamStub,
    script: Script,
    status: int,
    stream: bool,
) -> None:
    upstream.answer(script)
    assert ask(start(), stream=stream).status_code == status
    assert [len(upstream.requests), len(second.requests)] == [1, 0]


@pytest.mark.parametrize("status", [401, 402, 403])
def test_what_is_wrong_with_the_clients_key_is_final(
    start: Start, upstream: UpstreamStub, second: UpstreamStub, status: int
) -> None:
    upstream.answer(refused(status))
    assert ask(start({"api_keys": ()})).status_code == status
    assert second.requests == []


def test_edge_104_nothing_is_tried_after_the_first_byte_of_a_stream(
    start: Start, upstream: UpstreamStub, second: UpstreamStub
) -> None:
    upstream.answer(sse(chunk(content="Hel"), Reset()))
    response = ask(start(max_retries=3), stream=True)
    assert response.status_code == 200
    assert b"Hel" in response.data
    assert b"event: error" in response.data
    assert response.headers[ROUTE] == "first/model-a;reason=registered"
    assert [len(upstream.requests), len(second.requests)] == [1, 0]


def test_edge_104_nothing_is_tried_after_the_first_byte_of_a_whole_answer(
    start: Start, upstream: UpstreamStub, second: UpstreamStub
) -> None:
    script = answer(b'{"choices"', Reset(), framing="chunked")
    upstream.answer(script)
    assert ask(start(max_retries=3)).status_code == 502
    assert [len(upstream.requests), len(second.requests)] == [1, 0]


def test_all_fail_the_first_failure_is_told(
    start: Start, upstream: UpstreamStub, second: UpstreamStub
) -> None:
    upstream.answer(refused(529))
    second.answer(refused(401))
    response = ask(start())
    assert response.status_code == 529
    assert response.get_json()["error"]["type"] == "overloaded_error"
    assert [len(upstream.requests), len(second.requests)] == [1, 1]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_edge_70_nothing_is_tried_after_the_client_left(
    start: Start, upstream: UpstreamStub, second: UpstreamStub, stream: bool
) -> None:
    near, far = socket.socketpair()
    go_on = threading.Event()
    upstream.answer((Wait(go_on), *refused(500)))

    def leave() -> None:
        upstream.wait_for_requests(1)
        far.close()
        go_on.set()

    threading.Thread(target=leave, daemon=True).start()
    client = start({"timeout_seconds": None}, max_retries=3)
    with near:
        response = ask(client, stream=stream, environ_overrides={"gunicorn.socket": near})
    assert response.status_code == 499
    assert [len(upstream.requests), len(second.requests)] == [1, 0]


def test_edge_70_a_client_that_leaves_during_a_pause_ends_the_retries(
    start: Start, upstream: UpstreamStub
) -> None:
    near, far = socket.socketpair()
    upstream.default = refused(429, retry_after="5")

    def leave() -> None:
        upstream.wait_for_requests(1)
        far.close()

    threading.Thread(target=leave, daemon=True).start()
    started = monotonic()
    with near:
        response = ask(start(max_retries=3), environ_overrides={"gunicorn.socket": near})
    assert response.status_code == 499
    assert monotonic() - started < 4.5
    assert len(upstream.requests) == 1


def test_a_dead_provider_is_left_alone_until_its_probe_succeeds(
    start: Start, upstream: UpstreamStub, second: UpstreamStub
) -> None:
    client = start(rule=BreakerRule(failures=3, window=60, open_seconds=0.5))
    upstream.default = refused(500)
    for _ in range(6):
        assert ask(client).status_code == 200
    assert [len(upstream.requests), len(second.requests)] == [3, 6]
    wait_for(0.5)
    ask(client)
    assert len(upstream.requests) == 4, "the probe fails, and the rest doubles"
    wait_for(0.5)
    ask(client)
    assert len(upstream.requests) == 4
    wait_for(0.6)
    upstream.default = served
    for _ in range(2):
        assert ask(client).headers[ROUTE] == "first/model-a;reason=registered"
    assert len(upstream.requests) == 6


def wait_for(seconds: float) -> None:
    threading.Event().wait(seconds)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_rate_limited_key_rests_while_the_others_serve(
    start: Start, upstream: UpstreamStub, second: UpstreamStub, stream: bool
) -> None:
    upstream.default = served
    upstream.answer(refused(429, retry_after="1"))
    client = start({"api_keys": ("k1", "k2")}, fallbacks=())
    for _ in range(2):
        assert ask(client, stream=stream).status_code == 200
    wait_for(1.1)
    assert ask(client, stream=stream).status_code == 200
    sent = [request.headers["authorization"] for request in upstream.requests]
    assert sent == ["Bearer k1", "Bearer k2", "Bearer k2", "Bearer k1"]


def test_edge_105_every_key_is_out_of_quota(
    start: Start, upstream: UpstreamStub, second: UpstreamStub
) -> None:
    upstream.default = refused(429, "insufficient_quota")
    client = start({"api_keys": ("k1", "k2")})
    assert [ask(client).headers[ROUTE] for _ in range(2)] == ["second/model-b;reason=fallback"] * 2
    assert [len(upstream.requests), len(second.requests)] == [2, 2]


@pytest.mark.parametrize(
    ("script", "max_retries", "requests", "status"),
    [
        pytest.param(refused(500), 0, 1, 500, id="edge 104 none by default"),
        pytest.param(refused(500), 2, 3, 200, id="edge 104 500"),
        pytest.param(refused(408), 2, 3, 200, id="edge 104 408"),
        pytest.param(refused(409), 2, 3, 200, id="edge 104 409"),
        pytest.param(
            refused(429, retry_after="0.1"), 2, 3, 200, id="edge 104 429 for a short time"
        ),
        pytest.param(refused(429), 2, 1, 429, id="edge 104 429 without a time"),
        pytest.param(refused(400), 2, 1, 400, id="edge 104 400"),
        pytest.param(refused(429, "insufficient_quota"), 2, 1, 402, id="edge 105 quota"),
        pytest.param(refused(500), 1, 2, 500, id="edge 104 bounded"),
    ],
)
def test_retries_on_the_same_upstream(
    start: Start,
    upstream: UpstreamStub,
    script: Script,
    max_retries: int,
    requests: int,
    status: int,
) -> None:
    upstream.answer(script, script)
    upstream.default = served
    response = ask(start(fallbacks=(), max_retries=max_retries))
    assert (response.status_code, len(upstream.requests)) == (status, requests)


def test_healing_comes_before_everything_else(
    start: Start, upstream: UpstreamStub, second: UpstreamStub
) -> None:
    unknown = {"message": "Unsupported parameter: top_p", "param": "top_p"}
    upstream.answer(json_answer({"error": unknown}, status=400), refused(500))
    client = start()
    body = message_request(PROMPT, model="a", top_p=0.5)
    response = client.post(PATH, json=body)
    assert response.headers[ROUTE] == "second/model-b;reason=fallback"
    assert ["top_p" in request.json for request in upstream.requests] == [True, False]
    assert second.requests[0].json["top_p"] == 0.5
    assert "x-claude-proxy-dropped" not in response.headers


def test_nothing_begins_after_the_deadline(
    start: Start, upstream: UpstreamStub, second: UpstreamStub
) -> None:
    upstream.answer((Sleep(0.4), *refused(500)))
    client = start({"timeout_seconds": None}, failover_deadline=0.3, max_retries=3)
    assert ask(client).status_code == 500
    assert [len(upstream.requests), len(second.requests)] == [1, 0]


def test_the_whole_requests_limit_ends_everything(
    start: Start, upstream: UpstreamStub, second: UpstreamStub
) -> None:
    upstream.answer((Sleep(3), *refused(500)))
    client = start({"timeout_seconds": None}, total_timeout=0.5, max_retries=3)
    assert ask(client).status_code == 504
    assert second.requests == []


def test_a_clients_key_never_goes_to_another_provider(
    start: Start, upstream: UpstreamStub, second: UpstreamStub
) -> None:
    upstream.answer(refused(500))
    response = ask(start({"api_keys": ()}, {"api_keys": ()}))
    assert response.headers[ROUTE] == "second/model-b;reason=fallback"
    assert upstream.requests[0].headers["authorization"] == "Bearer client"
    assert "authorization" not in second.requests[0].headers


MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "model-x",
    "content": [{"type": "text", "text": "Hello"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1},
}


def test_a_native_upstream_stands_in_for_a_converted_one(
    start: Start, upstream: UpstreamStub, second: UpstreamStub
) -> None:
    upstream.answer(refused(500))
    second.answer(json_answer(MESSAGE | {"model": "model-b"}))
    response = ask(start(b={"native": True}))
    assert response.headers[ROUTE] == "second/model-b;reason=fallback"
    assert response.get_json() == MESSAGE | {"model": "a"}
    sent = second.requests[0]
    assert (sent.target, sent.headers["x-api-key"]) == ("/v1/messages", "key-b")
    assert sent.json == message_request(PROMPT, model="model-b")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_converted_upstream_stands_in_for_a_native_one(
    start: Start, upstream: UpstreamStub, second: UpstreamStub, stream: bool
) -> None:
    overloaded = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
    upstream.answer(json_answer(overloaded, status=529))
    response = ask(start({"native": True}), stream=stream)
    assert response.headers[ROUTE] == "second/model-b;reason=fallback"
    assert b"Hello" in response.data
    assert second.requests[0].target == "/v1/chat/completions"


def test_the_last_native_refusal_is_passed_as_it_is(
    start: Start, upstream: UpstreamStub, second: UpstreamStub
) -> None:
    overloaded = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
    upstream.answer(json_answer(overloaded, status=529))
    second.answer(refused(500))
    response = ask(start({"native": True}))
    assert (response.status_code, response.get_json()) == (529, overloaded)


def test_one_warning_for_each_failover_without_the_prompt(
    start: Start, upstream: UpstreamStub, caplog: pytest.LogCaptureFixture
) -> None:
    upstream.answer(json_answer({"error": {"message": f"bad: {PROMPT}"}}, status=500))
    with caplog.at_level(logging.INFO, logger="proxy"):
        response = ask(start())
    warnings = [entry.getMessage() for entry in caplog.records if entry.levelname == "WARNING"]
    assert warnings == [
        f"failover request_id={response.headers['request-id']}: first/model-a failed"
        " (api_error: the upstream answered 500), trying second/model-b"
    ]
    assert PROMPT not in caplog.text
    [access] = [r.getMessage() for r in caplog.records if "POST /v1/messages" in r.getMessage()]
    assert "a -> model-b provider=second" in access


def test_a_key_is_never_logged(
    start: Start, upstream: UpstreamStub, caplog: pytest.LogCaptureFixture
) -> None:
    upstream.default = served
    upstream.answer(refused(429))
    with caplog.at_level(logging.DEBUG, logger="proxy"):
        ask(start({"api_keys": ("topsecret-1", "topsecret-2")}))
    assert "key 1 of first failed (rate_limit_error: the upstream answered 429)" in caplog.text
    assert "topsecret" not in caplog.text


def test_a_stream_that_stays_empty_counts_against_its_provider(
    start: Start, upstream: UpstreamStub
) -> None:
    """The client's 200 goes out after 5 s; whether the provider is alive shows only later."""
    client = start({"timeout_seconds": 5.5}, rule=BreakerRule(failures=1))
    upstream.answer(sse(Sleep(8)))
    response = ask(client, stream=True)
    assert response.headers[ROUTE] == "first/model-a;reason=registered"
    assert b"timeout_error" in response.data
    response.close()
    assert ask(client, stream=True).headers[ROUTE] == "second/model-b;reason=fallback"


def test_a_cache_pre_warm_says_nothing_of_the_provider(
    start: Start, upstream: UpstreamStub, second: UpstreamStub
) -> None:
    client = start(rule=BreakerRule(failures=1))
    upstream.default = refused(500)
    ask(client)
    warm = message_request(PROMPT, model="a", max_tokens=0)
    assert client.post(PATH, json=warm).status_code == 200
    ask(client)
    assert [len(upstream.requests), len(second.requests)] == [1, 2]


def test_a_fallback_that_cannot_carry_the_request_is_passed_over(
    start: Start, upstream: UpstreamStub, second: UpstreamStub
) -> None:
    """A native upstream takes what the Messages API of this proxy does not know."""
    upstream.answer(refused(529))
    body = message_request(PROMPT, model="a") | {"max_tokens": "many"}
    response = start({"native": True}).post(PATH, json=body, headers={"x-api-key": "client"})
    assert response.status_code == 529
    assert second.requests == []


def test_a_probe_whose_client_left_does_not_keep_others_out(
    start: Start, upstream: UpstreamStub, second: UpstreamStub
) -> None:
    """The fallback lets its one probe in before it is noticed that nobody waits any more."""
    client = start({"timeout_seconds": None}, rule=BreakerRule(failures=1, open_seconds=0.1))
    states = client.application.extensions[EXTENSION].states
    breaker = states.breaker(client.application.extensions[EXTENSION].registry.providers[1])
    breaker.failed(Entry.ORDINARY, monotonic() - 1)
    near, far = socket.socketpair()
    go_on = threading.Event()
    upstream.answer((Wait(go_on), *refused(500)))

    def leave() -> None:
        upstream.wait_for_requests(1)
        far.close()
        go_on.set()

    threading.Thread(target=leave, daemon=True).start()
    with near:
        response = ask(client, environ_overrides={"gunicorn.socket": near})
    assert (response.status_code, second.requests) == (499, [])
    upstream.default = refused(500)
    assert ask(client).headers[ROUTE] == "second/model-b;reason=fallback"


@pytest.mark.parametrize("direct", [False, True], ids=["converted", "native"])
def test_a_refusal_that_breaks_off_is_still_one(
    start: Start, upstream: UpstreamStub, direct: bool
) -> None:
    told = head(503, {"Content-Type": "application/json", "Content-Length": "99"})
    upstream.answer((told, b'{"error', Close()))
    assert ask(start({"native": direct})).headers[ROUTE] == "second/model-b;reason=fallback"


def test_a_native_stream_that_stays_empty_counts_against_its_provider(
    start: Start, upstream: UpstreamStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.relay.stream.PEEK_SECONDS", 0.3)
    client = start({"timeout_seconds": 0.8, "native": True}, rule=BreakerRule(failures=1))
    upstream.answer(sse(Sleep(3)))
    response = ask(client, stream=True)
    assert response.headers[ROUTE] == "first/model-a;reason=registered"
    assert b"timeout_error" in response.data
    response.close()
    assert ask(client, stream=True).headers[ROUTE] == "second/model-b;reason=fallback"


@pytest.mark.parametrize("direct", [False, True], ids=["converted", "native"])
def test_a_late_first_byte_proves_the_provider_alive_before_its_stream_ends(
    start: Start, upstream: UpstreamStub, monkeypatch: pytest.MonkeyPatch, direct: bool
) -> None:
    monkeypatch.setattr("proxy.relay.stream.PEEK_SECONDS", 0.3)
    client = start({"timeout_seconds": 5, "native": direct}, rule=BreakerRule(failures=1))
    runtime = client.application.extensions[EXTENSION]
    breaker = runtime.states.breaker(runtime.registry.providers[0])
    breaker.failed(Entry.ORDINARY, monotonic() - 60)
    block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text"}}
    first = block if direct else chunk(content="Hello")
    upstream.answer(sse(Sleep(0.8), first, Wait(threading.Event())))
    response = ask(client, stream=True)
    pieces = iter(response.response)
    while b"content_block_start" not in next(pieces):
        pass
    assert breaker.state(monotonic()) == "closed"
    response.close()


def test_a_keyless_fallback_at_the_same_host_needs_no_key_of_the_clients(
    start: Start, upstream: UpstreamStub
) -> None:
    client = start(b={"base_url": upstream.base_url, "api_keys": ()})
    for headers in ({}, {"x-api-key": "client"}):
        upstream.requests.clear()
        upstream.answer(refused(500), served_whole())
        response = client.post(PATH, json=message_request(PROMPT, model="a"), headers=headers)
        assert response.status_code == 200
        assert "authorization" not in upstream.requests[-1].headers


def served_whole() -> Script:
    return json_answer(completion("Hello"))
