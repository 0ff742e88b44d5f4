"""The error for an exception of this program, in whole answers and in streams.

Rule: an exception that is no ``ProxyError`` is a bug. The log gets its places and types, the client only
that something failed, also inside a stream that has begun.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from proxy.errors import ProxyError
from proxy.telemetry.request_record import RequestRecord

log = logging.getLogger(__name__)


def internal_error(error: Exception, record: RequestRecord, route: str = "") -> ProxyError:
    """Log ``error`` with its traceback; returns the ``api_error`` for the client.

    ``route``: the place that error reports name; empty: the request's route.
    """
    log.error(
        "unhandled error, request_id=%s",
        record.request_id,
        exc_info=error,
        extra={"request_id": record.request_id, "route": route or record.route},
    )
    return ProxyError("Internal server error")


class OwnFailures:
    """A context whose exceptions, except ``ProxyError``, are logged, suppressed and kept for the client."""

    __slots__ = ("_record", "_then", "error")

    def __init__(self, record: RequestRecord, then: Callable[[], object] | None = None) -> None:
        """``then`` is called while the exception is handled."""
        self._record = record
        self._then = then
        self.error: ProxyError | None = None

    def __enter__(self) -> OwnFailures:
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool:
        if not isinstance(error, Exception) or isinstance(error, ProxyError):
            return False
        self.error = internal_error(error, self._record)
        if self._then is not None:
            self._then()
        return True
