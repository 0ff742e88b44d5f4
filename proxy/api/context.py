"""The present request, its record and the worker's runtime."""

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


# A request reads these about forty times, and Flask's ``g``, ``current_app`` and ``request`` take three
# times as long for each access.
_PRESENT: ContextVar[Present] = ContextVar("present")


def begin_present(record: RequestRecord, sent: Request) -> Runtime:
    """Make ``sent`` the present request, with ``record``; returns the worker's runtime."""
    runtime: Runtime = current_app.extensions[EXTENSION]
    _PRESENT.set(Present(record, runtime, sent))
    return runtime


def present_request() -> Request:
    """The request object, to which access is faster than through Flask's proxy object."""
    return _PRESENT.get().request


def runtime() -> Runtime:
    """The worker's runtime."""
    return _PRESENT.get().runtime


def record() -> RequestRecord:
    """The present request's record for the log."""
    return _PRESENT.get().record


def credential_headers() -> dict[str, str]:
    """The headers that may contain a key of the client, with lower-case names."""
    environ = _PRESENT.get().request.environ
    sent = (("x-api-key", "HTTP_X_API_KEY"), ("authorization", "HTTP_AUTHORIZATION"))
    return {name: environ[key] for name, key in sent if key in environ}
