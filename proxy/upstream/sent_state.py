"""Whether the current request was sent to the upstream in full.

Rule: the connection records that the last byte was sent; callers decide what to do then. From then on
the upstream processes and bills the request, even if the client disconnects. Each greenlet and thread
has its own state.
"""

from __future__ import annotations

from contextvars import ContextVar

_SENT: ContextVar[bool] = ContextVar("request_sent", default=False)


def mark_unsent() -> None:
    """Record that the upstream has not received the request completely, or has refused it."""
    _SENT.set(False)


def mark_sent() -> None:
    """Record that the whole request was sent."""
    _SENT.set(True)


def is_sent() -> bool:
    """Whether this greenlet's last request was sent in full and not refused since."""
    return _SENT.get()
