"""Traces of requests: whether they are on, and the interface that other modules use.

Rule: OpenTelemetry is imported only where a collector is configured; without one a request costs one
attribute access. Code that sends an upstream request wraps it in ``upstream_call``.
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
"""The headers ``traceparent`` and ``tracestate`` of a request, None where they are missing."""


class Tracing(Protocol):
    """Creates the traces of one worker."""

    def begin(self, record: RequestRecord, rule: str | None, parent: Parent) -> Trace:
        """The trace of a request that begins; ``rule`` is its route."""
        ...

    def close(self) -> None:
        """Send what is left, for a few seconds at most."""
        ...


def tracing_for(settings: Settings) -> Tracing | None:
    """The tracing of this process; None where traces are off.

    Starts a thread, which is a greenlet in a gevent worker: call it after the fork.
    """
    if not settings.traces_url or not is_installed(EXPORTER):
        return None
    from proxy.telemetry.otel import OtelTracing

    return OtelTracing(settings)


def upstream_call(
    record: RequestRecord, provider: str, model: str, url: str
) -> AbstractContextManager[None]:
    """Around the sending of one upstream request, up to the head of its answer."""
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
    """Whether ``module`` can be imported; imports no more than the packages around it."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
