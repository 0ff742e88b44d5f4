"""A call in a greenlet of its own: its result, its end and its interruption."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import partial
from math import inf
from time import monotonic

import gevent
import pytest
from gevent.event import Event

from proxy.errors import ClientGone
from proxy.relay.background import MOST_IDLE, Background
from proxy.relay.cancellation import Exchange
from proxy.relay.sweeper import Sweeper

WORD: ContextVar[str] = ContextVar("word", default="none")


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    watch, made = Sweeper(), Exchange()
    watch.enter(made)
    yield made
    watch.leave(made)


def waits_for(exchange: Exchange, event: Event, result: str = "done") -> Callable[[], str]:
    def function() -> str:
        exchange.run(event.wait)
        return result

    return function


@pytest.mark.parametrize("wait", [0.0, 0.01], ids=["at once", "after a wait"])
def test_a_call_that_ends_in_time(exchange: Exchange, wait: float) -> None:
    def function() -> str:
        if wait:
            gevent.sleep(wait)
        return "done"

    background = Background(function, exchange)
    assert background.begin(inf)
    assert background.result() == "done"
    assert exchange.on_check is None


@pytest.mark.parametrize("error", [ValueError, SystemExit, gevent.GreenletExit])
def test_what_the_call_raises_is_raised(exchange: Exchange, error: type[BaseException]) -> None:
    def function() -> None:
        gevent.sleep(0)
        raise error

    background = Background(function, exchange)
    assert background.begin(inf)
    with pytest.raises(error):
        background.result()


def test_a_call_that_goes_on(exchange: Exchange) -> None:
    event = Event()
    background = Background(waits_for(exchange, event), exchange)
    assert not background.begin(monotonic())
    assert not background.wait(monotonic())
    event.set()
    assert background.wait(inf)
    assert background.wait(inf)
    assert background.result() == "done"


def test_a_call_that_ends_while_its_request_does_something_else(exchange: Exchange) -> None:
    event, over = Event(), Event()
    background = Background(waits_for(exchange, event), exchange)
    assert not background.begin(monotonic())
    gevent.spawn(event.set)
    gevent.spawn_later(0.05, over.set)
    # Neither the end of the call nor a moment reported late may end this wait.
    assert over.wait()
    assert background.ended
    assert background.wait(inf)


def test_a_moment_that_was_reported_before_the_end_changes_nothing(exchange: Exchange) -> None:
    event, over = Event(), Event()
    background = Background(waits_for(exchange, event), exchange)

    def end_and_report() -> None:
        event.set()
        exchange.check(monotonic(), False)

    gevent.spawn(end_and_report)
    gevent.spawn_later(0.05, over.set)
    background.begin(monotonic() + 0.0)
    assert over.wait()
    while not background.wait(inf):
        pass
    assert background.result() == "done"


def test_the_call_has_a_copy_of_the_context(exchange: Exchange) -> None:
    def function() -> str:
        found = WORD.get()
        WORD.set("changed")
        return found

    token = WORD.set("the request's")
    background = Background(function, exchange)
    assert background.begin(inf)
    assert (background.result(), WORD.get()) == ("the request's", "the request's")
    WORD.reset(token)


@pytest.mark.parametrize("goes_on", [False, True], ids=["ended", "going on"])
def test_cancel_returns_when_the_call_has_ended(exchange: Exchange, goes_on: bool) -> None:
    event, ends = Event(), []

    def function() -> None:
        try:
            exchange.run(event.wait)
        finally:
            gevent.sleep(0)
            ends.append("closed")

    background = Background(function, exchange)
    assert not background.begin(monotonic())
    if not goes_on:
        event.set()
        assert background.wait(inf)
    background.cancel()
    assert ends == ["closed"]
    if goes_on:
        with pytest.raises(ClientGone):
            background.result()
    assert exchange.gone is goes_on


def test_a_call_that_computes_is_cancelled_at_its_next_wait(exchange: Exchange) -> None:
    computed = Event()

    def function() -> None:
        computed.wait()
        exchange.run(gevent.sleep, 60)

    background = Background(function, exchange)
    assert not background.begin(monotonic())
    gevent.spawn_later(0.01, computed.set)
    background.cancel()
    with pytest.raises(ClientGone):
        background.result()


def test_a_request_that_is_killed_takes_its_call_with_it(exchange: Exchange) -> None:
    begun, ends = Event(), []

    def function() -> None:
        try:
            begun.set()
            exchange.run(gevent.sleep, 60)
        finally:
            ends.append("closed")

    request = gevent.spawn(Background(function, exchange).begin, inf)
    begun.wait()
    request.kill()
    assert ends == ["closed"]
    assert exchange.on_check is None


def test_a_failed_call_is_no_cycle(exchange: Exchange) -> None:
    class Held:
        """What the function holds, such as a request."""

    def fail_with(held: Held) -> None:
        gevent.sleep(0)
        raise ValueError(held)

    held = Held()
    alive = weakref.ref(held)
    gc.disable()
    try:
        background = Background(partial(fail_with, held), exchange)
        del held
        assert background.begin(inf)
        with pytest.raises(ValueError, match="Held") as caught:
            background.result()
        del caught, background
        assert alive() is None
    finally:
        gc.enable()


def test_greenlets_that_wait_for_their_next_call_keep_no_result(exchange: Exchange) -> None:
    """New ones too, which refer to their first call as long as they exist."""

    class Held:
        """What the function returned, such as an answer that refers to its request."""

    alive: list[weakref.ref[Held]] = []
    go = Event()

    def made() -> Held:
        go.wait()
        held = Held()
        alive.append(weakref.ref(held))
        return held

    calls = [Background(made, exchange) for _ in range(MOST_IDLE + 1)]
    begun = [gevent.spawn(call.begin, inf) for call in calls]
    gevent.sleep(0)
    go.set()
    gevent.joinall(begun, raise_error=True)
    assert all(isinstance(call.result(), Held) for call in calls)
    del calls, begun
    assert len(alive) == MOST_IDLE + 1
    assert [ref for ref in alive if ref() is not None] == []
