"""Whether the current request was sent to the upstream in full.

Rule: the connection notes when the last byte was sent; the caller decides what follows from it. From
then on the upstream works on the request, and bills it, even if the client disconnects. The state is
separate for each greenlet and thread.
"""

from __future__ import annotations

from contextvars import ContextVar

_SENT: ContextVar[bool] = ContextVar("request_sent", default=False)


def forget_sent() -> None:
    """The upstream has no request, or has refused it."""
    _SENT.set(False)


def note_sent() -> None:
    """The whole request was sent."""
    _SENT.set(True)


def is_sent() -> bool:
    """Whether this greenlet's last request was sent in full and not refused since."""
    return _SENT.get()
