"""The error for an exception of this program, wherever an answer meets it.

Rule: an exception that is no ``ProxyError`` is a bug. The log gets its places and types, the client only
that something failed, also inside a stream that has begun.
"""

from __future__ import annotations

import logging

from proxy.errors import ProxyError
from proxy.telemetry.request_record import RequestRecord

log = logging.getLogger(__name__)


def internal_error(error: Exception, record: RequestRecord, route: str = "") -> ProxyError:
    """Log ``error`` with its traceback; returns the ``api_error`` for the client.

    ``route``: what reports of errors name as the place; empty: the request's route.
    """
    log.error(
        "unhandled error, request_id=%s",
        record.request_id,
        exc_info=error,
        extra={"request_id": record.request_id, "route": route or record.route},
    )
    return ProxyError("Internal server error")
