"""Answers where the application gives none: a request that is no HTTP, or one that was broken off.

Rule: in this API's form, like every other error, and the last one of its connection.
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

_OUR_OWN = ("InvalidResponseHeader", "InvalidResponseHeaderName")
"""gunicorn's parse errors for what this side wanted to send."""


def is_malformed(error: BaseException) -> bool:
    """Whether ``error`` says that the client did not send HTTP."""
    return isinstance(error, http_errors.ParseException) and type(error).__name__ not in _OUR_OWN


def raw_error(error: BaseException) -> bytes:
    """The whole answer to a request that ended with ``error``; it says that the connection ends."""
    if is_malformed(error):
        status, reason = _STATUS_FOR_PARSE_ERROR.get(type(error), (400, "Bad Request"))
        told = ProxyError(f"The HTTP request is malformed: {type(error).__name__}")
    else:
        status, reason, told = 500, "Internal Server Error", ProxyError("Internal server error")
    told.status = 400 if status < 500 else 500
    request_id = new_request_id()
    body = orjson.dumps(told.to_body(request_id))
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
    """Answer ``client`` by ``raw_error``; whether it could still be written to."""
    try:
        util.write_nonblock(client, raw_error(error))
    except OSError:
        return False
    return True
