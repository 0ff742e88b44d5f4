"""What a view may ask of the application and of the present request."""

from __future__ import annotations

from contextvars import ContextVar
from typing import NamedTuple, cast

from flask import current_app, request

from proxy.logs import AccessRecord
from proxy.runtime import Runtime

EXTENSION = "claude_proxy"


class Present(NamedTuple):
    """The present request's record for the log, and the worker's runtime."""

    record: AccessRecord
    runtime: Runtime


# Flask's ``g`` and ``current_app`` find the same at each of some forty looks a request takes, and
# take three times as long for each.
_PRESENT: ContextVar[Present] = ContextVar("present")


def begin_present(record: AccessRecord) -> Runtime:
    """Make ``record`` that of the request which begins; the worker's runtime."""
    runtime = cast(Runtime, current_app.extensions[EXTENSION])
    _PRESENT.set(Present(record, runtime))
    return runtime


def runtime() -> Runtime:
    """The worker's runtime."""
    return _PRESENT.get().runtime


def record() -> AccessRecord:
    """The present request's record for the log."""
    return _PRESENT.get().record


def credential_headers() -> dict[str, str]:
    """The headers by which the client shows a key, under their lower-case names."""
    sent = {name: request.headers.get(name) for name in ("x-api-key", "authorization")}
    return {name: value for name, value in sent.items() if value is not None}
