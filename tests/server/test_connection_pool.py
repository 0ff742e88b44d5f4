"""Which connection is closed when a worker is nearly full."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import gevent
import pytest
from gevent.event import Event

from proxy.relay.blocked_writes import WRITES
from proxy.server.connection_pool import ConnectionPool


class Listener:
    """A pool of four with a reserve of one; its connections wait until they are closed."""

    def __init__(self) -> None:
        self.pool = ConnectionPool(4, reserve=1)
        self.closed: list[str] = []
        self._over = Event()

    def connect(self, name: str) -> gevent.Greenlet[..., None]:
        """A new connection, added in the hub as gevent's server does it."""
        made: list[gevent.Greenlet[..., None]] = []
        loop = gevent.get_hub().loop
        loop.run_callback(lambda: made.append(self.pool.spawn(self._wait, name)))
        gevent.sleep(0.01)
        return made[0]

    def end(self) -> None:
        self._over.set()
        self.pool.join(5)

    def _wait(self, name: str) -> None:
        try:
            self._over.wait()
        except gevent.GreenletExit:
            self.closed.append(name)
            raise


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.end()


def test_the_oldest_that_never_sent_anything_is_closed_first(listener: Listener) -> None:
    for name in "abcdef":
        listener.connect(name)
    assert listener.closed == ["a", "b", "c"]
    assert listener.pool.free_count() == 1


def test_a_kept_one_is_closed_after_those_and_a_busy_one_never(listener: Listener) -> None:
    kept, busy = listener.connect("kept"), listener.connect("busy")
    for greenlet in (kept, busy):
        listener.pool.mark_busy(greenlet)
    listener.pool.mark_idle(kept)
    for name in "abc":
        listener.connect(name)
    assert listener.closed == ["a", "b"]
    for greenlet in tuple(listener.pool.greenlets - {kept, busy}):
        listener.pool.mark_busy(greenlet)
    # Now only the kept one is idle; the next time none is.
    newest = listener.connect("d")
    assert listener.closed == ["a", "b", "kept"]
    listener.pool.mark_busy(newest)
    listener.connect("e")
    assert listener.closed == ["a", "b", "kept"]
    assert listener.pool.full()


def test_where_none_is_idle_one_that_does_not_read_is_closed(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered: list[int] = []

    def end_longest(owners: Collection[object]) -> bool:
        offered.append(len(owners))
        return len(offered) == 1

    monkeypatch.setattr(WRITES, "end_longest", end_longest)
    listener.pool.make_room()
    for name in "abc":
        listener.pool.mark_busy(listener.connect(name))
    assert offered == []
    listener.pool.mark_busy(listener.connect("d"))
    assert offered == [4]
    # A full pool gets no new connection: it makes room when it is told to.
    listener.pool.make_room()
    assert offered == [4, 4]


def test_a_closed_connection_is_forgotten(listener: Listener) -> None:
    one = listener.connect("one")
    listener.pool.mark_busy(one)
    listener.pool.mark_idle(one)
    one.kill()
    listener.closed.clear()
    gevent.sleep(0.01)
    # Too late: the connection no longer exists.
    listener.pool.mark_idle(one)
    for name in "abcd":
        listener.connect(name)
    assert listener.closed == ["a"]
