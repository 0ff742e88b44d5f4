"""What a view may ask of the application and of the present request."""

from __future__ import annotations

from contextvars import ContextVar
from typing import NamedTuple

from flask import Request, current_app

from proxy.runtime import Runtime
from proxy.telemetry.request_record import RequestRecord

EXTENSION = "claude_proxy"


class Present(NamedTuple):
    """The present request, its record for the log, and the worker's runtime."""

    record: RequestRecord
    runtime: Runtime
    request: Request


# Flask's ``g``, ``current_app`` and ``request`` find the same at each of some forty looks a request
# takes, and take three times as long for each.
_PRESENT: ContextVar[Present] = ContextVar("present")


def begin_present(record: RequestRecord, sent: Request) -> Runtime:
    """Make ``record`` that of ``sent``, the request which begins; the worker's runtime."""
    runtime: Runtime = current_app.extensions[EXTENSION]
    _PRESENT.set(Present(record, runtime, sent))
    return runtime


def present_request() -> Request:
    """The present request itself, for what looks at it more than once."""
    return _PRESENT.get().request


def runtime() -> Runtime:
    """The worker's runtime."""
    return _PRESENT.get().runtime


def record() -> RequestRecord:
    """The present request's record for the log."""
    return _PRESENT.get().record


def credential_headers() -> dict[str, str]:
    """The headers by which the client shows a key, under their lower-case names."""
    environ = _PRESENT.get().request.environ
    sent = (("x-api-key", "HTTP_X_API_KEY"), ("authorization", "HTTP_AUTHORIZATION"))
    return {name: environ[key] for name, key in sent if key in environ}
