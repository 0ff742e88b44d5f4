"""The state of a shutdown: whether this process is ending, its deadlines, and what it must end.

Rule: there is one state for each process. A worker gets the same SIGTERM for a stop and for a reload,
so the master records a stop in memory shared with its workers before it sends the signal.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import socket
import struct
import sys
from dataclasses import dataclass
from time import monotonic
from typing import Protocol
from weakref import WeakSet

RESERVE_SECONDS = 3.0
"""The part of the graceful timeout reserved for sending the last events; after the timeout gunicorn
kills the workers."""

_STOP, _AT_ONCE, _LAST = 1, 2, 4
_TIMES = struct.Struct("dd")
_TIMES_AT = 8


class Ending(Protocol):
    """A part of the application that can end its running requests."""

    def end(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Schedule:
    """The phases of a worker's shutdown, in seconds after the signal."""

    accept: float
    """Until then new connections are accepted."""
    end: float
    """Then running streams get their last event, and requests without an answer yet a 529."""
    leave: float
    """Then the process exits, even if clients have not received all data."""

    @classmethod
    def within(cls, graceful: float, delay: float = 0.0) -> Schedule:
        """The schedule for a graceful timeout, before which it ends, and a drain delay in seconds."""
        end = max(graceful - RESERVE_SECONDS, graceful / 4)
        return cls(min(delay, end), end, max(graceful - 1, graceful / 2))


class ShutdownState:
    """The shutdown state of one process; a master also writes the stop order for its workers."""

    def __init__(self) -> None:
        # Anonymous and shared: workers are forks and see what their master writes later.
        self._order = mmap.mmap(-1, _TIMES_AT + _TIMES.size)
        self._parts: WeakSet[Ending] = WeakSet()
        self.delay = 0.0
        """Seconds for which a stopping worker still accepts requests."""
        self.orphaned = False
        """True once this worker's master has died."""
        self.ended = False

    def order_stop(self, *, at_once: bool, last: bool, seconds: float) -> None:
        """Called by the master, which kills every worker that still runs after ``seconds``.

        ``last``: no other process accepts from the same listeners afterwards.
        """
        _TIMES.pack_into(self._order, _TIMES_AT, monotonic(), seconds)
        self._order[0] |= _STOP | (at_once and _AT_ONCE) | (last and _LAST)

    @property
    def ordered(self) -> bool:
        """True once the master has begun to stop; a reload does not count."""
        return bool(self._order[0] & _STOP)

    @property
    def at_once(self) -> bool:
        """True if that stop does not wait for running requests."""
        return bool(self._order[0] & _AT_ONCE)

    @property
    def last(self) -> bool:
        """True if the listeners close with that stop."""
        return bool(self._order[0] & _LAST)

    @property
    def stopping(self) -> bool:
        """True if no worker will replace this one, which is then no longer ready (``/readyz``)."""
        return self.ordered or self.orphaned

    def deadlines(self, signalled: float, schedule: Schedule) -> tuple[float, float]:
        """When a worker signalled at ``signalled`` ends its requests and exits (monotonic clock).

        The master's graceful timeout limits both: a worker with the configuration from before a
        reload may have a longer schedule.
        """
        end, leave = signalled + schedule.end, signalled + schedule.leave
        if not self.ordered:
            return end, leave
        began, seconds = _TIMES.unpack_from(self._order, _TIMES_AT)
        allowed = Schedule.within(seconds)
        return min(end, began + allowed.end), min(leave, began + allowed.leave)

    def add(self, part: Ending) -> None:
        """Let ``end`` also call ``part.end``; only a weak reference is kept."""
        self._parts.add(part)

    def end(self) -> None:
        """End every part that was added; later calls do nothing."""
        if not self.ended:
            self.ended = True
            for part in list(self._parts):
                part.end()


PROCESS = ShutdownState()
"""The shutdown state of this process."""

_ATTACH_FILTER = 26  # Linux's SO_ATTACH_FILTER, which the socket module does not define
_DROP_SYN = (
    (0x30, 0, 0, 13),  # load the flags of the TCP header
    (0x54, 0, 0, 0x12),  # keep SYN and ACK
    (0x15, 0, 1, 0x02),  # SYN alone:
    (0x06, 0, 0, 0),  # drop
    (0x06, 0, 0, 0xFFFFFFFF),  # all else: pass
)


def stop_accepting(listener: socket.socket) -> None:
    """Drop the SYN packets of new connections; connections already begun can still be accepted.

    Closing a listener resets the connections in its queue, and one may arrive between the last
    ``accept`` and ``close``. A client whose SYN is dropped sends it again after a second and is
    then accepted by the next process, or refused. Has no effect on systems other than Linux.
    """
    if sys.platform != "linux" or listener.family == socket.AF_UNIX:
        return
    code = b"".join(struct.pack("HBBI", *step) for step in _DROP_SYN)
    held = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("HP", len(_DROP_SYN), ctypes.addressof(held))
    with contextlib.suppress(OSError):
        listener.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, program)
