"""Foreign greenlets are told apart, and only the test's own contacts and log lines count."""

from __future__ import annotations

import logging
import socket
import weakref
from collections.abc import Callable, Iterator

import gevent
import pytest
from gevent.event import Event

from tests.fuzz.contacted_addresses import contacted_addresses
from tests.fuzz.foreign_greenlets import ForeignGreenlets

LOG = logging.getLogger("tests.fuzz")


@pytest.fixture
def listener() -> Iterator[tuple[str, int]]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()


def meet(address: tuple[str, int]) -> None:
    """Do what a watch may see."""
    socket.create_connection(address).close()
    LOG.error("failed")


def by_its_child(act: Callable[[], None]) -> None:
    gevent.spawn(act).join()


@pytest.mark.parametrize("before", [True, False], ids=["a stranger", "its own"])
@pytest.mark.parametrize("child", [True, False], ids=["by a child", "itself"])
def test_only_what_lived_before_is_a_stranger(
    listener: tuple[str, int], caplog: pytest.LogCaptureFixture, *, before: bool, child: bool
) -> None:
    now = Event()

    def wait_and_meet() -> None:
        now.wait()
        if child:
            by_its_child(lambda: meet(listener))
        else:
            meet(listener)

    earlier = gevent.spawn(wait_and_meet) if before else None
    gevent.sleep(0)
    # Something that is gone, and of which somebody still holds a proxy.
    gone = weakref.proxy(Event())
    foreign_greenlets = ForeignGreenlets()
    assert type(gone) is weakref.ProxyType
    worker = earlier or gevent.spawn(wait_and_meet)
    with contacted_addresses(foreign_greenlets) as seen, caplog.filtering(foreign_greenlets):
        now.set()
        worker.get(timeout=60)
    assert set(seen.connected) == (set() if before else {listener})
    assert caplog.messages == ([] if before else ["failed"])


def test_a_stranger_is_spared_what_is_put_in_place_of_a_function() -> None:
    now = Event()

    def ask() -> str:
        now.wait()
        answered: str = ask_either()
        return answered

    stranger = gevent.spawn(ask)
    gevent.sleep(0)
    foreign_greenlets = ForeignGreenlets()
    ask_either = foreign_greenlets.spared(lambda: "theirs", lambda: "ours")
    now.set()
    assert (stranger.get(timeout=60), ask_either()) == ("theirs", "ours")


def test_a_stranger_reaches_nothing_beyond_loopback_either() -> None:
    now = Event()

    def go() -> str:
        now.wait()
        try:
            socket.create_connection(("192.0.2.1", 9), timeout=5)
        except ConnectionRefusedError as error:
            return str(error)
        return "reached"

    stranger = gevent.spawn(go)
    gevent.sleep(0)
    with contacted_addresses(ForeignGreenlets()) as seen:
        now.set()
        assert "beyond loopback" in stranger.get(timeout=60)
    assert seen.connected == []
