"""Error responses written below WSGI: malformed HTTP, aborted requests, failures in the server.

Rule: the body has the form of this API's other errors, and the connection is closed afterwards.
"""

from __future__ import annotations

import socket

import orjson
from gunicorn import util
from gunicorn.http import errors as http_errors

from proxy.errors import ProxyError
from proxy.ids import new_request_id

_STATUS_FOR_PARSE_ERROR: dict[type[BaseException], tuple[int, str]] = {
    http_errors.LimitRequestLine: (414, "URI Too Long"),
    http_errors.LimitRequestHeaders: (431, "Request Header Fields Too Large"),
    http_errors.ExpectationFailed: (417, "Expectation Failed"),
    http_errors.UnsupportedTransferCoding: (501, "Not Implemented"),
}

_RESPONSE_ERRORS = ("InvalidResponseHeader", "InvalidResponseHeaderName")
"""Names of gunicorn's ``ParseException`` classes for a response of this server."""


def is_malformed(error: BaseException) -> bool:
    """Whether ``error`` means that the client did not send valid HTTP."""
    return (
        isinstance(error, http_errors.ParseException)
        and type(error).__name__ not in _RESPONSE_ERRORS
    )


def raw_error(error: BaseException) -> bytes:
    """The whole HTTP response to a request that failed with ``error``; it closes the connection."""
    if is_malformed(error):
        status, reason = _STATUS_FOR_PARSE_ERROR.get(type(error), (400, "Bad Request"))
        shown = ProxyError(f"The HTTP request is malformed: {type(error).__name__}")
    else:
        status, reason, shown = 500, "Internal Server Error", ProxyError("Internal server error")
    shown.status = 400 if status < 500 else 500
    request_id = new_request_id()
    body = orjson.dumps(shown.to_body(request_id))
    head = (
        f"HTTP/1.1 {status} {reason}\r\n"
        "Connection: close\r\n"
        "Content-Type: application/json\r\n"
        f"request-id: {request_id}\r\n"
        f"x-request-id: {request_id}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("latin-1") + body


def write_error(client: socket.socket, error: BaseException) -> bool:
    """Send ``raw_error`` to ``client``; false if the connection is already closed."""
    try:
        util.write_nonblock(client, raw_error(error))
    except OSError:
        return False
    return True
