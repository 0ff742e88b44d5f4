"""Whether this process is to end, and what runs in it then.

Rule: a process ends as a whole, so this state is the process's own, as its signals are. A worker
gets the same SIGTERM for a stop and for a reload: which of them it is the master writes into a byte
that all its workers share, before it sends any signal.
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
"""Of the graceful timeout, kept for writing the last events; gunicorn kills at its end."""

_STOP, _AT_ONCE, _LAST = 1, 2, 4
_TIMES = struct.Struct("dd")
_TIMES_AT = 8


class Ending(Protocol):
    """What can be told to end all that runs in it."""

    def end(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a draining worker does what, in seconds from the signal."""

    accept: float
    """Until then new connections are taken."""
    end: float
    """What still runs gets its last event or its 529."""
    leave: float
    """The process ends, whoever has not read that."""

    @classmethod
    def within(cls, graceful: float, delay: float = 0.0) -> Schedule:
        """The schedule for a graceful timeout; it must be over before that is."""
        end = max(graceful - RESERVE_SECONDS, graceful / 4)
        return cls(min(delay, end), end, max(graceful - 1, graceful / 2))


class Drain:
    """The end of one process, and of its workers where it is a master."""

    def __init__(self) -> None:
        # Anonymous and shared: workers are forks, and see what their master writes.
        self._order = mmap.mmap(-1, _TIMES_AT + _TIMES.size)
        self._parts: WeakSet[Ending] = WeakSet()
        self.delay = 0.0
        """Seconds for which a stopping worker still takes requests."""
        self.orphaned = False
        """True once the master of this worker died."""
        self.ended = False

    def order_stop(self, *, at_once: bool, last: bool, seconds: float) -> None:
        """Called by the master, which kills in ``seconds`` what still runs.

        ``last``: nobody else will go on accepting from its listeners.
        """
        _TIMES.pack_into(self._order, _TIMES_AT, monotonic(), seconds)
        self._order[0] |= _STOP | (at_once and _AT_ONCE) | (last and _LAST)

    @property
    def ordered(self) -> bool:
        """True once the master has begun to stop, as opposed to reload."""
        return bool(self._order[0] & _STOP)

    @property
    def at_once(self) -> bool:
        """True where that stop waits for nobody."""
        return bool(self._order[0] & _AT_ONCE)

    @property
    def last(self) -> bool:
        """True where the listeners end with this stop."""
        return bool(self._order[0] & _LAST)

    @property
    def stopping(self) -> bool:
        """True where no other worker takes the place of this one: it is not ready any more."""
        return self.ordered or self.orphaned

    def deadlines(self, told: float, schedule: Schedule) -> tuple[float, float]:
        """When a worker that was told at ``told`` ends and leaves, by the monotonic clock.

        A worker of an earlier configuration may have a longer schedule than its master grants.
        """
        end, leave = told + schedule.end, told + schedule.leave
        if not self.ordered:
            return end, leave
        began, seconds = _TIMES.unpack_from(self._order, _TIMES_AT)
        granted = Schedule.within(seconds)
        return min(end, began + granted.end), min(leave, began + granted.leave)

    def add(self, part: Ending) -> None:
        """End ``part`` too, as long as somebody else keeps it."""
        self._parts.add(part)

    def end(self) -> None:
        """Give everything that still runs its last event; later calls do nothing."""
        if not self.ended:
            self.ended = True
            for part in list(self._parts):
                part.end()


PROCESS = Drain()
"""The end of this process."""

_ATTACH_FILTER = 26  # SO_ATTACH_FILTER of Linux, which the socket module does not name
_DROP_NEW = (
    (0x30, 0, 0, 13),  # the flags of the TCP header
    (0x54, 0, 0, 0x12),  # SYN and ACK of them
    (0x15, 0, 1, 0x02),  # SYN alone
    (0x06, 0, 0, 0),  # is dropped,
    (0x06, 0, 0, 0xFFFFFFFF),  # all else passes
)


def stop_accepting(listener: socket.socket) -> None:
    """Let no new connection begin, while those that have begun can still be accepted.

    A listener that is closed breaks the connections in its queue, and one may come between the last
    ``accept`` and ``close``. A client whose first packet is dropped tries again after a second, and
    is then served by the next process or refused. Does nothing where the system has no filters.
    """
    if sys.platform != "linux" or listener.family == socket.AF_UNIX:
        return
    code = b"".join(struct.pack("HBBI", *step) for step in _DROP_NEW)
    held = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("HP", len(_DROP_NEW), ctypes.addressof(held))
    with contextlib.suppress(OSError):
        listener.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, program)
