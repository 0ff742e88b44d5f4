"""The spans of a request, by OpenTelemetry.

Rule: a span ends when the answer ends, not when it begins. It contains names, numbers and ids: no
prompt, no key, no query string (docs/observability.md "Traces"). Imported only if traces are on.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from config.settings import Settings
from proxy import __version__
from proxy.errors import ClientGone, ProxyError
from proxy.redaction import mask_secrets
from proxy.telemetry.logs import error_words
from proxy.telemetry.request_record import RequestRecord, total_input

log = logging.getLogger(__name__)

EXPORT_SECONDS = 5.0
"""Timeout for sending one batch; the batch is dropped after it."""
FLUSH_SECONDS = 3.0
"""Timeout for sending the last batch, when the worker ends."""
SERVICE = "claude-proxy"
OPERATIONS: Mapping[str, str] = {
    "/v1/messages": "chat",
    "/v1/messages/count_tokens": "count_tokens",
    "/v1/models": "list_models",
}
"""``gen_ai.operation.name`` by the end of the path."""

_TRACE_CONTEXT = TraceContextTextMapPropagator()


class QuietExporter(SpanExporter):
    """An exporter that logs one warning when exports start to fail."""

    def __init__(self, exporter: SpanExporter, url: str) -> None:
        self._exporter = exporter
        self._url = urlsplit(url)._replace(query="").geturl()
        self._failing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send ``spans``; they are dropped if that fails."""
        result = self._exporter.export(spans)
        failed = result is not SpanExportResult.SUCCESS
        if failed and not self._failing:
            log.warning("trace export to %s failed; spans dropped", self._url)
        self._failing = failed
        return result

    def shutdown(self) -> None:
        """Shut the wrapped exporter down."""
        self._exporter.shutdown()


class OtelTracing:
    """Creates spans and sends them from a thread, which is a greenlet under gevent."""

    def __init__(self, settings: Settings) -> None:
        # The SDK logs each failure, with the address and the answer of the collector.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL + 1)
        url = settings.traces_url or ""
        exporter = OTLPSpanExporter(
            endpoint=url, headers=dict(settings.otel_headers) or None, timeout=EXPORT_SECONDS
        )
        self._processor = BatchSpanProcessor(QuietExporter(exporter, url))
        resource = Resource.create(
            {"service.name": settings.otel_service_name, "service.version": __version__}
        )
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(self._processor)
        self._tracer = self._provider.get_tracer(SERVICE, __version__)

    def begin(
        self, record: RequestRecord, rule: str | None, parent: Mapping[str, str | None]
    ) -> RequestTrace:
        """The trace of ``record``; its parent span is the one in the header ``traceparent``."""
        sent = {name: value for name, value in parent.items() if value is not None}
        span = self._tracer.start_span(
            f"{record.method} {rule or _template(record.path)}".rstrip(),
            context=_TRACE_CONTEXT.extract(sent) if sent else None,
            kind=SpanKind.SERVER,
            attributes={
                "http.request.method": record.method,
                "claude_proxy.request_id": record.request_id,
                "claude_proxy.x_request_id": record.correlation_id,
            },
        )
        if rule is not None:
            span.set_attribute("http.route", rule)
        return RequestTrace(self._tracer, span)

    def close(self) -> None:
        """Send the remaining spans, for ``FLUSH_SECONDS`` at most."""
        # The provider's own shutdown waits for up to half a minute.
        self._processor._batch_processor.shutdown(int(FLUSH_SECONDS * 1000))


class RequestTrace:
    """The span of one request and that of its present upstream call."""

    __slots__ = ("_attempt", "_began", "_span", "_tracer")

    def __init__(self, tracer: Any, span: Span) -> None:
        self._tracer = tracer
        self._span = span
        self._attempt: Span | None = None
        self._began = time.time_ns()

    @contextmanager
    def attempt(self, provider: str, model: str, url: str) -> Iterator[None]:
        """One upstream request. Its span ends here only if the block raises, else with the answer."""
        self._end_attempt("another attempt followed")
        address = urlsplit(url)
        span = self._attempt = self._tracer.start_span(
            f"chat {model}" if model else "upstream",
            context=set_span_in_context(self._span),
            kind=SpanKind.CLIENT,
            attributes=_known(
                {
                    "gen_ai.operation.name": "chat" if model else None,
                    "gen_ai.provider.name": provider,
                    "gen_ai.request.model": model or None,
                    "server.address": address.hostname,
                    "server.port": address.port,
                }
            ),
        )
        try:
            yield
        except ClientGone:
            span.set_attribute("claude_proxy.client_gone", True)
            self._end_attempt()
            raise
        except ProxyError as error:
            status = getattr(error, "upstream_status", None)
            if status is not None:
                span.set_attribute("http.response.status_code", status)
            span.set_attribute("error.type", error.type)
            self._end_attempt(error_words(error))
            raise

    def end(self, record: RequestRecord) -> None:
        """End all spans of the request; to be called when the answer has ended."""
        span, gone = self._span, record.status == ClientGone.status
        if record.first_event is not None:
            moment = self._began + int(record.first_event * 1e9)
            (self._attempt or span).add_event("gen_ai.first_event", timestamp=moment)
            span.add_event("gen_ai.first_event", timestamp=moment)
        span.set_attributes(_facts(record))
        failed = None if gone or (record.error is None) else record.error
        broke = failed is not None and (record.status >= 500 or record.status == 200)
        if self._attempt is not None:
            self._attempt.set_attributes(_answer_facts(record))
            if gone:
                self._attempt.set_attribute("claude_proxy.client_gone", True)
        self._end_attempt(failed)
        if broke:
            span.set_status(Status(StatusCode.ERROR, mask_secrets(failed or "")))
        span.end()

    def _end_attempt(self, failure: str | None = None) -> None:
        attempt, self._attempt = self._attempt, None
        if attempt is None:
            return
        if failure is not None:
            attempt.set_status(Status(StatusCode.ERROR, mask_secrets(failure)))
        attempt.end()


def _template(path: str) -> str:
    """A dynamic route without its host and prefix; empty for a path without a route."""
    if not path.startswith(("/https/", "/http/")):
        return ""
    end = next((end for end in sorted(OPERATIONS, key=len, reverse=True) if path.endswith(end)), "")
    return f"/{{scheme}}/{{host}}{end}" if end else ""


def _facts(record: RequestRecord) -> dict[str, Any]:
    operation = next((name for end, name in OPERATIONS.items() if record.path.endswith(end)), None)
    facts: dict[str, Any] = {
        "http.response.status_code": record.status,
        "error.type": record.error.partition(":")[0] if record.error else None,
    }
    if record.status == ClientGone.status:
        facts["claude_proxy.client_gone"] = True
    if record.client_model:
        facts |= {
            "gen_ai.operation.name": operation or "chat",
            "gen_ai.request.model": record.client_model,
            "claude_proxy.stream": record.stream,
        }
    return _known(facts) | _answer_facts(record)


def _answer_facts(record: RequestRecord) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "gen_ai.provider.name": record.provider or None,
        "gen_ai.response.model": record.upstream_model or None,
    }
    if record.stop_reason is not None:
        facts["gen_ai.response.finish_reasons"] = (record.stop_reason,)
    if record.usage is not None:
        usage = record.usage
        facts |= {
            "gen_ai.usage.input_tokens": total_input(usage),
            "gen_ai.usage.output_tokens": usage.get("output_tokens", 0),
            "gen_ai.usage.cache_read.input_tokens": usage.get("cache_read_input_tokens"),
            "gen_ai.usage.cache_creation.input_tokens": usage.get("cache_creation_input_tokens"),
            "claude_proxy.usage_estimated": record.estimated,
        }
    return _known(facts)


def _known(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value is not None}
