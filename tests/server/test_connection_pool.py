"""Who gives a connection up when they are nearly all taken."""

from __future__ import annotations

from collections.abc import Iterator

import gevent
import pytest
from gevent.event import Event

from proxy.server.connection_pool import ConnectionSlots


class Listener:
    """Four slots, of which one stays free; connections that wait until they are closed."""

    def __init__(self) -> None:
        self.slots = ConnectionSlots(4, reserve=1)
        self.closed: list[str] = []
        self._over = Event()

    def connect(self, name: str) -> gevent.Greenlet[..., None]:
        """A new connection, as gevent's server takes one in: in the hub."""
        made: list[gevent.Greenlet[..., None]] = []
        loop = gevent.get_hub().loop
        loop.run_callback(lambda: made.append(self.slots.spawn(self._wait, name)))
        gevent.sleep(0.01)
        return made[0]

    def end(self) -> None:
        self._over.set()
        self.slots.join(5)

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


def test_the_oldest_that_never_sent_anything_goes_first(listener: Listener) -> None:
    for name in "abcdef":
        listener.connect(name)
    assert listener.closed == ["a", "b", "c"]
    assert listener.slots.free_count() == 1


def test_a_kept_one_goes_after_those_and_a_busy_one_never(listener: Listener) -> None:
    kept, busy = listener.connect("kept"), listener.connect("busy")
    for greenlet in (kept, busy):
        listener.slots.request_began(greenlet)
    listener.slots.request_over(kept)
    for name in "abc":
        listener.connect(name)
    assert listener.closed == ["a", "b"]
    for greenlet in tuple(listener.slots.greenlets - {kept, busy}):
        listener.slots.request_began(greenlet)
    # Only the kept one waits for anything now; the next time it is nobody.
    listener.connect("d")
    assert listener.closed == ["a", "b", "kept"]
    listener.slots.request_began(next(iter(listener.slots._silent)))
    listener.connect("e")
    assert listener.closed == ["a", "b", "kept"]
    assert listener.slots.full()


def test_who_left_is_forgotten(listener: Listener) -> None:
    one = listener.connect("one")
    listener.slots.request_began(one)
    listener.slots.request_over(one)
    one.kill()
    listener.closed.clear()
    gevent.sleep(0.01)
    # Too late: it is no connection any more.
    listener.slots.request_over(one)
    for name in "abcd":
        listener.connect(name)
    assert listener.closed == ["a"]
