"""Streams that begin before their upstream answers (docs/protocol.md section 4, "Early start").

Rule: the upstream is silent until the test has read the first events, so no test depends on a time.
"""

from __future__ import annotations

import json
import pkgutil
import re
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

import gevent
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import EnvironBuilder, TestResponse

from config.registry.values import Model, Provider, Registry
from config.settings import Settings
from proxy.api.context import EXTENSION
from proxy.app import create_app
from proxy.providers.circuit_breaker import BreakerRule
from proxy.providers.health import ProviderHealth
from proxy.relay.cancellation import Exchange
from proxy.relay.early_start import without_start
from proxy.runtime import Runtime
from proxy.telemetry.stats import machine_stats
from proxy.telemetry.uncaught import RedactingFormatter
from tests.api.conftest import message_request
from tests.sdk.events import assert_legal, parse_events, text_of
from tests.upstream_stub import (
    Close,
    Reset,
    Script,
    Sleep,
    Step,
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
EARLY = 0.1
PROMPT = "é" * 40
ESTIMATE = 20
"""Bytes of ``PROMPT`` divided by four."""
ROUTE = "x-claude-proxy-route"

Events = list[dict[str, Any]]
Start = Callable[..., FlaskClient]


@pytest.fixture
def second() -> Iterator[UpstreamStub]:
    stub = UpstreamStub()
    yield stub
    stub.close()


@pytest.fixture
def start(upstream: UpstreamStub, second: UpstreamStub) -> Iterator[Start]:
    """A proxy with the model ``a`` at the first upstream and, if asked for, its fallback ``b``."""
    apps: list[Flask] = []

    def started(
        *,
        fallback: bool = False,
        natives: str = "",
        keys: tuple[str, ...] = ("key-a",),
        rule: BreakerRule | None = None,
        **settings: Any,
    ) -> FlaskClient:
        first = _provider("first", upstream, keys, native="a" in natives)
        other = _provider("second", second, ("key-b",), native="b" in natives)
        models = (
            Model("a", "model-a", first, fallbacks=("b",) if fallback else ()),
            Model("b", "model-b", other),
        )
        registry = Registry((first, other), first, models, from_file=True)
        app = create_app(Settings(**{"early_start": EARLY, **settings}), registry)
        if rule is not None:
            # The runtime is frozen, and no setting changes the breaker's rule.
            object.__setattr__(runtime_of(app), "states", ProviderHealth(rule))
        apps.append(app)
        return app.test_client()

    yield started
    for app in apps:
        runtime_of(app).close()


def _provider(name: str, stub: UpstreamStub, keys: tuple[str, ...], *, native: bool) -> Provider:
    base_url = stub.origin if native else stub.base_url
    return Provider(name, base_url, keys, native=native)


def runtime_of(app: Flask) -> Runtime:
    shared: Runtime = app.extensions[EXTENSION]
    return shared


def ask(client: FlaskClient, *, stream: bool = True, **extra: Any) -> TestResponse:
    """The answer, of which the test client has read the first bytes."""
    return client.post(PATH, json=message_request(PROMPT, model="a", stream=stream), **extra)


class Silence:
    """The silence of an upstream, until the client has its early start."""

    def __init__(self) -> None:
        self.over = threading.Event()

    def before(self, script: Script) -> Script:
        return (Wait(self.over), *script)

    def read(self, response: TestResponse) -> Events:
        """All events of ``response``; the upstream goes on once the first of them were read."""
        assert response.status_code == 200
        assert not self.over.is_set()
        pieces = pieces_of(response)
        read = next(pieces)
        self.over.set()
        read += b"".join(pieces)
        response.close()
        return parse_events(read)


def pieces_of(response: TestResponse) -> Iterator[bytes]:
    """What the server writes, piece by piece."""
    return cast("Iterator[bytes]", iter(response.response))


@pytest.fixture
def silence() -> Iterator[Silence]:
    made = Silence()
    yield made
    made.over.set()


def access_line(caplog: pytest.LogCaptureFixture) -> dict[str, Any]:
    """The one access line."""
    (facts,) = [line.access for line in caplog.records if hasattr(line, "access")]
    return dict(facts)


def nothing_is_held(client: FlaskClient) -> bool:
    """Whether the request's slot, its stream and its watch are released."""
    shared = runtime_of(client.application)
    present = machine_stats(shared.metrics)
    return (
        shared.admission.running == 0
        and len(shared.watch) == 0
        and (present["requests_in_progress"], present["streams_open"]) == (0, 0)
    )


def counts(client: FlaskClient) -> dict[str, Any]:
    """What /v1/stats counts."""
    return machine_stats(runtime_of(client.application).metrics)


def error_of(events: Events) -> tuple[str, str]:
    """Type and message of the error that ends an early stream without content."""
    assert [event["type"] for event in events if event["type"] != "ping"] == [
        "message_start",
        "error",
    ]
    error = events[-1]["error"]
    return error["type"], error["message"]


# --- answers ------------------------------------------------------------------------------------

WHOLE = json.dumps(completion("Hello")).encode()


def late_body(silence: Silence) -> Script:
    """The head at once, a whole answer late."""
    fields = {"Content-Type": "application/json", "Content-Length": str(len(WHOLE))}
    return (head(200, fields), Wait(silence.over), WHOLE)


LATE_ANSWERS: dict[str, Callable[[Silence], Script]] = {
    "a stream": lambda silence: silence.before(text_stream("Hel", "lo")),
    "a stream in one read": lambda silence: silence.before(
        answer(b"".join(_events("Hel", "lo")), content_type="text/event-stream")
    ),
    "a stream without a type": lambda silence: silence.before(
        answer(b"".join(_events("Hello")), content_type="text/plain")
    ),
    "a stream that is slow to begin": lambda silence: silence.before(
        sse(
            b": wait\n\n",
            chunk(role="assistant"),
            Sleep(0.3),
            chunk(content="Hello"),
            chunk("stop"),
        )
    ),
    "a whole answer": lambda silence: silence.before(json_answer(completion("Hello"))),
    "the body of a whole answer": late_body,
    "a compressed stream": lambda silence: silence.before(text_stream("Hello", framing="gzip")),
    "a stream until the end of the connection": lambda silence: silence.before(
        text_stream("Hello", framing="close")
    ),
}


def _events(*texts: str) -> Iterator[bytes]:
    for item in (*(chunk(content=text) for text in texts), chunk("stop")):
        yield f"data: {json.dumps(item)}\n\n".encode()
    yield b"data: [DONE]\n\n"


@pytest.mark.parametrize("script", LATE_ANSWERS.values(), ids=LATE_ANSWERS)
def test_a_late_answer_comes_whole(
    start: Start,
    upstream: UpstreamStub,
    silence: Silence,
    caplog: pytest.LogCaptureFixture,
    script: Callable[[Silence], Script],
) -> None:
    caplog.set_level("INFO")
    upstream.answer(script(silence))
    client = start()
    response = ask(client)
    assert response.content_type == "text/event-stream; charset=utf-8"
    assert response.headers["x-accel-buffering"] == "no"
    assert response.headers[ROUTE] == "first/model-a;reason=registered"
    events = silence.read(response)
    assert_legal(events)
    assert text_of(events) == "Hello"
    assert [event["type"] for event in events[:2]] == ["message_start", "ping"]
    assert events[-2]["delta"]["stop_reason"] == "end_turn"
    facts = access_line(caplog)
    assert (facts["status"], facts["stop_reason"], facts.get("error")) == (200, "end_turn", None)
    assert nothing_is_held(client)


def test_an_early_start_says_what_the_stream_would_have_said(
    start: Start, upstream: UpstreamStub, silence: Silence
) -> None:
    upstream.answer(text_stream("Hello"), silence.before(text_stream("Hello")))
    client = start(early_start=None)
    prompt = ask(client)
    expected = parse_events(prompt.data)
    early = silence.read(ask(start()))
    ids = [events[0]["message"].pop("id") for events in (expected, early)]
    assert early[0]["message"]["usage"]["input_tokens"] == ESTIMATE
    assert early[0]["message"]["model"] == "a"
    assert ids[0].startswith("msg_abc123")
    assert re.fullmatch(r"msg_[A-Za-z0-9]{20,}", ids[1])
    plain = [[event for event in events if event["type"] != "ping"] for events in (early, expected)]
    assert plain[0] == plain[1]
    assert early[-2]["usage"]["input_tokens"] == 10


def test_headers_of_an_early_start(start: Start, upstream: UpstreamStub, silence: Silence) -> None:
    told = {"x-request-id": "theirs", "x-ratelimit-limit-requests": "9"}
    upstream.answer(silence.before(text_stream("Hello", headers=told)), text_stream(headers=told))
    request = message_request(model="a", stream=True, top_k=5)
    client = start()
    early = client.post(PATH, json=request)
    headers = [dict(early.headers)]
    silence.read(early)
    with client.post(PATH, json=request) as prompt:
        headers.append(dict(prompt.headers))
    known = {name.lower(): value for name, value in headers[0].items()}
    lost = {name.lower() for name in headers[1]} - set(known)
    assert known["x-claude-proxy-dropped"] == "top_k"
    assert known["request-id"].startswith("req_")
    assert lost == {"x-upstream-request-id", "anthropic-ratelimit-requests-limit"}


def test_without_estimates_an_early_start_states_no_tokens(
    start: Start, upstream: UpstreamStub, silence: Silence
) -> None:
    upstream.answer(silence.before(text_stream("Hello")))
    events = silence.read(ask(start(enable_token_estimation=False)))
    assert events[0]["message"]["usage"]["input_tokens"] == 0


def test_a_silent_upstream_is_bridged_by_pings(
    start: Start, upstream: UpstreamStub, silence: Silence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.relay.deadlines.PING_SECONDS", 0.1)
    upstream.answer(silence.before(text_stream("Hello")))
    pieces = pieces_of(ask(start()))
    pings = next(pieces).count(b"event: ping")
    assert [next(pieces) for _ in range(3)] == 3 * [b'event: ping\ndata: {"type":"ping"}\n\n']
    assert pings == 1
    silence.over.set()
    assert b"message_stop" in b"".join(pieces)


@pytest.mark.parametrize(
    ("early_start", "stream"), [(None, True), (EARLY, False)], ids=["off", "not streamed"]
)
def test_nothing_begins_early(
    start: Start, upstream: UpstreamStub, early_start: float | None, stream: bool
) -> None:
    upstream.answer((Sleep(0.7), *json_answer({"error": {"message": "no"}}, status=404)))
    response = ask(start(early_start=early_start), stream=stream)
    assert response.status_code == 404
    assert json.loads(response.data)["error"]["type"] == "not_found_error"


def test_an_answer_in_time_is_the_upstreams_own(start: Start, upstream: UpstreamStub) -> None:
    upstream.answer(text_stream("Hello"), json_answer({"error": {"message": "no"}}, status=404))
    client = start(early_start=60.0)
    with ask(client) as response:
        assert text_of(parse_events(response.data)) == "Hello"
    with ask(client) as response:
        assert response.status_code == 404
    assert nothing_is_held(client)


# --- failures -----------------------------------------------------------------------------------


def refused(status: int, message: str = "no", **headers: str) -> Script:
    return json_answer({"error": {"message": message}}, status=status, headers=headers)


FAILURES = {
    "400": (refused(400), "invalid_request_error"),
    "400 too long": (refused(400, "maximum context length is 9 tokens"), "invalid_request_error"),
    "401": (refused(401), "authentication_error"),
    "402": (refused(402), "billing_error"),
    "403": (refused(403), "permission_error"),
    "404": (refused(404), "not_found_error"),
    "408": (refused(408), "timeout_error"),
    "409": (refused(409), "conflict_error"),
    "413": (refused(413), "request_too_large"),
    "429": (refused(429), "rate_limit_error"),
    "500": (refused(500), "api_error"),
    "503": (refused(503), "overloaded_error"),
    "504": (refused(504), "timeout_error"),
    "529": (refused(529), "overloaded_error"),
    "a web page": (answer(b"<html>", status=502, content_type="text/html"), "api_error"),
    "closed": ((Close(),), "api_error"),
    "reset": ((Reset(),), "api_error"),
    "no HTTP": ((b"gibberish\r\n\r\n", Close()), "api_error"),
    "a redirect": ((head(302, {"Location": "/", "Content-Length": "0"}),), "api_error"),
    "an error in a whole answer": (
        json_answer({"error": {"message": "x", "type": "overloaded_error"}}),
        "overloaded_error",
    ),
    "an error as the first chunk": (
        sse({"error": {"message": "slow down", "code": 429}}),
        "rate_limit_error",
    ),
    "an empty stream": (sse(done=False), "api_error"),
    "no JSON": (answer(b"oops"), "api_error"),
    "half a body": ((head(200, {"Content-Length": "9"}), b"{", Close()), "api_error"),
}


@pytest.mark.parametrize(("script", "kind"), FAILURES.values(), ids=FAILURES)
def test_a_late_failure_is_an_event(
    start: Start,
    upstream: UpstreamStub,
    silence: Silence,
    caplog: pytest.LogCaptureFixture,
    script: Script,
    kind: str,
) -> None:
    caplog.set_level("INFO")
    upstream.answer(silence.before(script))
    client = start()
    response = ask(client)
    events = silence.read(response)
    assert error_of(events)[0] == kind
    assert events[-1]["request_id"] == response.headers["request-id"]
    facts = access_line(caplog)
    assert facts["status"] == 200
    assert facts["error"].startswith(f"{kind}: ")
    assert sum(counts(client)["upstream_errors"]["first"].values()) == 1
    assert nothing_is_held(client)


def failing_after(calls: int, function: Callable[..., Any]) -> Callable[..., Any]:
    """``function``, which has a bug from its call number ``calls`` (from 0) on."""
    made = iter(range(calls))

    def instead(*arguments: Any, **options: Any) -> Any:
        if next(made, None) is None:
            raise LookupError(PROMPT)
        return function(*arguments, **options)

    return instead


BUGS: dict[str, tuple[str, int, list[str]]] = {
    "before the start": ("early_start.request_estimate", 0, ["error"]),
    "in the attempts": ("open.client_headers", 0, ["message_start", "error"]),
    "of the codec": ("chat.protocol.ChatProtocol.codec", 0, ["message_start", "error"]),
    "in a running stream": (
        "stream_bytes.StreamBytes.feed",
        1,
        ["message_start", "content_block_start", "content_block_delta", "error"],
    ),
    "in the loop of a stream": (
        "stream.StreamedResponse._mark_sent",
        1,
        ["message_start", "content_block_start", "content_block_delta", "error"],
    ),
}


@pytest.mark.parametrize(("place", "calls", "kinds"), BUGS.values(), ids=BUGS)
def test_a_bug_of_ours_is_an_event_and_a_traceback(
    start: Start,
    upstream: UpstreamStub,
    silence: Silence,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    calls: int,
    kinds: list[str],
) -> None:
    caplog.set_level("INFO")
    *path, name = f"proxy.relay.{place}".split(".")
    owner: Any = pkgutil.resolve_name(".".join(path))
    monkeypatch.setattr(owner, name, failing_after(calls, getattr(owner, name)))
    upstream.answer(silence.before(sse(chunk(content="Hel"), Sleep(0.3), chunk(content="lo"))))
    client = start()
    response = ask(client)
    events = silence.read(response)
    assert [event["type"] for event in events if event["type"] != "ping"] == kinds
    assert events[-1]["error"] == {"type": "api_error", "message": "Internal server error"}
    assert events[-1]["request_id"] == response.headers["request-id"]
    assert access_line(caplog)["error"].startswith("api_error: ")
    (told,) = [record for record in caplog.records if record.exc_info]
    words = RedactingFormatter().format(told)
    assert "builtins.LookupError" in words
    assert "in instead" in words
    assert PROMPT not in words
    assert nothing_is_held(client)


def test_a_failure_after_content_ends_the_stream(
    start: Start, upstream: UpstreamStub, silence: Silence
) -> None:
    upstream.answer(silence.before(sse(chunk(content="Hel"), Close())))
    events = silence.read(ask(start(max_retries=3)))
    assert_legal(events)
    assert text_of(events) == "Hel"
    assert events[-1]["error"]["type"] == "api_error"
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"total_timeout": 0.6}, "the request took longer than 0.6 s"),
        ({"first_byte_timeout": 0.6}, "the upstream did not answer within 0.6 s"),
    ],
    ids=["total", "first byte"],
)
def test_time_limits_hold(
    start: Start, upstream: UpstreamStub, settings: dict[str, float], words: str
) -> None:
    upstream.answer((Wait(threading.Event()),))
    client = start(**settings)
    response = ask(client)
    assert error_of(parse_events(response.data)) == ("timeout_error", words)
    response.close()
    assert upstream.closed.wait(60)
    assert nothing_is_held(client)
    # It was sent, so it may be billed.
    spent = counts(client)["total"]
    assert (spent["input_tokens"], spent["estimated"]) == (ESTIMATE, 1)


def test_a_process_that_stops_ends_an_early_stream(start: Start, upstream: UpstreamStub) -> None:
    upstream.answer((Wait(threading.Event()),))
    client = start()
    response = ask(client)
    pieces = pieces_of(response)
    read = next(pieces)
    runtime_of(client.application).watch.end()
    assert error_of(parse_events(read + b"".join(pieces)))[0] == "overloaded_error"
    response.close()
    assert upstream.closed.wait(60)
    assert nothing_is_held(client)


# --- further attempts ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "failure",
    [refused(500), refused(503), refused(429, **{"retry-after": "1"}), refused(408)],
    ids=["500", "503", "429 with a wait", "408"],
)
def test_a_retry_may_answer(
    start: Start, upstream: UpstreamStub, silence: Silence, failure: Script
) -> None:
    upstream.answer(silence.before(failure), text_stream("Hello"))
    client = start(max_retries=1)
    events = silence.read(ask(client))
    assert_legal(events)
    assert text_of(events) == "Hello"
    assert sum(counts(client)["upstream_errors"]["first"].values()) == 1
    assert counts(client)["upstream_retries"] == {"same": 1}


def test_the_pause_before_a_retry_is_part_of_the_silence(
    start: Start, upstream: UpstreamStub
) -> None:
    upstream.answer(refused(429, **{"retry-after": "2"}), text_stream("Hello"))
    response = ask(start(max_retries=1))
    events = parse_events(response.data)
    # An answer in time has the upstream's id.
    assert "abc123" not in events[0]["message"]["id"]
    assert text_of(events) == "Hello"


def test_another_key_may_answer(start: Start, upstream: UpstreamStub, silence: Silence) -> None:
    upstream.answer(silence.before(refused(401)), text_stream("Hello"))
    events = silence.read(ask(start(keys=("bad", "good"))))
    assert text_of(events) == "Hello"
    sent = [request.headers["authorization"] for request in upstream.requests]
    assert sent == ["Bearer bad", "Bearer good"]


def test_a_healed_call_may_answer(start: Start, upstream: UpstreamStub, silence: Silence) -> None:
    words = "Unsupported parameter: 'max_tokens' is not supported with this model."
    words += " Use 'max_completion_tokens' instead."
    upstream.answer(silence.before(refused(400, words)), text_stream("Hello"))
    client = start()
    events = silence.read(ask(client))
    assert_legal(events)
    assert text_of(events) == "Hello"
    assert "max_completion_tokens" in upstream.requests[1].json
    assert counts(client)["healings"]


def test_a_fallback_may_answer(
    start: Start,
    upstream: UpstreamStub,
    second: UpstreamStub,
    silence: Silence,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    upstream.answer(silence.before(refused(500)))
    second.answer(text_stream("Hello"))
    response = ask(start(fallback=True))
    # Which route answers was not known.
    assert ROUTE not in response.headers
    events = silence.read(response)
    assert_legal(events)
    assert text_of(events) == "Hello"
    facts = access_line(caplog)
    assert (facts["provider"], facts["upstream_model"]) == ("second", "model-b")


def test_an_early_start_gives_the_attempts_their_whole_time_again(
    start: Start, upstream: UpstreamStub, second: UpstreamStub, silence: Silence
) -> None:
    """The upstream fails later than FAILOVER_DEADLINE after the request, but not after the start."""
    upstream.answer(silence.before((Sleep(0.3), *refused(500))))
    second.answer(text_stream("Hello"))
    client = start(fallback=True, early_start=1.5, failover_deadline=1.55)
    assert text_of(silence.read(ask(client))) == "Hello"


def test_nothing_begins_when_that_time_is_over(
    start: Start, upstream: UpstreamStub, second: UpstreamStub, silence: Silence
) -> None:
    upstream.answer(silence.before((Sleep(1.2), *refused(500, "the first"))))
    client = start(fallback=True, failover_deadline=0.3)
    assert error_of(silence.read(ask(client))) == ("api_error", "the first")
    assert second.requests == []


def test_the_first_failure_is_told_if_all_fail(
    start: Start, upstream: UpstreamStub, second: UpstreamStub, silence: Silence
) -> None:
    upstream.answer(silence.before(refused(529, "the first")))
    second.answer(refused(404, "the second"))
    events = silence.read(ask(start(fallback=True)))
    assert error_of(events) == ("overloaded_error", "the first")


def test_a_refusal_for_its_output_limit_is_an_empty_message(
    start: Start, upstream: UpstreamStub, silence: Silence
) -> None:
    words = "Could not finish the message because max_tokens or model output limit was reached."
    upstream.answer(silence.before(refused(400, words)))
    events = silence.read(ask(start()))
    assert_legal(events)
    assert events[-2]["delta"]["stop_reason"] == "max_tokens"


# --- clients that leave -------------------------------------------------------------------------


@pytest.fixture
def wire() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A TCP connection: the server's end and the client's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        theirs = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
        yield ours, theirs
        ours.close()
        theirs.close()


WAITS: dict[str, tuple[Script, ...]] = {
    "for the head": ((Wait(threading.Event()),),),
    "for a whole body": ((head(200, {"Content-Length": "9"}), Wait(threading.Event())),),
    "for a refusal's body": ((head(500, {"Content-Length": "9"}), Wait(threading.Event())),),
    "before a retry": (refused(429, **{"retry-after": "5"}),),
    "for the retry's head": (refused(500), (Wait(threading.Event()),)),
}


@pytest.mark.parametrize("scripts", WAITS.values(), ids=WAITS)
def test_a_client_that_leaves_ends_the_attempts(
    start: Start,
    upstream: UpstreamStub,
    wire: tuple[socket.socket, socket.socket],
    caplog: pytest.LogCaptureFixture,
    scripts: tuple[Script, ...],
) -> None:
    caplog.set_level("INFO")
    ours, theirs = wire
    upstream.answer(*scripts)
    client = start(max_retries=1)
    response = ask(client, environ_overrides={"gunicorn.socket": ours})
    pieces = pieces_of(response)
    assert b"message_start" in next(pieces)
    assert upstream.wait_for_requests(len(scripts))
    theirs.close()
    assert list(pieces) == []
    response.close()
    if isinstance(scripts[-1][-1], Wait):
        assert upstream.closed.wait(60)
    facts = access_line(caplog)
    assert (facts["status"], facts.get("error")) == (499, None)
    assert len(upstream.requests) == len(scripts)
    assert nothing_is_held(client)


@pytest.mark.parametrize("reads", [False, True], ids=["nothing read", "the start read"])
def test_a_closed_body_ends_the_attempts(
    start: Start, upstream: UpstreamStub, caplog: pytest.LogCaptureFixture, reads: bool
) -> None:
    caplog.set_level("INFO")
    upstream.answer((Wait(threading.Event()),))
    client = start()
    body = _body(client)
    if reads:
        next(iter(body))
    body.close()
    assert upstream.closed.wait(60)
    assert access_line(caplog)["status"] == 499
    spent = counts(client)["total"]
    assert (spent["input_tokens"], spent["estimated"]) == (ESTIMATE, 1)
    assert nothing_is_held(client)


LATE: dict[str, tuple[Script, int]] = {
    "a stream": (text_stream("Hello", Wait(threading.Event())), 499),
    "a whole answer": (json_answer(completion("Hello")), 499),
    "a failure": (refused(404), 200),
}


@pytest.mark.parametrize(("script", "status"), LATE.values(), ids=LATE)
def test_a_body_that_is_closed_after_its_attempts_ended(
    start: Start,
    upstream: UpstreamStub,
    silence: Silence,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    script: Script,
    status: int,
) -> None:
    caplog.set_level("INFO")
    upstream.answer(silence.before(script))
    client = start()
    watch, entered = runtime_of(client.application).watch, list[Exchange]()
    enter = watch.enter

    def noted(exchange: Exchange, client_socket: Any) -> None:
        entered.append(exchange)
        enter(exchange, client_socket)

    monkeypatch.setattr(watch, "enter", noted)
    body = _body(client)
    next(iter(body))
    silence.over.set()
    while entered[0].on_check is not None:
        gevent.sleep(0.01)
    body.close()
    assert access_line(caplog)["status"] == status
    assert nothing_is_held(client)


def _body(client: FlaskClient) -> Any:
    """The body as a server gets it: the test client would read its first bytes."""
    request = message_request(PROMPT, model="a", stream=True)
    environ = EnvironBuilder(PATH, method="POST", json=request).get_environ()
    app: Any = client.application.wsgi_app
    return app(environ, lambda *_: None)


def test_a_worker_that_ends_ends_the_attempts(start: Start, upstream: UpstreamStub) -> None:
    upstream.answer((Wait(threading.Event()),))
    client = start(early_start=60.0)
    request = gevent.spawn(_body, client)
    while not upstream.requests:
        gevent.sleep(0.01)
    request.kill()
    assert upstream.closed.wait(60)
    assert nothing_is_held(client)


def test_the_breakers_probe_is_released(start: Start, upstream: UpstreamStub) -> None:
    rule = BreakerRule(failures=1, open_seconds=0.0)
    upstream.answer(refused(500), (Wait(threading.Event()),), text_stream("Hello"))
    client = start(rule=rule)
    assert ask(client).status_code == 500
    body = _body(client)
    next(iter(body))
    body.close()
    assert text_of(parse_events(ask(client).data)) == "Hello"


# --- native upstreams ---------------------------------------------------------------------------


def event(kind: str, **members: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind} | members)}\n\n".encode()


def native_stream(model: str = "model-b", *steps: Step) -> Script:
    message = {
        "id": "msg_up",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "usage": {"input_tokens": 3, "output_tokens": 1},
    }
    text = {"type": "text_delta", "text": "Hello"}
    return answer(
        event("message_start", message=message),
        event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        *steps,
        event("content_block_delta", index=0, delta=text),
        event("content_block_stop", index=0),
        event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 7}),
        event("message_stop"),
        content_type="text/event-stream",
        framing="chunked",
    )


def test_a_native_stream_begins_with_a_ping(
    start: Start, upstream: UpstreamStub, silence: Silence
) -> None:
    upstream.answer(silence.before(native_stream("model-a")))
    events = silence.read(ask(start(natives="a")))
    assert events[0] == {"type": "ping"}
    assert_legal(events)
    assert events[1]["message"]["id"] == "msg_up"
    assert text_of(events) == "Hello"


def test_a_native_upstreams_late_refusal_is_its_own(
    start: Start, upstream: UpstreamStub, silence: Silence
) -> None:
    said = {"type": "error", "error": {"type": "overloaded_error", "message": "m", "x": 1}}
    upstream.answer(silence.before(json_answer(said, status=529)))
    assert silence.read(ask(start(natives="a"))) == [{"type": "ping"}, said]


@pytest.mark.parametrize(
    ("body", "kind"),
    [({"detail": "no"}, "not_found_error"), ([1], "not_found_error")],
    ids=["another object", "no object"],
)
def test_a_native_upstreams_other_refusals_are_errors(
    start: Start, upstream: UpstreamStub, silence: Silence, body: object, kind: str
) -> None:
    upstream.answer(silence.before(json_answer(body, status=404)))
    ping, error = silence.read(ask(start(natives="a")))
    assert (ping["type"], error["type"], error["error"]["type"]) == ("ping", "error", kind)


@pytest.mark.parametrize(
    "script",
    [json_answer({"type": "message"}), answer(b"x", content_type="text/plain")],
    ids=["JSON", "a file"],
)
def test_a_native_answer_that_is_no_stream_is_an_error(
    start: Start, upstream: UpstreamStub, silence: Silence, script: Script
) -> None:
    upstream.answer(silence.before(script))
    client = start(natives="a")
    _, error = silence.read(ask(client))
    assert error["error"]["type"] == "api_error"
    assert nothing_is_held(client)


def test_a_native_fallback_continues_an_early_message(
    start: Start, upstream: UpstreamStub, second: UpstreamStub, silence: Silence
) -> None:
    upstream.answer(silence.before(refused(500)))
    second.answer(native_stream())
    events = silence.read(ask(start(fallback=True, natives="b")))
    assert_legal(events)
    assert events[0]["message"]["model"] == "a"
    assert text_of(events) == "Hello"


def test_a_chat_fallback_of_a_native_upstream_starts_the_message(
    start: Start, upstream: UpstreamStub, second: UpstreamStub, silence: Silence
) -> None:
    upstream.answer(silence.before(refused(500)))
    second.answer(text_stream("Hello"))
    events = silence.read(ask(start(fallback=True, natives="a")))
    assert events[0] == {"type": "ping"}
    assert_legal(events)
    assert text_of(events) == "Hello"


START = b"event: message_start\ndata: {}\n\n"


@pytest.mark.parametrize(
    ("pieces", "left"),
    [
        ([START + b"event: ping\n\n", b"x"], [b"event: ping\n\n", b"x"]),
        ([START, b"event: ping\n\n"], [b"event: ping\n\n"]),
        ([START[:5], START[5:20], START[20:] + b"x"], [b"x"]),
        ([START.replace(b"\n", b"\r\n") + b"x"], [b"x"]),
        ([START.replace(b"\n", b"\r"), b"x"], [b"x"]),
        ([b"event: error\ndata: {}\n\n", START], [b"event: error\ndata: {}\n\n", START]),
        ([b"event: ping\n"], [b"event: ping\n"]),
        ([b"\n\n", START + b"x"], [b"\n\n", b"x"]),
        ([b": hello\n\n" + START, b"x"], [b": hello\n\n", b"x"]),
        ([b"event: ping\ndata: {}\n\n" + START, b"x"], [b"event: ping\ndata: {}\n\n", b"x"]),
        ([b'data: {"type": "message_start"}\n\nx'], [b"x"]),
        ([b"event: error\ndata: message_start\n\nx"], [b"event: error\ndata: message_start\n\nx"]),
        (
            [START[:-1], *(b"x" * (1 << 15) for _ in range(3))],
            [START[:-1] + b"x" * (1 << 16), b"x" * (1 << 15)],
        ),
        ([], []),
    ],
)
def test_without_start(pieces: list[bytes], left: list[bytes]) -> None:
    assert list(without_start(pieces)) == left
