"""Direct mode: a native upstream behind the proxy, byte for byte (docs/protocol.md section 8)."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from time import monotonic
from typing import Any, cast

import gevent
import pytest
from flask.testing import FlaskClient

from config.registry.values import Model, Provider, Registry, environment_registry
from config.settings import Settings
from config.urls import messages_url
from proxy.api.context import EXTENSION
from proxy.app import create_app
from proxy.errors import UpstreamError
from proxy.providers.routing import Router
from proxy.telemetry.stats import machine_stats
from tests.upstream_stub import Close, Reset, Sleep, UpstreamStub, Wait, answer, json_answer

PATH = "/v1/messages"
KEY = {"x-api-key": "client-key"}
USAGE = {"input_tokens": 12, "output_tokens": 7}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-up",
    "content": [{"type": "text", "text": 'the "model": "claude-up"'}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": USAGE,
}


def native_app(upstream: UpstreamStub, *models: Model, **provider: Any) -> FlaskClient:
    """A proxy whose one provider is native, with a key of its own unless told otherwise."""
    native = Provider(
        **({"name": "native", "base_url": upstream.origin, "api_keys": ("sk-server",)} | provider),
        native=True,
    )
    registry = Registry(
        providers=(native,),
        default=native,
        models=tuple(
            Model(id=model.id, remote_id=model.remote_id, provider=native) for model in models
        ),
        from_file=bool(models),
        default_is_registered=True,
    )
    return create_app(Settings(), registry).test_client()


@pytest.fixture
def client(upstream: UpstreamStub) -> Iterator[FlaskClient]:
    made = native_app(upstream)
    yield made
    made.application.extensions[EXTENSION].close()


@pytest.fixture
def renaming(upstream: UpstreamStub) -> Iterator[FlaskClient]:
    """``mine`` is the client's name for ``claude-up``."""
    nobody = Provider(name="x", base_url="http://x.test")
    made = native_app(upstream, Model(id="mine", remote_id="claude-up", provider=nobody))
    yield made
    made.application.extensions[EXTENSION].close()


def event(kind: str, **members: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind} | members)}\n\n".encode()


def native_events(model: str = "claude-up") -> list[bytes]:
    start = {**MESSAGE, "model": model, "content": [], "usage": {**USAGE, "output_tokens": 1}}
    text = {"type": "text_delta", "text": 'the "model": "claude-up"'}
    return [
        event("message_start", message=start),
        event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        event("ping"),
        b": a comment\r\n\r\n",
        event("content_block_delta", index=0, delta=text),
        event("content_block_stop", index=0),
        event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 7}),
        event("message_stop"),
    ]


def streamed(*steps: Any, **options: Any) -> Any:
    return answer(
        *steps, content_type="text/event-stream; charset=utf-8", framing="chunked", **options
    )


ODD_BODY = (
    b'{ "messages" : "not even a list", "model":"mine" , "x":{"model":"mine"},\n'
    b' "n": 1.0, "big": 123456789012345678901234567890, "u":"\\u00e9\\/" }'
)


def test_the_body_goes_up_as_it_came(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(MESSAGE))
    response = client.post(PATH, data=ODD_BODY, content_type="application/json", headers=KEY)
    assert response.status_code == 200
    assert response.data == json.dumps(MESSAGE).encode()
    sent = upstream.requests[0]
    assert (sent.method, sent.target, sent.body) == ("POST", "/v1/messages", ODD_BODY)


def test_only_the_models_value_changes(renaming: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(MESSAGE))
    response = renaming.post(PATH, data=ODD_BODY, content_type="application/json", headers=KEY)
    assert upstream.requests[0].body == ODD_BODY.replace(b'"mine" ,', b'"claude-up" ,')
    assert response.data == json.dumps(MESSAGE).encode().replace(
        b'"model": "claude-up", "content"', b'"model": "mine", "content"'
    )
    assert response.headers["x-claude-proxy-route"] == "native/claude-up;reason=registered"


def test_claudes_own_names_need_no_mapping(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(MESSAGE))
    client.post(PATH, json={"model": "claude-haiku-4-5[1m]"}, headers=KEY)
    assert upstream.requests[0].json == {"model": "claude-haiku-4-5"}


@pytest.mark.parametrize(
    ("name", "model"),
    [
        pytest.param("claude-opus-4-8", "claude-chosen", id="a tier that the operator chose"),
        pytest.param("claude-haiku-4-5", "claude-haiku-4-5", id="one that nobody chose"),
        pytest.param("anthropic/claude-haiku-4-5", "claude-haiku-4-5", id="its alias"),
    ],
)
def test_tiers_of_a_native_default(name: str, model: str) -> None:
    settings = Settings(openai_base_url="https://api.anthropic.com", big_model="claude-chosen")
    route = Router(settings, environment_registry(settings)).resolve(name)
    assert (route.model, route.native) == (model, True)
    assert messages_url(route.provider) == "https://api.anthropic.com/v1/messages"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(b"{", "not valid JSON", id="8 not JSON"),
        pytest.param(b"[]", "Input should be an object", id="8 not an object"),
        pytest.param(b"{}", "model: Field required", id="8 no model"),
        pytest.param(b'{"model":7}', "model: Input should be a valid string", id="8 odd model"),
        pytest.param(
            b'{"model":"%b"}' % (b"m" * 257),
            "model: String should have at most 256 characters",
            id="8 a model's name that fills the log and the memory",
        ),
    ],
)
def test_what_is_refused_here(
    body: bytes, words: str, client: FlaskClient, upstream: UpstreamStub
) -> None:
    response = client.post(PATH, data=body, content_type="application/json", headers=KEY)
    assert response.status_code == 400
    assert words in response.json["error"]["message"]  # type: ignore[index]
    assert upstream.requests == []


def test_odd_members_do_not_disturb_the_route(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(MESSAGE))
    odd = {"model": "m", "thinking": [1], "output_config": {"effort": ["max"]}, "stream": "yes"}
    assert client.post(PATH, json=odd, headers=KEY).status_code == 200
    assert upstream.requests[0].json == odd


def test_headers_up(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(MESSAGE))
    client.post(
        f"{PATH}?beta=true&x=%20a",
        data=b'{"model":"m"}',
        headers={
            **KEY,
            "authorization": "Bearer other",
            "content-type": "application/json; charset=utf-8",
            "anthropic-beta": "a-1,b-2",
            "cookie": "c=d",
            "x-forwarded-for": "10.0.0.1",
            "accept-encoding": "br",
            "user-agent": "ua",
            "accept": "application/json",
            "x-request-id": "abcdefgh-1",
        },
    )
    sent = upstream.requests[0]
    assert sent.target == "/v1/messages?beta=true&x=%20a"
    headers = dict(sent.headers)
    host = headers.pop("host")
    assert host.startswith("localhost:")
    assert headers.pop("connection", "keep-alive") == "keep-alive"
    assert headers == {
        "x-api-key": "sk-server",
        "content-type": "application/json; charset=utf-8",
        "content-length": "13",
        "anthropic-version": "2023-06-01",
        "anthropic-beta": "a-1,b-2",
        "accept-encoding": "gzip, deflate",
        "user-agent": "ua",
        "accept": "application/json",
        "x-request-id": "abcdefgh-1",
    }


def test_the_operators_headers_win(upstream: UpstreamStub) -> None:
    client = native_app(
        upstream, extra_headers={"anthropic-version": "v9"}, deny_betas=("b-2",), api_keys=()
    )
    upstream.answer(json_answer(MESSAGE))
    headers = {"authorization": "Bearer mine", "anthropic-beta": "a-1, b-2"}
    client.post(PATH, json={"model": "m", "stream": True}, headers=headers)
    sent = upstream.requests[0].headers
    assert (sent["anthropic-version"], sent["anthropic-beta"]) == ("v9", "a-1")
    assert (sent["authorization"], sent.get("x-api-key")) == ("Bearer mine", None)
    assert sent["accept-encoding"] == "identity"


def test_passthrough_needs_a_key(upstream: UpstreamStub) -> None:
    client = native_app(upstream, api_keys=())
    assert client.post(PATH, json={"model": "m"}).status_code == 401
    assert upstream.requests == []


def test_headers_down(client: FlaskClient, upstream: UpstreamStub) -> None:
    passed = {
        "request-id": "req_upstream",
        "anthropic-ratelimit-tokens-remaining": "5",
        "retry-after": "2",
        "x-should-retry": "true",
    }
    stripped = {"set-cookie": "a=b", "server": "s", "x-envoy": "e"}
    upstream.answer(json_answer(MESSAGE, headers=passed | stripped, framing="gzip"))
    response = client.post(PATH, json={"model": "m"}, headers=KEY)
    assert response.data == json.dumps(MESSAGE).encode()
    assert {name: response.headers.get(name) for name in passed} == passed
    assert not stripped.keys() & {name.lower() for name, _ in response.headers}
    assert response.headers["content-type"] == "application/json"
    assert "content-encoding" not in response.headers
    assert response.headers["x-request-id"].startswith("req_")


def test_our_own_thinking_is_taken_out(renaming: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(MESSAGE))
    ours = {"type": "thinking", "thinking": "t", "signature": "cp1.x"}
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": [ours]}]
    response = renaming.post(PATH, json={"model": "mine", "messages": turns}, headers=KEY)
    assert upstream.requests[0].json == {"model": "claude-up", "messages": turns[:1]}
    assert response.headers["x-claude-proxy-dropped"] == "thinking"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        pytest.param(400, {"type": "error", "error": {"type": "x", "message": "m"}}, id="8 a 400"),
        pytest.param(429, {"type": "error", "error": {"type": "rate_limit_error"}}, id="8 a 429"),
        pytest.param(529, {"type": "error", "error": {"type": "overloaded_error"}}, id="8 a 529"),
        pytest.param(418, {"odd": 1}, id="8 any JSON object"),
    ],
)
def test_a_refusal_passes_as_it_is(
    status: int, error: object, client: FlaskClient, upstream: UpstreamStub
) -> None:
    headers = {"request-id": "req_up", "retry-after": "9", "anthropic-ratelimit-x": "1"}
    upstream.answer(json_answer(error, status=status, headers=headers))
    response = client.post(PATH, json={"model": "m", "stream": True}, headers=KEY)
    assert (response.status_code, response.json) == (status, error)
    assert {name: response.headers.get(name) for name in headers} == headers
    assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize("body", [b"<html><title>Bad gateway</title></html>", b"", b'"words"'])
def test_any_other_refusal_is_wrapped(
    body: bytes, client: FlaskClient, upstream: UpstreamStub
) -> None:
    headers = {"request-id": "req_up", "retry-after": "9"}
    upstream.answer(answer(body, status=503, content_type="text/html", headers=headers))
    response = client.post(PATH, json={"model": "m"}, headers=KEY)
    assert response.status_code == 529
    assert response.json is not None
    assert response.json["error"]["type"] == "overloaded_error"
    assert response.headers["request-id"] == response.json["request_id"]
    assert response.headers["x-upstream-request-id"] == "req_up"
    assert response.headers["retry-after"] == "9"
    assert response.headers["content-type"] == "application/json"


def test_the_servers_key_does_not_come_back(client: FlaskClient, upstream: UpstreamStub) -> None:
    told = {"type": "error", "error": {"type": "authentication_error", "message": "sk-server bad"}}
    upstream.answer(json_answer(told, status=401))
    response = client.post(PATH, json={"model": "m"}, headers=KEY)
    assert b"sk-server" not in response.data
    assert response.json["error"]["message"] == "*** bad"  # type: ignore[index]


@pytest.mark.parametrize(
    "key", [pytest.param("error", id="a word of the JSON"), pytest.param("no-key", id="none")]
)
def test_a_key_that_guards_nothing_blots_out_nothing(key: str, upstream: UpstreamStub) -> None:
    told = {"type": "error", "error": {"type": "authentication_error", "message": f"{key} bad"}}
    upstream.answer(json_answer(told, status=401))
    response = native_app(upstream, api_keys=(key,)).post(PATH, json={"model": "m"}, headers=KEY)
    assert response.json == told


def test_the_operators_header_credentials_do_not_come_back(upstream: UpstreamStub) -> None:
    told = {"type": "error", "error": {"type": "permission_error", "message": "canary-token-1"}}
    upstream.answer(json_answer(told, status=403))
    client = native_app(upstream, extra_headers={"authorization": "Bearer canary-token-1"})
    assert b"canary-token-1" not in client.post(PATH, json={"model": "m"}, headers=KEY).data


def test_a_stream_passes_byte_for_byte(client: FlaskClient, upstream: UpstreamStub) -> None:
    events = native_events()
    upstream.answer(streamed(*events, headers={"request-id": "req_up"}))
    response = client.post(PATH, json={"model": "claude-up", "stream": True}, headers=KEY)
    assert response.data == b"".join(events)
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["request-id"] == "req_up"
    assert response.headers["x-accel-buffering"] == "no"


@pytest.mark.parametrize("cut", [1, 7, 10_000])
def test_a_stream_names_the_clients_model(
    cut: int, renaming: FlaskClient, upstream: UpstreamStub
) -> None:
    data = b"".join(native_events())
    upstream.answer(streamed(*(data[at : at + cut] for at in range(0, len(data), cut))))
    response = renaming.post(PATH, json={"model": "mine", "stream": True}, headers=KEY)
    assert response.data == b"".join(native_events("mine"))


def test_each_event_goes_on_as_it_comes(renaming: FlaskClient, upstream: UpstreamStub) -> None:
    events, more = native_events(), threading.Event()
    upstream.answer(streamed(*events[:2], Wait(more), *events[2:]))
    response = renaming.post(
        PATH, json={"model": "mine", "stream": True}, headers=KEY, buffered=False
    )
    pieces = cast(Iterator[bytes], iter(response.response))
    first, expected = b"", b"".join(native_events("mine")[:2])
    with gevent.Timeout(3):
        while len(first) < len(expected):
            first += next(pieces)
    assert first == expected
    more.set()
    assert first + b"".join(pieces) == b"".join(native_events("mine"))
    response.close()


def broken_ending(data: bytes) -> dict[str, Any]:
    """The last event, which must be an ``error``."""
    name, line = data.decode().removesuffix("\n\n").rpartition("\n\n")[2].split("\n")
    assert name == "event: error"
    error: dict[str, Any] = json.loads(line.removeprefix("data: "))
    return error


@pytest.mark.parametrize("ending", [(Close(),), (Reset(),), ()], ids=["closed", "reset", "ended"])
@pytest.mark.parametrize("partly", [b"", b'event: content_block_delta\ndata: {"ty'])
def test_a_cut_stream_ends_in_an_error(
    ending: tuple[Any, ...], partly: bytes, client: FlaskClient, upstream: UpstreamStub
) -> None:
    before = b"".join(native_events()[:5]) + partly
    upstream.answer(streamed(before, Sleep(0.05), *ending))
    response = client.post(PATH, json={"model": "m", "stream": True}, headers=KEY)
    apart = b"\n\n" if partly else b""
    assert response.data.startswith(before + apart + b"event: error\n")
    error = broken_ending(response.data)
    assert error["error"] == {
        "type": "api_error",
        "message": "upstream closed the stream before it finished",
    }
    assert error["request_id"] == response.headers["request-id"]


@pytest.mark.parametrize("ending", [(Close(),), (Reset(),), ()], ids=["closed", "reset", "ended"])
def test_a_stream_without_a_byte_is_a_status(
    ending: tuple[Any, ...], client: FlaskClient, upstream: UpstreamStub
) -> None:
    upstream.answer(streamed(Sleep(0.05), *ending))
    response = client.post(PATH, json={"model": "m", "stream": True}, headers=KEY)
    assert response.status_code == 502
    assert response.json is not None
    assert response.json["error"]["message"] == "upstream closed the stream before it finished"


def test_a_stream_without_a_byte_times_out(upstream: UpstreamStub) -> None:
    client = native_app(upstream, timeout_seconds=0.5)
    upstream.answer(streamed(Wait(threading.Event())))
    with gevent.Timeout(5):
        response = client.post(PATH, json={"model": "m", "stream": True}, headers=KEY)
    assert response.status_code == 504


def test_a_slow_first_byte_is_awaited_behind_the_head(
    client: FlaskClient, upstream: UpstreamStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.relay.stream.PEEK_SECONDS", 0.3)
    upstream.answer(streamed(Sleep(1.2), *native_events()))
    with gevent.Timeout(5):
        response = client.post(PATH, json={"model": "m", "stream": True}, headers=KEY)
        assert response.data == b"".join(native_events())


def test_an_error_is_not_the_first_event_of_a_stream_that_sent_none(
    upstream: UpstreamStub, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("proxy.relay.stream.PEEK_SECONDS", 0.2)
    client = native_app(upstream, timeout_seconds=0.6)
    upstream.answer(streamed(Wait(threading.Event())))
    with caplog.at_level(logging.INFO, "proxy.access"), gevent.Timeout(60):
        response = client.post(PATH, json={"model": "m", "stream": True}, headers=KEY)
        assert b"timeout_error" in response.data
        response.close()
    (line,) = [each.getMessage() for each in caplog.records if "POST /v1/messages" in each.message]
    assert "first_event_ms" not in line


@pytest.mark.parametrize(
    "last",
    [
        pytest.param(event("message_stop"), id="8 finished"),
        pytest.param(event("message_stop").rstrip(), id="8 finished without its blank line"),
        pytest.param(event("error", error={"type": "overloaded_error"}), id="8 its own error"),
    ],
)
def test_nothing_is_added_to_a_stream_that_ended(
    last: bytes, client: FlaskClient, upstream: UpstreamStub
) -> None:
    data = b"".join(native_events()[:5]) + last
    upstream.answer(streamed(data, Sleep(0.05), Close()))
    response = client.post(PATH, json={"model": "m", "stream": True}, headers=KEY)
    assert response.data == data


def test_a_stream_held_open_after_its_end_is_left(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    events = native_events()
    upstream.answer(streamed(*events, Wait(threading.Event())))
    with gevent.Timeout(3):
        response = client.post(PATH, json={"model": "m", "stream": True}, headers=KEY)
    assert response.data == b"".join(events)


def test_silence_ends_in_a_timeout(upstream: UpstreamStub) -> None:
    client = native_app(upstream, timeout_seconds=0.5)
    before = b"".join(native_events()[:5])
    upstream.answer(streamed(before, Wait(threading.Event())))
    with gevent.Timeout(5):
        response = client.post(PATH, json={"model": "m", "stream": True}, headers=KEY)
    assert response.data.startswith(before)
    assert broken_ending(response.data)["error"] == {
        "type": "timeout_error",
        "message": "the upstream sent nothing for 0.5 s",
    }


def test_no_answer_in_time_is_a_timeout(upstream: UpstreamStub) -> None:
    client = native_app(upstream, timeout_seconds=0.5)
    upstream.answer((Wait(threading.Event()),))
    with gevent.Timeout(5):
        response = client.post(PATH, json={"model": "m"}, headers=KEY)
    assert response.status_code == 504


def test_closing_the_answer_closes_the_upstream(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    upstream.answer(streamed(native_events()[0], Wait(threading.Event())))
    response = client.post(PATH, json={"model": "m", "stream": True}, headers=KEY, buffered=False)
    next(iter(response.response))
    response.close()
    assert upstream.closed.wait(60)


@pytest.mark.parametrize("stream", [True, False])
def test_usage_is_logged(
    stream: bool, renaming: FlaskClient, upstream: UpstreamStub, caplog: pytest.LogCaptureFixture
) -> None:
    upstream.answer(streamed(*native_events()) if stream else json_answer(MESSAGE))
    with caplog.at_level(logging.INFO, "proxy.access"):
        response = renaming.post(PATH, json={"model": "mine", "stream": stream}, headers=KEY)
        assert response.data
        response.close()
    (written,) = caplog.records
    access, (tokens,) = written.getMessage(), written.more  # type: ignore[attr-defined]
    assert "mine -> claude-up provider=native stop_reason=end_turn" in access
    kind = "Token Usage [Stream]" if stream else "Token Usage"
    assert tokens == f"{kind} | Model: mine → claude-up | Input: 12 | Output: 7 | Total: 19"


def test_a_failed_stream_is_logged(
    client: FlaskClient, upstream: UpstreamStub, caplog: pytest.LogCaptureFixture
) -> None:
    upstream.answer(
        streamed(native_events()[0], event("error", error={"type": "overloaded_error"}))
    )
    with caplog.at_level(logging.INFO, "proxy.access"):
        response = client.post(PATH, json={"model": "m", "stream": True}, headers=KEY)
        assert response.data
        response.close()
    assert "error=overloaded_error: reported by the upstream in its stream" in caplog.messages[0]


def test_a_client_that_leaves_in_a_file_is_counted_as_gone(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    upstream.answer(
        answer(b"a", Wait(threading.Event()), content_type="application/pdf", framing="chunked")
    )
    response = client.get("/v1/files/f/content", headers=KEY)
    assert next(iter(response.response)) == b"a"
    response.close()
    stats = machine_stats(client.application.extensions[EXTENSION].metrics)
    assert stats["statuses"] == {"499": 1}


def test_the_head_of_a_file_counts_as_served(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(answer(b"a", content_type="application/pdf"))
    client.head("/v1/files/f/content", headers=KEY).close()
    stats = machine_stats(client.application.extensions[EXTENSION].metrics)
    assert stats["statuses"] == {"200": 1}


def test_a_client_that_takes_nothing_is_cut_off_by_the_whole_requests_limit(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    near, far = socket.socketpair()
    runtime = client.application.extensions[EXTENSION]
    settings = replace(runtime.settings, total_timeout=0.5)
    client.application.extensions[EXTENSION] = replace(runtime, settings=settings)
    upstream.answer(streamed(*native_events()[:3], Wait(threading.Event())))
    body = {"model": "m", "stream": True}
    with near, far:
        response = client.post(
            PATH, json=body, headers=KEY, environ_overrides={"gunicorn.socket": near}
        )
        next(iter(response.response))
        far.settimeout(3)
        assert far.recv(1) == b""
        response.close()


@pytest.mark.parametrize("kind", ["the prompt: x", "a\nb", "x" * 200])
def test_an_odd_error_type_of_a_stream_is_neither_logged_nor_counted(
    kind: str, client: FlaskClient, upstream: UpstreamStub
) -> None:
    upstream.answer(streamed(native_events()[0], event("error", error={"type": kind})))
    response = client.post(PATH, json={"model": "m", "stream": True}, headers=KEY)
    assert response.data
    response.close()
    stats = machine_stats(client.application.extensions[EXTENSION].metrics)
    assert stats["errors"] == {"api_error": 1}


def test_a_count_is_asked_with_a_key_that_does_not_rest(upstream: UpstreamStub) -> None:
    client = native_app(upstream, api_keys=("key-1", "key-2"))
    runtime = client.application.extensions[EXTENSION]
    runtime.states.keys(runtime.registry.default).cool_down("key-1", monotonic() + 60)
    upstream.answer(json_answer({"input_tokens": 5}))
    client.post(f"{PATH}/count_tokens", json={"model": "m"}, headers=KEY)
    assert upstream.requests[0].headers["x-api-key"] == "key-2"


def test_count_tokens_is_forwarded(renaming: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer({"input_tokens": 5, "more": 1}))
    body = b'{"model": "mine", "messages": 1}'
    response = renaming.post(
        f"{PATH}/count_tokens?beta=true", data=body, content_type="application/json", headers=KEY
    )
    assert response.json == {"input_tokens": 5, "more": 1}
    assert response.headers["x-token-counting"] == "upstream"
    sent = upstream.requests[0]
    assert sent.target == "/v1/messages/count_tokens?beta=true"
    assert sent.body == b'{"model": "claude-up", "messages": 1}'


@pytest.mark.parametrize("status", [404, 405])
def test_a_native_upstream_that_cannot_count(
    status: int, client: FlaskClient, upstream: UpstreamStub
) -> None:
    upstream.answer(json_answer({"error": "no such route"}, status=status))
    turns = [{"role": "user", "content": "Hello, Claude"}]
    body = {"model": "m", "system": "You are a scientist", "messages": turns}
    response = client.post(f"{PATH}/count_tokens", json=body, headers=KEY)
    assert response.json == {"input_tokens": 14}
    assert response.headers["x-token-counting"] == "tiktoken"


def test_a_refused_count_passes(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer({"type": "error", "error": {"type": "x"}}, status=400))
    response = client.post(f"{PATH}/count_tokens", json={"model": "m"}, headers=KEY)
    assert (response.status_code, response.json) == (400, {"type": "error", "error": {"type": "x"}})


@pytest.mark.parametrize(
    ("path", "target"),
    [
        pytest.param("/v1/models?limit=2", "/v1/models?limit=2", id="8 the list"),
        pytest.param("/v1/models/claude-x", "/v1/models/claude-x", id="8 one"),
        pytest.param("/v1/models/a/b", "/v1/models/a%2Fb", id="8 one with a slash"),
    ],
)
def test_models_are_forwarded(
    path: str, target: str, client: FlaskClient, upstream: UpstreamStub
) -> None:
    upstream.answer(json_answer({"data": [], "has_more": False}))
    response = client.get(path, headers=KEY)
    assert response.json == {"data": [], "has_more": False}
    sent = upstream.requests[0]
    assert (sent.method, sent.target, sent.body) == ("GET", target, b"")
    assert sent.headers["x-api-key"] == "sk-server"
    assert sent.headers["anthropic-version"] == "2023-06-01"


def test_any_other_path_is_relayed(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer({"id": "batch_1"}), json_answer({"id": "file_1"}))
    batch = b'{"requests": [{"params": {"model": "claude-x"}}] }'
    response = client.post(
        f"{PATH}/batches", data=batch, content_type="application/json", headers=KEY
    )
    assert response.json == {"id": "batch_1"}
    form = b"--b\r\n\r\n\x00\xff\r\n--b--"
    kind = "multipart/form-data; boundary=b"
    response = client.post("/v1/files", data=form, content_type=kind, headers=KEY)
    assert response.json == {"id": "file_1"}
    first, second = upstream.requests
    assert (first.target, first.body) == ("/v1/messages/batches", batch)
    assert (second.target, second.body, second.headers["content-type"]) == ("/v1/files", form, kind)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_other_methods_are_relayed(
    method: str, client: FlaskClient, upstream: UpstreamStub
) -> None:
    upstream.answer(json_answer({"id": "f"}))
    response = client.open("/v1/files/f%C3%A9?x=1", method=method, headers=KEY)
    assert response.json == {"id": "f"}
    sent = upstream.requests[0]
    assert (sent.method, sent.target, sent.body) == (method, "/v1/files/f%C3%A9?x=1", b"")


def test_a_file_passes_as_it_comes(client: FlaskClient, upstream: UpstreamStub) -> None:
    pieces = [b"{}\n" * 9, b"\x00\xff"]
    upstream.answer(answer(*pieces, content_type="application/x-jsonl", framing="chunked"))
    response = client.get(f"{PATH}/batches/b/results", headers=KEY)
    assert response.data == b"".join(pieces)
    assert response.headers["content-type"] == "application/x-jsonl"


def test_a_cut_file_does_not_look_whole(client: FlaskClient, upstream: UpstreamStub) -> None:
    steps = (b"{}\n", Sleep(0.05), Close())
    upstream.answer(answer(*steps, content_type="application/x-jsonl", framing="chunked"))
    response = client.get(f"{PATH}/batches/b/results", headers=KEY, buffered=False)
    pieces = cast(Iterator[bytes], iter(response.response))
    assert next(pieces) == b"{}\n"
    with pytest.raises(UpstreamError, match="closed the stream"):
        next(pieces)
    response.close()
    assert upstream.closed.wait(60)


@pytest.mark.parametrize("path", ["/v1/%2e%2e/admin", "/v1/x/%2e%2e/y", "/v1/x/./y"])
def test_no_path_leads_out(path: str, client: FlaskClient, upstream: UpstreamStub) -> None:
    assert client.get(path, headers=KEY).status_code == 404
    assert upstream.requests == []


def test_without_a_native_default_it_is_404(upstream: UpstreamStub) -> None:
    settings = Settings(openai_base_url=upstream.base_url, openai_api_key="k")
    response = create_app(settings).test_client().post(f"{PATH}/batches", json={}, headers=KEY)
    assert response.status_code == 404


def test_relayed_paths_need_the_key(upstream: UpstreamStub) -> None:
    settings = Settings(
        openai_base_url="https://api.anthropic.com", openai_api_key="k", auth_keys=("opens",)
    )
    client = create_app(settings).test_client()
    for path in ("/v1/files", "/v1/models", f"{PATH}/batches"):
        assert client.get(path, headers=KEY).status_code == 401


SENT_PING = b'event: ping\ndata: {"type":"ping"}\n\n'


@pytest.mark.parametrize(
    "before", [0, 1, 2, 4], ids=["nothing", "the start", "events", "a comment"]
)
def test_silence_between_events_is_filled_with_pings(
    client: FlaskClient, upstream: UpstreamStub, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    monkeypatch.setattr("proxy.relay.stream.PEEK_SECONDS", 0.1)
    monkeypatch.setattr("proxy.relay.deadlines.PING_SECONDS", 0.1)
    silence, events = threading.Event(), native_events()
    first, rest = b"".join(events[:before]), b"".join(events[before:])
    upstream.answer(streamed(*filter(None, (first, Wait(silence), rest))))
    response = client.post(PATH, json={"model": "m", "stream": True}, headers=KEY)
    pieces = cast("Iterator[bytes]", iter(response.response))
    read = b""
    while SENT_PING not in read:
        read += next(pieces)
    silence.set()
    read += b"".join(pieces)
    assert read.startswith(first + SENT_PING)
    assert read.replace(SENT_PING, b"") == first + rest


@pytest.mark.parametrize("held", [10, -1, -2], ids=["its name", "one line end", "no line end"])
def test_no_ping_is_sent_inside_an_event(
    client: FlaskClient, upstream: UpstreamStub, monkeypatch: pytest.MonkeyPatch, held: int
) -> None:
    monkeypatch.setattr("proxy.relay.stream.PEEK_SECONDS", 0.1)
    monkeypatch.setattr("proxy.relay.deadlines.PING_SECONDS", 0.1)
    events = native_events()
    whole, cut = b"".join(events), len(b"".join(events[:4])) + held % len(events[4])
    upstream.answer(streamed(whole[:cut], Sleep(0.8), whole[cut:]))
    response = client.post(PATH, json={"model": "m", "stream": True}, headers=KEY)
    assert response.data == whole
