"""The errors that clients get.

Rule: every failure that reaches a client is a ``ProxyError``; its status and type are one row of the
table in docs/protocol.md section 5. Independent of Flask, requests and the upstream's wording.
"""

from __future__ import annotations

from collections.abc import Mapping
from errno import EPIPE
from traceback import clear_frames
from typing import Any, Self

TYPE_FOR_STATUS: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    415: "invalid_request_error",
    429: "rate_limit_error",
    500: "api_error",
    502: "api_error",
    503: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""Error ``type`` (docs/protocol.md section 5) for each HTTP status that the proxy sends."""

CUT_SHORT = "upstream closed the stream before it finished"
"""Message for a stream that ended too early (docs/protocol.md section 4)."""

NO_RETRY: Mapping[str, str] = {"x-should-retry": "false"}
"""Stops the retries of Anthropic SDKs and Claude Code (docs/protocol.md section 5)."""


class Complaint(str):
    """A message that quotes the text of a client or an upstream; ``logged``: the same without it."""

    __slots__ = ("logged",)
    logged: str

    def __new__(cls, text: str, logged: str) -> Self:
        made = super().__new__(cls, text)
        made.logged = logged
        return made


def logged_words(text: str) -> str:
    """What a log line may contain of ``text``, a message of this proxy."""
    return text.logged if isinstance(text, Complaint) else text


def release_frames(error: BaseException) -> None:
    """Free the variables of the calls that ``error`` passed through, such as a request's body.

    To be called where an error is kept or was answered: its traceback refers to these variables and to
    those of their callers. If one of them refers to the error, this reference cycle stays in memory
    until the next garbage collection.
    """
    each: BaseException | None = error
    released: set[int] = set()
    # An error that is raised again where one is handled that it caused refers to itself.
    while each is not None and id(each) not in released:
        released.add(id(each))
        clear_frames(each.__traceback__)
        each.__traceback__ = None
        each = each.__cause__ or each.__context__


class ProxyError(Exception):
    """A failure with the HTTP status and Anthropic error type that the client gets.

    ``message``: a ``Complaint`` where it quotes text that was sent to this proxy. ``headers`` are sent
    with the error, such as ``retry-after`` and ``x-should-retry``. ``details`` are members that SDKs
    act on, such as ``error_code`` of the Messages API.
    """

    status = 500

    def __init__(
        self,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.headers: dict[str, str] = dict(headers or {})
        self.details = details

    @property
    def type(self) -> str:
        return TYPE_FOR_STATUS.get(self.status, "api_error")

    def to_error(self) -> dict[str, Any]:
        """The ``error`` member of an Anthropic error body: ``{"type", "message"}``, ``details``."""
        error: dict[str, Any] = {"type": self.type, "message": self.message}
        return error if self.details is None else error | {"details": self.details}

    def to_body(self, request_id: str) -> dict[str, Any]:
        """The whole body: ``{"type": "error", "error": {...}, "request_id"}``."""
        return {"type": "error", "error": self.to_error(), "request_id": request_id}


class InvalidRequest(ProxyError):
    """The client's request is wrong; the message is ``PATH: TEXT`` of docs/protocol.md section 9."""

    status = 400


class AuthenticationFailed(ProxyError):
    status = 401

    def __init__(self, message: str) -> None:
        super().__init__(message, headers=NO_RETRY)


class PermissionDenied(ProxyError):
    status = 403

    def __init__(self, message: str) -> None:
        super().__init__(message, headers=NO_RETRY)


class NotFound(ProxyError):
    status = 404

    def __init__(self, message: str) -> None:
        super().__init__(message, headers=NO_RETRY)


class MethodNotAllowed(ProxyError):
    status = 405


class BodyTimeout(ProxyError):
    """The request's body did not arrive in time."""

    status = 408


class RequestTooLarge(ProxyError):
    status = 413


class UnsupportedMediaType(ProxyError):
    status = 415


class RateLimited(ProxyError):
    """The client reached a limit that the operator set."""

    status = 429


class LimitsUnknown(ProxyError):
    """The client's limits cannot be checked, and such requests are refused by configuration."""

    status = 503


class Overloaded(ProxyError):
    status = 529


class UpstreamError(ProxyError):
    """The upstream failed or refused the request.

    ``status`` is the status for the client. ``upstream_status`` is the upstream's status (None without
    an HTTP answer), ``code`` and ``param`` come from its error object, ``text`` is its own message
    before any rewording: healing reads these. ``quoted``: ``text`` was passed, so it is the upstream's
    and may repeat the request. ``unanswered``: no byte of an answer arrived. ``secrets``: the keys that
    the upstream was sent, which ``text`` may repeat.
    """

    unanswered = False
    secrets: tuple[str, ...] = ()

    def __init__(
        self,
        message: str,
        *,
        status: int = 502,
        upstream_status: int | None = None,
        code: str | None = None,
        param: str | None = None,
        text: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, headers=headers)
        self.status = status
        self.upstream_status = upstream_status
        self.code = code
        self.param = param
        self.text = message if text is None else text
        self.quoted = text is not None


class UpstreamTimeout(UpstreamError):
    """The upstream did not connect, answer or continue in time."""

    def __init__(self, message: str) -> None:
        super().__init__(message, status=504)


class RequestTimeout(UpstreamTimeout):
    """The time limit of the whole request expired, so no further attempt may follow."""


class NativeRefusal(UpstreamError):
    """A native upstream's own error object, which the client gets unchanged.

    ``body`` and ``answer_headers`` are the body and the headers for the client, ``status`` is the
    upstream's (docs/protocol.md section 8).
    """

    body: bytes = b""
    answer_headers: Mapping[str, str] = {}


class ClientGone(ProxyError):
    """The client closed its connection. The status 499 is recorded but cannot be sent."""

    status = 499


class ClientStalled(BrokenPipeError):
    """A write to a client that does not read was ended; for the server it is a client that left."""

    def __init__(self, text: str) -> None:
        super().__init__(EPIPE, text)
