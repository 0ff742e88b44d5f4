"""Traces and error reports of the real program, received by stubs on loopback."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.deploy.report_stubs import ReportStub, report_stub
from tests.live import LiveProxy, free_port, live_proxy
from tests.paths import ROOT
from tests.upstream_stub import (
    Reset,
    Sleep,
    UpstreamStub,
    chunk,
    completion,
    json_answer,
    sse,
    text_stream,
)
from tests.waiting import until

PROMPT = "canary-prompt-4711"
ANSWER = "canary-answer-4712"
SERVER_KEY = "sk-canary-server-key-4713"
CLIENT_KEY = "canary-client-key-4714"
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PARENT_ID = "b7ad6b7169203331"
SECONDS = 0.7


@pytest.fixture
def collector() -> Iterator[ReportStub]:
    with report_stub() as stub:
        yield stub


def environ(upstream: UpstreamStub, **more: str) -> dict[str, str]:
    return {
        "OPENAI_BASE_URL": upstream.base_url,
        "OPENAI_API_KEY": SERVER_KEY,
        "CLAUDE_PROXY_AUTH_KEY": CLIENT_KEY,
        "OTEL_BSP_SCHEDULE_DELAY": "200",
        **more,
    }


def ask(proxy: LiveProxy, *, stream: bool = False, **headers: str) -> tuple[bytes, Any]:
    """The body and headers of the answer to a request with a canary in it."""
    body = {
        "model": "claude-sonnet-5",
        "max_tokens": 10,
        "stream": stream,
        "messages": [{"role": "user", "content": PROMPT}],
    }
    request = urllib.request.Request(
        f"{proxy.url}/v1/messages?secret=canary-query-4715",
        json.dumps(body).encode(),
        {"content-type": "application/json", "x-api-key": CLIENT_KEY, **headers},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=60) as response:
            return response.read(), response.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.read(), error.headers


def spans(collector: ReportStub) -> list[Span]:
    return [
        span
        for body in collector.bodies
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def attributes(span: Span) -> dict[str, Any]:
    found = {}
    for pair in span.attributes:
        kind = pair.value.WhichOneof("value")
        value = getattr(pair.value, kind)
        found[pair.key] = (
            [each.string_value for each in value.values] if kind == "array_value" else value
        )
    return found


def of_kind(collector: ReportStub, kind: int) -> list[Span]:
    return [span for span in spans(collector) if span.kind == kind]


def server_span(collector: ReportStub) -> Span:
    found = until(lambda: of_kind(collector, Span.SPAN_KIND_SERVER), "no span came")
    assert len(found) == 1
    span: Span = found[0]
    return span


def seconds(span: Span) -> float:
    return float(span.end_time_unix_nano - span.start_time_unix_nano) / 1e9


def assert_no_secrets(stub: ReportStub) -> None:
    assert stub.bodies
    found = [
        canary
        for canary in (PROMPT, ANSWER, SERVER_KEY, CLIENT_KEY, "canary-query-4715")
        if canary.encode() in stub.received()
    ]
    assert found == []


def test_the_spans_of_a_stream_last_as_long_as_the_stream(
    upstream: UpstreamStub, collector: ReportStub
) -> None:
    upstream.answer(text_stream(ANSWER, Sleep(SECONDS), "b"))
    with live_proxy(environ(upstream, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)) as proxy:
        body, headers = ask(
            proxy,
            stream=True,
            traceparent=f"00-{TRACE_ID}-{PARENT_ID}-01",
            **{"x-request-id": "nginx-id-12345"},
        )
        span = server_span(collector)
    assert b"message_stop" in body
    assert set(collector.paths) == {"/v1/traces"}
    assert (span.name, span.trace_id.hex(), span.parent_span_id.hex()) == (
        "POST /v1/messages",
        TRACE_ID,
        PARENT_ID,
    )
    assert seconds(span) >= SECONDS
    assert span.status.code == Status.STATUS_CODE_UNSET
    told = attributes(span)
    assert told == {
        "http.request.method": "POST",
        "http.route": "/v1/messages",
        "http.response.status_code": 200,
        "claude_proxy.request_id": headers["request-id"],
        "claude_proxy.x_request_id": "nginx-id-12345",
        "claude_proxy.stream": True,
        "claude_proxy.usage_estimated": False,
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "claude-sonnet-5",
        "gen_ai.response.model": "gpt-4o",
        "gen_ai.provider.name": "localhost",
        "gen_ai.response.finish_reasons": ["end_turn"],
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.usage.cache_read.input_tokens": 0,
        "gen_ai.usage.cache_creation.input_tokens": 0,
    }
    (first,) = span.events
    assert first.name == "gen_ai.first_event"
    assert span.start_time_unix_nano < first.time_unix_nano
    assert span.end_time_unix_nano - first.time_unix_nano >= SECONDS * 0.9e9
    (attempt,) = of_kind(collector, Span.SPAN_KIND_CLIENT)
    assert (attempt.name, attempt.parent_span_id) == ("chat gpt-4o", span.span_id)
    assert seconds(attempt) >= SECONDS
    assert attributes(attempt)["server.port"] == upstream.port
    assert "traceparent" not in upstream.requests[0].headers
    assert upstream.requests[0].headers["x-request-id"] == "nginx-id-12345"
    assert_no_secrets(collector)


def test_each_attempt_has_its_span(upstream: UpstreamStub, collector: ReportStub) -> None:
    upstream.answer(
        json_answer({"error": {"message": PROMPT}}, 500), json_answer(completion(ANSWER))
    )
    settings = environ(
        upstream, OTEL_EXPORTER_OTLP_ENDPOINT=f"{collector.url}/", CLAUDE_PROXY_MAX_RETRIES="1"
    )
    with live_proxy(settings) as proxy:
        ask(proxy)
        span = server_span(collector)
    assert span.status.code == Status.STATUS_CODE_UNSET
    failed, answered = sorted(
        of_kind(collector, Span.SPAN_KIND_CLIENT), key=lambda each: each.start_time_unix_nano
    )
    assert failed.status.code == Status.STATUS_CODE_ERROR
    assert attributes(failed)["http.response.status_code"] == 500
    assert answered.status.code == Status.STATUS_CODE_UNSET
    assert attributes(answered)["gen_ai.usage.output_tokens"] == 5
    assert_no_secrets(collector)


def test_a_broken_stream_is_an_error(upstream: UpstreamStub, collector: ReportStub) -> None:
    upstream.answer(sse(chunk(content=ANSWER), Sleep(0.2), Reset()))
    with live_proxy(environ(upstream, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)) as proxy:
        body, _ = ask(proxy, stream=True)
        span = server_span(collector)
    assert b"event: error" in body
    assert span.status.code == Status.STATUS_CODE_ERROR
    assert attributes(span)["error.type"] == "api_error"
    (attempt,) = of_kind(collector, Span.SPAN_KIND_CLIENT)
    assert attempt.status.code == Status.STATUS_CODE_ERROR
    assert_no_secrets(collector)


def test_a_refusal_by_the_upstream_is_an_error(
    upstream: UpstreamStub, collector: ReportStub
) -> None:
    upstream.answer(json_answer({"error": {"message": f"{PROMPT} {SERVER_KEY}"}}, 500))
    with live_proxy(environ(upstream, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)) as proxy:
        ask(proxy)
        span = server_span(collector)
    assert span.status.code == Status.STATUS_CODE_ERROR
    assert attributes(span)["http.response.status_code"] == 500
    assert_no_secrets(collector)


def test_a_client_that_leaves_is_marked(upstream: UpstreamStub, collector: ReportStub) -> None:
    upstream.answer(text_stream(ANSWER, Sleep(20), "b"))
    with live_proxy(environ(upstream, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)) as proxy:
        body = json.dumps(
            {
                "model": "claude-sonnet-5",
                "max_tokens": 10,
                "stream": True,
                "messages": [{"role": "user", "content": PROMPT}],
            }
        )
        with socket.create_connection(("127.0.0.1", proxy.port)) as client:
            head = (
                "POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                f"x-api-key: {CLIENT_KEY}\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            client.sendall((head + body).encode())
            assert b"200 OK" in client.recv(65536)
        span = server_span(collector)
    told = attributes(span)
    assert (told["http.response.status_code"], told["claude_proxy.client_gone"]) == (499, True)
    assert span.status.code == Status.STATUS_CODE_UNSET
    (attempt,) = of_kind(collector, Span.SPAN_KIND_CLIENT)
    assert attributes(attempt)["claude_proxy.client_gone"] is True
    assert_no_secrets(collector)


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.long(except_every=2)
def test_what_is_left_is_sent_at_the_end(
    upstream: UpstreamStub, collector: ReportStub, stop: signal.Signals
) -> None:
    upstream.default = json_answer(completion(ANSWER))
    settings = environ(upstream, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"{collector.url}/own/path")
    settings |= {
        "OTEL_BSP_SCHEDULE_DELAY": "60000",
        "OTEL_EXPORTER_OTLP_HEADERS": "x-team=a%20b",
        "OTEL_SERVICE_NAME": "mine",
    }
    with live_proxy(settings, workers=2) as proxy:
        for _ in range(4):
            ask(proxy)
        assert collector.bodies == []
        proxy.process.send_signal(stop)
        proxy.process.wait(60)
    assert len(of_kind(collector, Span.SPAN_KIND_SERVER)) == 4
    assert len({span.trace_id for span in of_kind(collector, Span.SPAN_KIND_SERVER)}) == 4
    assert set(collector.paths) == {"/own/path"}
    assert {headers["x-team"] for headers in collector.headers} == {"a b"}
    assert b"mine" in collector.bodies[0]
    assert_no_secrets(collector)


def test_health_probes_leave_no_trace(upstream: UpstreamStub, collector: ReportStub) -> None:
    with live_proxy(environ(upstream, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)) as proxy:
        assert proxy.get("/readyz")[0] == 200
        assert proxy.get("/v1/models/x", headers={"x-api-key": "wrong-key"})[0] == 401
        span = server_span(collector)
    assert span.name == "GET /v1/models/<path:model_id>"
    assert attributes(span)["http.response.status_code"] == 401
    assert span.status.code == Status.STATUS_CODE_UNSET


@pytest.mark.parametrize("status", [None, 503], ids=["unreachable", "refusing"])
@pytest.mark.long(except_every=2)
def test_a_collector_that_fails_costs_one_warning(
    upstream: UpstreamStub, status: int | None
) -> None:
    upstream.default = json_answer(completion(ANSWER))
    with report_stub(status or 200) as stub:
        url = stub.url if status else f"http://127.0.0.1:{free_port()}"
        settings = environ(upstream, OTEL_EXPORTER_OTLP_ENDPOINT=url)
        with live_proxy(settings) as proxy:
            for _ in range(3):
                began = time.monotonic()
                assert b'"message"' in ask(proxy)[0]
                assert time.monotonic() - began < 8
                time.sleep(0.4)
            until(lambda: "trace export to" in proxy.log(), "the warning is missing")
            began = time.monotonic()
            proxy.process.send_signal(signal.SIGTERM)
            proxy.process.wait(60)
            assert time.monotonic() - began < 30
            assert proxy.log().count("trace export to") == 1
            warnings = [
                line
                for line in proxy.log().splitlines()
                if " WARNING " in line or " ERROR " in line
            ]
            assert len(warnings) == 1


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.long(except_every=2)
def test_the_id_of_nginx_is_in_every_log(upstream: UpstreamStub, form: str) -> None:
    nginx_id = "9f86d081884c7d659a2feaa0c55ad015"
    upstream.default = json_answer(completion(ANSWER))
    with live_proxy(environ(upstream, CLAUDE_PROXY_LOG_FORMAT=form)) as proxy:
        _, headers = ask(proxy, stream=False, **{"x-request-id": nginx_id})
        line = until(
            lambda: [line for line in proxy.log().splitlines() if headers["request-id"] in line],
            "the access line is missing",
        )[0]
    assert headers["x-request-id"] == upstream.requests[0].headers["x-request-id"] == nginx_id
    if form == "json":
        assert json.loads(line)["x_request_id"] == nginx_id
    else:
        assert f"x_request_id={nginx_id}" in line


MISSING = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("opentelemetry", "sentry_sdk"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Missing())
"""


def test_a_missing_package_is_one_warning(upstream: UpstreamStub, tmp_path: Path) -> None:
    upstream.default = json_answer(completion(ANSWER))
    (tmp_path / "sitecustomize.py").write_text(MISSING, "utf-8")
    root = str(ROOT)
    settings = environ(
        upstream,
        OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9",
        SENTRY_DSN="http://canary-dsn@127.0.0.1:9/1",
        PYTHONPATH=f"{tmp_path}:{root}",
    )
    with live_proxy(settings, workers=2) as proxy:
        assert b'"message"' in ask(proxy)[0]
        proxy.logged("claude-messages-proxy[otel]")
        log = proxy.logged("claude-messages-proxy[sentry]")
    assert log.count("claude-messages-proxy[otel]") == 1
    assert log.count("claude-messages-proxy[sentry]") == 1
    assert "canary-dsn" not in log


UNUSED = """
import sys
from config.settings import Settings
from proxy.app import create_app
create_app(Settings(openai_api_key="k")).test_client().get("/")
unwanted = ("opentelemetry.exporter", "proxy.telemetry.otel", "sentry_sdk", "apispec")
unwanted += tuple(f"proxy.api.openapi.{part}" for part in ("document", "examples", "fields"))
print([name for name in sys.modules if name.startswith(unwanted)])
"""


def test_nothing_is_imported_that_nobody_asked_for() -> None:
    root = ROOT
    done = subprocess.run(
        [sys.executable, "-c", UNUSED], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


FAULTY = """
import proxy.api.messages as messages

def broken(body, route_for, natively):
    canary_local = body.decode()
    raise ValueError("it says " + canary_local)

messages.answer_message = broken

from proxy.app import create_app
from proxy.cli.environment import settings_in_force

app = create_app(settings_in_force())
"""


def test_bugs_are_reported_without_what_was_asked(upstream: UpstreamStub, tmp_path: Path) -> None:
    (tmp_path / "wsgi.py").write_text(FAULTY, "utf-8")
    with report_stub() as sentry:
        dsn = f"http://canary-dsn@127.0.0.1:{sentry.port}/1"
        root = str(ROOT)
        settings = environ(upstream, SENTRY_DSN=dsn, PYTHONPATH=f"{tmp_path}:{root}")
        with live_proxy(settings) as proxy:
            body, headers = ask(proxy)
            until(lambda: sentry.bodies, "no report came")
            # The traceback is told, not the words of its exception.
            log = proxy.logged("Traceback")
    assert b"Internal server error" in body
    assert PROMPT not in log
    (event,) = [event for body in sentry.bodies for event in _events(body)]
    assert event["tags"] == {
        "request_id": headers["request-id"],
        "route": "POST /v1/messages",
    }
    (exception,) = event["exception"]["values"]
    assert (exception["type"], exception["value"]) == ("ValueError", "")
    assert exception["stacktrace"]["frames"][-1]["function"] == "broken"
    assert event["release"].startswith("claude-proxy@")
    assert event["logentry"] == {"message": "unhandled error, request_id=%s"}
    for member in ("request", "user", "extra", "breadcrumbs"):
        assert not event.get(member)
    assert_no_secrets(sentry)


def _events(envelope: bytes) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in envelope.splitlines() if line.startswith(b"{")]
    return [line for line in lines if "event_id" in line and "level" in line]


def test_reports_that_nobody_takes_cost_nothing(upstream: UpstreamStub) -> None:
    upstream.default = json_answer(completion(ANSWER))
    settings = environ(upstream, SENTRY_DSN=f"http://canary-dsn@127.0.0.1:{free_port()}/1")
    with live_proxy(settings) as proxy:
        assert b'"message"' in ask(proxy)[0]
        assert " WARNING " not in proxy.log()
        assert "canary-dsn" not in proxy.log()
