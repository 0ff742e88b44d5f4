"""Traces of requests: whether they are on, and the interface that other modules use.

Rule: OpenTelemetry is imported only if a collector is configured; without one, tracing takes one
attribute access per request. Code that sends an upstream request does so inside ``upstream_call``.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from typing import Protocol

from config.settings import Settings
from proxy.telemetry.request_record import RequestRecord, Trace

EXPORTER = "opentelemetry.exporter.otlp.proto.http"
SENTRY = "sentry_sdk"
_UNTRACED = nullcontext()


Parent = Mapping[str, str | None]
"""The headers ``traceparent`` and ``tracestate`` of a request, None if they are missing."""


class Tracing(Protocol):
    """Creates the traces of one worker."""

    def begin(self, record: RequestRecord, rule: str | None, parent: Parent) -> Trace:
        """The trace of a new request; ``rule`` is its rule in the URL map."""
        ...

    def close(self) -> None:
        """Send the remaining spans, for a few seconds at most."""
        ...


def tracing_for(settings: Settings) -> Tracing | None:
    """The tracing of this process; None if traces are off.

    Starts a thread, which is a greenlet in a gevent worker, so call this after the fork.
    """
    if not settings.traces_url or not is_installed(EXPORTER):
        return None
    from proxy.telemetry.otel import OtelTracing

    return OtelTracing(settings)


def upstream_call(
    record: RequestRecord, provider: str, model: str, url: str
) -> AbstractContextManager[None]:
    """The context of one upstream request, up to the head of its answer."""
    if record.trace is None:
        return _UNTRACED
    return record.trace.attempt(provider, model, url)


def missing_extras(settings: Settings) -> list[str]:
    """A warning for each kind of report that is configured but lacks its package."""
    asked = (
        (settings.traces_url, EXPORTER, "OTEL_EXPORTER_OTLP_ENDPOINT", "traces", "otel"),
        (settings.sentry_dsn, SENTRY, "SENTRY_DSN", "error reports", "sentry"),
    )
    return [
        f"{variable} is set, but {what} need a package that is not installed: "
        f"pip install 'claude-messages-proxy[{extra}]'"
        for value, module, variable, what, extra in asked
        if value and not is_installed(module)
    ]


def is_installed(module: str) -> bool:
    """Whether ``module`` can be imported; imports only its parent packages."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
