"""Error answers in the format of the Messages API.

Rule: the only handler for ``Exception`` is here. An exception that reaches it is a bug: it is logged with
its traceback, and the answer is a 500 with the request id.
"""

from __future__ import annotations

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from proxy.api.context import record
from proxy.api.not_offered import not_offered
from proxy.api.responses import json_response
from proxy.errors import MethodNotAllowed, NativeRefusal, NotFound, ProxyError, release_frames
from proxy.relay.internal_error import internal_error
from proxy.telemetry.logs import error_words


def register_error_handlers(app: Flask) -> None:
    """Register the handlers for ``ProxyError``, routing failures and bugs."""
    app.register_error_handler(ProxyError, error_response)
    app.register_error_handler(NativeRefusal, native_refusal)
    app.register_error_handler(HTTPException, routing_failure)
    app.register_error_handler(Exception, bug)


def error_response(error: ProxyError) -> Response:
    """The answer for ``error``: its status, headers and body (docs/protocol.md section 5)."""
    record().error = error_words(error)
    response = json_response(error.to_body(record().request_id), error.status)
    response.headers.update(error.headers)
    release_frames(error)
    return response


def native_refusal(error: NativeRefusal) -> Response:
    """The refusal of a native upstream, unchanged (docs/protocol.md section 8)."""
    record().error = error_words(error)
    response = Response(error.body, error.status, content_type="application/json")
    response.headers.update(error.answer_headers)
    release_frames(error)
    return response


def routing_failure(error: HTTPException) -> Response:
    """The answer to a 404 or 405 of the URL map, or to another error of werkzeug."""
    access = record()
    if error.code == 405:
        allowed = error.get_response().headers.get("allow", "")
        refused = MethodNotAllowed(
            f"{access.method} is not allowed on {access.path}", headers={"allow": allowed}
        )
        return error_response(refused)
    if error.code == 404:
        words = f"Not found: {access.method} {access.path}{not_offered(access.path)}"
        return error_response(NotFound(words))
    failure = ProxyError(error.description or error.name)
    failure.status = error.code or 500
    return error_response(failure)


def bug(error: Exception) -> Response:
    """The answer to an unhandled exception, without details."""
    access = record()
    return error_response(internal_error(error, access, f"{access.method} {request.url_rule}"))
