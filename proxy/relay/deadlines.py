"""The moments at which one request times out or its client needs a ping.

Rule: no clock is read; every moment is an argument, in seconds of the monotonic clock.
"""

from __future__ import annotations

from enum import Enum

from proxy.errors import ClientGone, Overloaded, ProxyError, RequestTimeout, UpstreamTimeout

PING_SECONDS = 15.0
"""Longest silence towards a streaming client (docs/protocol.md section 4)."""


class WaitResult(Enum):
    """Why a wait for the upstream ended."""

    READABLE = "readable"
    PING = "ping"
    ENOUGH = "enough"
    """The time for which the caller waits is over."""
    GONE = "client gone"
    LIMIT = "limit"
    """The time limit of the present phase expired."""
    TOTAL = "total"
    """The time limit of the whole request expired."""
    DRAIN = "drain"
    """The process is shutting down."""


def shutdown_error() -> Overloaded:
    """The error for a request that is still running when its process shuts down."""
    return Overloaded(
        "the server is restarting and ended this request before it was complete; try again",
        headers={"retry-after": "1"},
    )


class Deadlines:
    """The time limits of one request, and when its client next gets a ping."""

    __slots__ = (
        "_content",
        "_content_text",
        "_limit",
        "_limit_text",
        "_total",
        "_total_seconds",
        "enough",
        "last_event",
        "pings",
    )

    def __init__(self, now: float, total_seconds: float | None = None) -> None:
        """``total_seconds``: the limit of the whole request, from ``now`` on."""
        self._limit: float | None = None
        self._limit_text = ""
        self._content: float | None = None
        self._content_text = ""
        self._total = None if total_seconds is None else now + total_seconds
        self._total_seconds = total_seconds
        self.enough: float | None = None
        """The moment at which the present wait ends with ``ENOUGH``."""
        self.last_event = now
        """When the client last got an event; moves the next ping."""
        self.pings = False
        """True while the client gets a ping if nothing else is sent."""

    def limit(self, until: float | None, text: str = "") -> None:
        """End the present phase at ``until`` (None: never); ``text`` is the error message then."""
        self._limit = until
        if text:
            self._limit_text = text

    def limit_content(self, until: float, text: str) -> None:
        """Also end the phase at ``until`` unless content moves it; ``text`` is the message then."""
        self._content, self._content_text = until, text

    def due(self, now: float) -> WaitResult | None:
        """What is due at ``now``: TOTAL, LIMIT, ENOUGH or PING, in this order."""
        if self._total is not None and now >= self._total:
            return WaitResult.TOTAL
        if self._limit is not None and now >= self._limit:
            return WaitResult.LIMIT
        if self._content is not None and now >= self._content:
            self._limit_text = self._content_text
            return WaitResult.LIMIT
        if self.enough is not None and now >= self.enough:
            return WaitResult.ENOUGH
        if self.pings and now - self.last_event >= PING_SECONDS:
            return WaitResult.PING
        return None

    def error(self, result: WaitResult) -> ProxyError:
        """The error for a wait that ended with GONE, DRAIN, LIMIT or TOTAL."""
        if result is WaitResult.GONE:
            return ClientGone("the client closed the connection")
        if result is WaitResult.DRAIN:
            return shutdown_error()
        if result is WaitResult.TOTAL:
            return RequestTimeout(f"the request took longer than {self._total_seconds:g} s")
        return UpstreamTimeout(self._limit_text)
