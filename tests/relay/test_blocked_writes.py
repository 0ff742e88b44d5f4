"""Writes that wait for their client: when one is stalled, and what ends it."""

from __future__ import annotations

import contextlib
import errno
import select
import socket
from collections.abc import Iterator
from math import inf
from time import monotonic
from typing import Any

import gevent
import gevent.socket
import pytest

from proxy.errors import ClientStalled
from proxy.relay.blocked_writes import BYTES_PER_SECOND, GRACE_SECONDS, BlockedWrites
from proxy.relay.sweeper import Sweeper

SEGMENT = 1460
Pair = tuple[Any, Any]


@contextlib.contextmanager
def full_connection() -> Iterator[Pair]:
    """A TCP connection: the server's end, whose buffers are full, and the client's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        theirs = socket.socket()
        theirs.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        theirs.connect(listener.getsockname())
        ours, _ = listener.accept()
    # So much that what the client takes in a test is far less than the third that would wake the writer.
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    ours.setblocking(False)
    # The kernel makes room once more when it has sent what fits into the client's buffer.
    while select.select([], [ours], [], 0.1)[1]:
        with contextlib.suppress(BlockingIOError):
            ours.send(bytes(65536))
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def pair() -> Iterator[Pair]:
    with full_connection() as made:
        yield made


@pytest.fixture
def other() -> Iterator[Pair]:
    with full_connection() as made:
        yield made


def drain(sock: Any) -> None:
    """Read all that comes."""
    while sock.recv(65536):
        pass


class Writer:
    """A greenlet whose write to ``sock`` waits in ``writes``."""

    def __init__(self, writes: BlockedWrites, sock: Any) -> None:
        self.error: BaseException | None = None
        self.greenlet = gevent.spawn(self._write, writes, sock)
        gevent.sleep(0)

    def _write(self, writes: BlockedWrites, sock: Any) -> None:
        try:
            with writes.waiting(sock):
                gevent.socket.wait_write(sock.fileno())
        except BaseException as error:
            self.error = error

    def ended(self) -> str:
        """The message of the error that ended it."""
        self.greenlet.join(60)
        assert isinstance(self.error, ClientStalled)
        assert self.error.errno == errno.EPIPE
        return str(self.error.strerror)


def test_a_write_that_makes_no_progress_is_ended_by_a_reset(pair: Pair) -> None:
    writes, now = BlockedWrites(), monotonic()
    writes.seconds = 60
    writer = Writer(writes, pair[0])
    writes.check(now + 1)
    writes.check(now + 59)
    assert len(writes) == 1
    writes.check(now + 61)
    assert len(writes) == 0
    assert writer.ended() == "the client did not read its answer for 60 s"
    pair[0].close()
    with pytest.raises(ConnectionResetError):
        drain(pair[1])


def test_what_the_client_takes_counts_as_time(pair: Pair) -> None:
    ours, theirs = pair
    writes, now = BlockedWrites(), monotonic()
    writes.seconds = 60
    writer = Writer(writes, ours)
    writes.check(now + 1)
    writes.check(now + 58)
    taken = 0
    while taken < 8 * SEGMENT:
        taken += len(theirs.recv(4096))
        # The kernel of the same machine acknowledges within this call, or at the next one.
        gevent.sleep(0.01)
    # At least half of it was acknowledged: so many seconds are gained.
    gained = 4 * SEGMENT / BYTES_PER_SECOND
    writes.check(now + 59)
    writes.check(now + 60 + gained - 5)
    assert len(writes) == 1
    writes.check(now + 200)
    assert writer.ended()


def test_only_the_longest_beyond_the_grace_is_ended_for_others(pair: Pair, other: Pair) -> None:
    writes, now = BlockedWrites(), monotonic()
    first = Writer(writes, pair[0])
    writes.check(now + GRACE_SECONDS / 2)
    second = Writer(writes, other[0])
    owners = {first.greenlet, second.greenlet}
    assert not writes.end_longest(owners)
    writes.check(now + 2 * GRACE_SECONDS)
    assert not writes.end_longest(set())
    assert writes.end_longest(owners)
    assert first.ended().endswith("for 10 s, and others were waiting")
    assert second.error is None
    assert writes.end_longest({second.greenlet})
    assert second.ended()
    assert not writes.end_longest(owners)


def test_a_write_can_be_ended_by_its_socket(pair: Pair) -> None:
    writes = BlockedWrites()
    writer = Writer(writes, pair[0])
    assert not writes.end(pair[1], "too late")
    assert writes.end(pair[0], "too late")
    assert writer.ended() == "too late"


def test_a_write_that_is_killed_is_forgotten(pair: Pair) -> None:
    writes = BlockedWrites()
    writer = Writer(writes, pair[0])
    writer.greenlet.kill()
    assert isinstance(writer.error, gevent.GreenletExit)
    assert len(writes) == 0


def test_a_write_that_gets_on_is_no_longer_measured(pair: Pair) -> None:
    ours, theirs = pair
    writes = BlockedWrites()
    writer = Writer(writes, ours)
    theirs.settimeout(0.2)
    with pytest.raises(TimeoutError):
        drain(theirs)
    writer.greenlet.join(60)
    assert writer.error is None
    assert len(writes) == 0


def test_the_sweep_begins_with_the_first_write_that_waits(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.relay.sweeper.SWEEP_SECONDS", 0.02)
    writes = BlockedWrites()
    assert writes.seconds == inf
    writes.seconds = 0.2
    Sweeper(writes)
    assert Writer(writes, pair[0]).ended() == "the client did not read its answer for 0.2 s"
