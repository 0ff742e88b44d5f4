"""The gunicorn worker: gevent's, which answers in this API's form also where no app was reached.

Rule: only what has to happen below WSGI is here.
"""

from __future__ import annotations

import socket
from typing import Any

import orjson
from gunicorn import util
from gunicorn.http import errors as http_errors
from gunicorn.workers.ggevent import GeventWorker

from proxy.errors import ProxyError
from proxy.request_ids import new_request_id

_STATUS_FOR_PARSE_ERROR: dict[type[Exception], tuple[int, str]] = {
    http_errors.LimitRequestLine: (414, "URI Too Long"),
    http_errors.LimitRequestHeaders: (431, "Request Header Fields Too Large"),
    http_errors.ExpectationFailed: (417, "Expectation Failed"),
    http_errors.UnsupportedTransferCoding: (501, "Not Implemented"),
}

_OUR_OWN = ("InvalidResponseHeader", "InvalidResponseHeaderName")
"""gunicorn's parse errors for what this side wanted to send."""


class ProxyWorker(GeventWorker):
    """A gevent worker whose protocol errors are JSON instead of HTML."""

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        """Answer a request that could not be parsed, or that failed outside the application."""
        if isinstance(exc, http_errors.ParseException) and (type(exc).__name__ not in _OUR_OWN):
            status, reason = _STATUS_FOR_PARSE_ERROR.get(type(exc), (400, "Bad Request"))
            error = ProxyError(f"The HTTP request is malformed: {type(exc).__name__}")
            self.log.warning("malformed HTTP request refused: %s", type(exc).__name__)
        else:
            status, reason, error = (
                500,
                "Internal Server Error",
                ProxyError("Internal server error"),
            )
            self.log.error("error outside the application", exc_info=exc)
        error.status = 400 if status < 500 else 500
        request_id = new_request_id()
        body = orjson.dumps(error.to_body(request_id))
        head = (
            f"HTTP/1.1 {status} {reason}\r\n"
            "Connection: close\r\n"
            "Content-Type: application/json\r\n"
            f"request-id: {request_id}\r\n"
            f"x-request-id: {request_id}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        try:
            util.write_nonblock(client, head.encode("latin-1") + body)
        except OSError:
            self.log.debug("the client of a malformed request was gone")
