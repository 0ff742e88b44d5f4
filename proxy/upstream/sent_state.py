"""Whether an upstream has the present request.

Rule: only the connection knows when the last byte left, and only the caller what that means: who goes
away from then on does not stop the work, nor the bill. Each greenlet and thread has its own answer.
"""

from __future__ import annotations

from contextvars import ContextVar

_SENT: ContextVar[bool] = ContextVar("request_sent", default=False)


def forget_sent() -> None:
    """The upstream has no request, or refused it."""
    _SENT.set(False)


def note_sent() -> None:
    """The whole request is on its way."""
    _SENT.set(True)


def is_sent() -> bool:
    """Whether the last request of this greenlet left in full and was not refused since."""
    return _SENT.get()
