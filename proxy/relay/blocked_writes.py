"""Writes that wait because their client does not read, and which of them are ended.

Rule: a write that the kernel accepts at once is not measured. The sweep measures the waiting ones by
the bytes that the client acknowledged, so that a slow client is not taken for one that does not read.
"""

from __future__ import annotations

import contextlib
import fcntl
import socket
import struct
import termios
from collections.abc import Callable, Container, Iterator
from time import monotonic
from typing import Any

from gevent import getcurrent

from proxy.errors import ClientStalled
from proxy.relay.client_socket import shut_down

BYTES_PER_SECOND = 256
"""A client that takes less is stalled; the slowest mobile connections take ten times as much."""
GRACE_SECONDS = 5.0
"""How long a client is stalled before its slot or connection may be given to another."""
_INT = struct.Struct("i")
_RESET = struct.pack("ii", 1, 0)


class BlockedWrite:
    """One write that waits for its client."""

    __slots__ = ("_left", "_measured", "error", "sock", "stalled")

    def __init__(self, sock: Any) -> None:
        self.sock = sock
        self.stalled = 0.0
        """Seconds without progress: each byte that the client takes counts 1 / ``BYTES_PER_SECOND``."""
        self.error: ClientStalled | None = None
        """What the write raises when its wait ends."""
        self._left = 0
        self._measured = monotonic()

    def measure(self, now: float) -> None:
        """Set ``stalled`` for ``now`` (monotonic seconds)."""
        left = unacknowledged(self.sock)
        taken = max(0, self._left - left)
        self.stalled = max(0.0, self.stalled + now - self._measured - taken / BYTES_PER_SECOND)
        self._left, self._measured = left, now

    def end(self, text: str) -> None:
        """Make the write raise ``ClientStalled``, and close its connection by a reset.

        Without the reset the kernel would keep the data that is left for many minutes.
        """
        self.error = ClientStalled(text)
        with contextlib.suppress(OSError):
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        # Wakes the greenlet that waits.
        shut_down(self.sock)


class BlockedWrites:
    """The waiting writes of one worker, by the greenlets that wait."""

    def __init__(self) -> None:
        self.seconds = float("inf")
        """How long a client may be stalled."""
        self.begin_sweep: Callable[[], object] = lambda: None
        """Called when the first write waits: ``check`` must be called regularly from then on."""
        self._writes: dict[object, BlockedWrite] = {}

    def __len__(self) -> int:
        return len(self._writes)

    @contextlib.contextmanager
    def waiting(self, sock: Any) -> Iterator[None]:
        """For a block that waits until ``sock`` is writable; raises ``ClientStalled`` if that was ended."""
        greenlet = getcurrent()
        write = self._writes[greenlet] = BlockedWrite(sock)
        if len(self._writes) == 1:
            self.begin_sweep()
        try:
            yield
        finally:
            self._writes.pop(greenlet, None)
        if write.error is not None:
            raise write.error

    def check(self, now: float) -> None:
        """Called by the sweep: measure all writes and end those that are stalled for too long."""
        for owner, write in list(self._writes.items()):
            write.measure(now)
            if write.stalled >= self.seconds:
                self._end(owner, f"the client did not read its answer for {self.seconds:g} s")

    def end_longest(self, owners: Container[object]) -> bool:
        """End the write that is stalled the longest, of those whose greenlet is one of ``owners``.

        False if none is stalled for ``GRACE_SECONDS``.
        """
        stalled, found = GRACE_SECONDS, None
        for owner, write in self._writes.items():
            if write.stalled >= stalled and owner in owners:
                stalled, found = write.stalled, owner
        if found is None:
            return False
        self._end(
            found,
            f"the client did not read its answer for {stalled:.0f} s, and others were waiting",
        )
        return True

    def end(self, sock: Any, text: str) -> bool:
        """End the write to ``sock``; False if it does not wait."""
        for owner, write in self._writes.items():
            if write.sock is sock:
                self._end(owner, text)
                return True
        return False

    def _end(self, owner: object, text: str) -> None:
        # Removed at once, so that none is ended twice.
        self._writes.pop(owner).end(text)


def unacknowledged(sock: Any) -> int:
    """How many bytes were written to ``sock`` and not yet taken by the other side; 0 if not known."""
    try:
        return int(_INT.unpack(fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(_INT.size)))[0])
    except (OSError, ValueError):
        return 0


WRITES = BlockedWrites()
"""The waiting writes of this process."""
