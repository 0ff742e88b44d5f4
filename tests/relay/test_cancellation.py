"""The watch over requests in progress: clients that leave, limits, pings."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from time import monotonic

import gevent
import pytest
from gevent.event import Event

from proxy.errors import ClientGone, Overloaded, RequestTimeout, UpstreamTimeout
from proxy.relay import deadlines
from proxy.relay.cancellation import Exchange
from proxy.relay.deadlines import WaitResult
from proxy.relay.sweeper import Sweeper


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    near, far = socket.socketpair()
    yield near, far
    near.close()
    far.close()


@pytest.fixture
def client() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A TCP connection: the server's end and the client's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        theirs = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
        yield ours, theirs
        ours.close()
        theirs.close()


@pytest.fixture
def watch() -> Sweeper:
    return Sweeper()


Pair = tuple[socket.socket, socket.socket]


def test_wait_ends_when_the_upstream_sends(watch: Sweeper, pair: Pair) -> None:
    near, far = pair
    exchange = Exchange()
    watch.enter(exchange)
    gevent.spawn_later(0.05, far.send, b"x")
    assert exchange.wait(near.fileno()) is WaitResult.READABLE
    watch.leave(exchange)


def test_wait_follows_a_new_connection(watch: Sweeper, pair: Pair) -> None:
    near, far = pair
    exchange = Exchange()
    watch.enter(exchange)
    far.send(b"x")
    assert exchange.wait(near.fileno()) is WaitResult.READABLE
    near.send(b"y")
    assert exchange.wait(far.fileno()) is WaitResult.READABLE
    watch.leave(exchange)


def test_wait_ends_at_the_limit_of_the_phase(watch: Sweeper, pair: Pair) -> None:
    exchange = Exchange()
    watch.enter(exchange)
    exchange.limit(0.1, "the upstream was silent")
    assert exchange.wait(pair[0].fileno()) is WaitResult.LIMIT
    error = exchange.error_after(WaitResult.LIMIT)
    assert (error.status, error.type, error.message) == (
        504,
        "timeout_error",
        "the upstream was silent",
    )
    watch.leave(exchange)


def test_wait_ends_when_its_caller_has_waited_enough(watch: Sweeper, pair: Pair) -> None:
    near, far = pair
    exchange = Exchange()
    watch.enter(exchange)
    exchange.limit(60, "never")
    assert exchange.wait(near.fileno(), until=monotonic() + 0.1) is WaitResult.ENOUGH
    far.send(b"x")
    assert exchange.wait(near.fileno()) is WaitResult.READABLE
    watch.leave(exchange)


def test_a_limit_that_ended_one_call_does_not_end_the_next() -> None:
    exchange = Exchange()
    answered, second = Event(), Event()

    def calls() -> str:
        exchange.limit(0.0, "the first call took too long")
        exchange.run(answered.wait)
        exchange.limit(60, "never")
        exchange.run(second.wait)
        return "answered"

    request = gevent.spawn(calls)
    gevent.idle()
    # In one pass of the loop: the first call is answered, and the sweep finds its limit exceeded.
    answered.set()
    exchange.check(monotonic(), False)
    gevent.idle()
    second.set()
    assert request.get(timeout=10) == "answered"


def test_a_client_that_left_ends_the_next_call_too() -> None:
    exchange = Exchange()
    answered = Event()

    def calls() -> None:
        exchange.run(answered.wait)
        exchange.run(Event().wait)

    request = gevent.spawn(calls)
    gevent.idle()
    answered.set()
    exchange.check(monotonic(), True)
    with pytest.raises(ClientGone):
        request.get(timeout=10)


def test_wait_ends_at_the_limit_of_the_whole_request(watch: Sweeper, pair: Pair) -> None:
    exchange = Exchange(total_seconds=0.1)
    watch.enter(exchange)
    exchange.limit(60, "never")
    assert exchange.wait(pair[0].fileno()) is WaitResult.TOTAL
    assert exchange.error_after(WaitResult.TOTAL).message == "the request took longer than 0.1 s"
    watch.leave(exchange)


def test_a_limit_that_was_moved_does_not_end_the_wait(watch: Sweeper, pair: Pair) -> None:
    near, far = pair
    exchange = Exchange()
    watch.enter(exchange)
    exchange.limit(0.1, "early")
    exchange.limit(None)
    gevent.spawn_later(0.6, far.send, b"x")
    assert exchange.wait(near.fileno()) is WaitResult.READABLE
    watch.leave(exchange)


def test_pings_are_due_in_silence_only_once_the_answer_has_begun(
    watch: Sweeper, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadlines, "PING_SECONDS", 0.3)
    exchange = Exchange()
    watch.enter(exchange)
    exchange.limit(0.8, "late")
    started = monotonic()
    assert exchange.wait(pair[0].fileno()) is WaitResult.LIMIT
    assert monotonic() - started >= 0.8
    exchange.limit(60, "late")
    exchange.deadlines.pings = True
    exchange.deadlines.last_event = monotonic()
    assert exchange.wait(pair[0].fileno()) is WaitResult.PING
    watch.leave(exchange)


@pytest.mark.parametrize("how", ["close", "reset", "half-close"])
def test_a_client_that_leaves_ends_the_wait(
    watch: Sweeper, pair: Pair, client: Pair, how: str
) -> None:
    ours, theirs = client
    exchange = Exchange()
    watch.enter(exchange, ours)
    if how == "reset":
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    leave = theirs.close if how != "half-close" else lambda: theirs.shutdown(socket.SHUT_WR)
    gevent.spawn_later(0.05, leave)
    started = monotonic()
    assert exchange.wait(pair[0].fileno()) is WaitResult.GONE
    assert monotonic() - started < 30
    assert exchange.gone
    assert exchange.wait(pair[0].fileno()) is WaitResult.GONE
    watch.leave(exchange)


def test_a_client_on_a_unix_socket_that_leaves_is_noticed(watch: Sweeper, pair: Pair) -> None:
    ours, theirs = socket.socketpair()
    exchange = Exchange()
    watch.enter(exchange, ours)
    gevent.spawn_later(0.05, theirs.close)
    assert exchange.wait(pair[0].fileno()) is WaitResult.GONE
    watch.leave(exchange)
    ours.close()


@pytest.mark.parametrize("why", ["it left", "the request takes too long"])
def test_a_write_that_a_client_does_not_take_is_given_up(
    watch: Sweeper, client: Pair, why: str
) -> None:
    ours, theirs = client
    exchange = Exchange(total_seconds=0.5 if why == "the request takes too long" else None)
    exchange.begun = True
    watch.enter(exchange, ours)
    if why == "it left":
        gevent.spawn_later(0.05, theirs.shutdown, socket.SHUT_WR)
    started = monotonic()
    with pytest.raises(OSError, match="Broken pipe"):
        ours.sendall(b"x" * 50_000_000)
    assert monotonic() - started < 30
    watch.leave(exchange)


def test_a_stream_that_lets_others_proceed_at_its_limit_can_still_say_so(
    watch: Sweeper, pair: Pair, client: Pair
) -> None:
    near, far = pair
    ours, theirs = client
    exchange = Exchange(total_seconds=0.0)
    exchange.begun = True
    watch.enter(exchange, ours)
    # As in a stream at full speed, which is swept only between its reads and never waits for one.
    exchange.check(monotonic(), False)
    far.send(b"x")
    assert exchange.wait(near.fileno()) is WaitResult.TOTAL
    with pytest.raises(RequestTimeout, match="the request took longer than 0 s"):
        exchange.run(near.recv, 1)
    ours.sendall(b"event")
    assert theirs.recv(5) == b"event"
    watch.leave(exchange)


def test_bytes_that_a_client_pipelined_do_not_hide_that_it_left(
    watch: Sweeper, pair: Pair, client: Pair
) -> None:
    ours, theirs = client
    exchange = Exchange()
    watch.enter(exchange, ours)
    theirs.send(b"GET / HTTP/1.1\r\n\r\n")
    gevent.spawn_later(0.05, theirs.close)
    assert exchange.wait(pair[0].fileno()) is WaitResult.GONE
    watch.leave(exchange)


def test_run_returns_what_the_function_returns() -> None:
    assert Exchange().run(divmod, 7, 2) == (3, 1)


def test_run_is_broken_off_when_the_client_leaves(watch: Sweeper, client: Pair) -> None:
    ours, theirs = client
    exchange = Exchange()
    watch.enter(exchange, ours)
    gevent.spawn_later(0.05, theirs.close)
    with pytest.raises(ClientGone):
        exchange.run(gevent.sleep, 30)
    with pytest.raises(ClientGone):
        exchange.run(gevent.sleep, 30)
    watch.leave(exchange)


def test_run_is_broken_off_at_its_limit(watch: Sweeper) -> None:
    exchange = Exchange()
    watch.enter(exchange)
    exchange.limit(0.1, "too slow")
    with pytest.raises(UpstreamTimeout, match="too slow"):
        exchange.run(gevent.sleep, 30)
    watch.leave(exchange)


def test_edge_70_a_pause_ends_when_the_client_leaves(watch: Sweeper, client: Pair) -> None:
    ours, theirs = client
    exchange = Exchange()
    watch.enter(exchange, ours)
    exchange.limit(0.01, "of the attempt before")
    exchange.pause(0.4)
    gevent.spawn_later(0.05, theirs.close)
    with pytest.raises(ClientGone):
        exchange.pause(30)
    watch.leave(exchange)


def test_edge_70_a_client_that_left_is_noticed_between_two_sweeps(
    watch: Sweeper, client: Pair
) -> None:
    ours, theirs = client
    exchange = Exchange()
    watch.enter(exchange, ours)
    exchange.raise_if_gone()
    theirs.close()
    with pytest.raises(ClientGone):
        exchange.raise_if_gone()
    watch.leave(exchange)


def test_nothing_is_thrown_into_a_request_that_is_not_inside_run(watch: Sweeper) -> None:
    exchange = Exchange()
    watch.enter(exchange)
    exchange.limit(0.05, "over")
    gevent.sleep(0.7)
    watch.leave(exchange)


class _Broken(Exchange):
    """Whose check has a bug."""

    def check(self, now: float, gone: bool) -> None:
        raise ValueError


def test_what_fails_in_a_sweep_ends_no_watching(
    watch: Sweeper, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = _Broken(), Exchange()
    watch.enter(first)
    watch.enter(second)
    for _ in range(2):
        second.limit(0.1, "too slow")
        with pytest.raises(UpstreamTimeout, match="too slow"):
            second.run(Event().wait, 30)
    watch.leave(first)
    watch.leave(second)
    assert {record.name for record in caplog.records} == {"proxy.telemetry.uncaught"}
    assert len(caplog.records) >= 2


def test_the_watch_rests_when_nothing_is_in_progress(watch: Sweeper) -> None:
    first, second = Exchange(), Exchange()
    watch.enter(first)
    watch.enter(second)
    assert len(watch) == 2
    watch.leave(first)
    watch.leave(first)
    watch.leave(second)
    assert len(watch) == 0
    gevent.sleep(0.3)
    third, woken = Exchange(total_seconds=0.05), Event()
    watch.enter(third)
    with pytest.raises(UpstreamTimeout):
        third.run(woken.wait, 30)
    watch.leave(third)


def test_a_socket_that_is_used_again_belongs_to_the_new_request(
    watch: Sweeper, pair: Pair, client: Pair
) -> None:
    ours, theirs = client
    first, second = Exchange(), Exchange()
    watch.enter(first, ours)
    watch.leave(first)
    watch.enter(second, ours)
    gevent.spawn_later(0.05, theirs.close)
    assert second.wait(pair[0].fileno()) is WaitResult.GONE
    assert not first.gone
    watch.leave(second)


def test_the_end_of_the_process_ends_a_wait_and_a_call(watch: Sweeper, pair: Pair) -> None:
    waiting, calling = Exchange(), Exchange()
    watch.enter(waiting)
    watch.enter(calling)
    gevent.spawn_later(0.05, watch.end)
    started = monotonic()
    with pytest.raises(Overloaded) as caught:
        calling.run(gevent.sleep, 30)
    assert waiting.wait(pair[0].fileno()) is WaitResult.DRAIN
    assert monotonic() - started < 20
    error = caught.value
    assert (error.status, error.type, error.headers) == (
        529,
        "overloaded_error",
        {"retry-after": "1"},
    )
    assert str(waiting.error_after(WaitResult.DRAIN)) == str(error)
    watch.leave(waiting)
    watch.leave(calling)


def test_what_neither_waits_nor_calls_hears_of_the_end_when_it_does(
    watch: Sweeper, pair: Pair, client: Pair
) -> None:
    near, far = pair
    begun, late = Exchange(), Exchange()
    begun.begun = True
    watch.enter(begun, client[0])
    watch.end()
    far.send(b"x")
    assert begun.wait(near.fileno()) is WaitResult.DRAIN
    with pytest.raises(Overloaded):
        begun.run(divmod, 7, 2)
    # Its client is still connected: the last event has to reach it.
    client[0].sendall(b"event")
    assert client[1].recv(5) == b"event"
    watch.leave(begun)
    watch.enter(late)
    assert late.wait(near.fileno()) is WaitResult.DRAIN
    watch.leave(late)


def test_a_client_that_left_is_gone_at_the_end_too(watch: Sweeper, pair: Pair) -> None:
    exchange = Exchange()
    watch.enter(exchange)
    exchange.gone = True
    watch.end()
    assert exchange.wait(pair[0].fileno()) is WaitResult.GONE
    watch.leave(exchange)


def test_the_end_of_the_process_ends_the_reading_of_a_body(watch: Sweeper, client: Pair) -> None:
    ours, _ = client
    gevent.spawn_later(0.05, watch.end)
    with pytest.raises(Overloaded), watch.reading():
        ours.recv(1)
    with pytest.raises(Overloaded), watch.reading():
        raise AssertionError("nothing more is read")


def test_a_body_that_was_read_is_not_disturbed_by_the_end(watch: Sweeper) -> None:
    with watch.reading():
        pass
    watch.end()
    gevent.sleep(0.05)
