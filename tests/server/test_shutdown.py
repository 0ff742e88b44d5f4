"""The schedule of a shutdown, and the master's order to its workers."""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import time

import pytest

from proxy.server.shutdown import Schedule, ShutdownState, stop_accepting

SO_ATTACH_FILTER = 26
"""Linux's number for all of its usual processors; Python has no name for it."""


@pytest.mark.parametrize(
    ("graceful", "delay", "schedule"),
    [
        pytest.param(60, 0, Schedule(accept=0, end=57, leave=59), id="the default"),
        pytest.param(60, 10, Schedule(accept=10, end=57, leave=59), id="with a delay"),
        pytest.param(4, 0, Schedule(accept=0, end=1, leave=3), id="short"),
        pytest.param(2, 0, Schedule(accept=0, end=0.5, leave=1), id="shorter than the reserve"),
        pytest.param(8, 30, Schedule(accept=5, end=5, leave=7), id="gunicorn's option is less"),
    ],
)
def test_schedule(graceful: float, delay: float, schedule: Schedule) -> None:
    assert Schedule.within(graceful, delay) == schedule


@pytest.mark.parametrize(("at_once", "last"), [(False, True), (True, False)])
def test_a_fork_sees_what_its_master_orders_later(at_once: bool, last: bool) -> None:
    drain = ShutdownState()
    asking, answering = os.pipe()
    going, go = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.read(going, 1)
        os.write(answering, bytes([drain.stopping, drain.at_once, drain.last]))
        os._exit(0)
    assert not drain.stopping
    drain.order_stop(at_once=at_once, last=last, seconds=60)
    os.write(go, b"x")
    assert os.read(asking, 3) == bytes([True, at_once, last])
    os.waitpid(pid, 0)
    for fd in (asking, answering, going, go):
        os.close(fd)


def test_a_stop_is_over_before_the_master_kills() -> None:
    drain, signalled = ShutdownState(), time.monotonic() - 10
    schedule = Schedule.within(60)
    assert drain.deadlines(signalled, schedule) == (signalled + 57, signalled + 59)
    before = time.monotonic()
    drain.order_stop(at_once=False, last=True, seconds=4)
    end, leave = drain.deadlines(signalled, schedule)
    assert before + 1 <= end <= time.monotonic() + 1
    assert leave == end + 2
    assert drain.deadlines(signalled, Schedule.within(8)) == (signalled + 5, signalled + 7)


def test_what_still_exists_is_ended_once() -> None:
    class Part:
        ends = 0

        def end(self) -> None:
            self.ends += 1

    drain, kept = ShutdownState(), Part()
    drain.add(kept)
    drain.add(Part())
    drain.end()
    drain.end()
    assert (kept.ends, drain.ended) == (1, True)


def _packet_filters() -> bool:
    """Whether this user may attach a packet filter: some kernels let only root."""
    accept_all = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0xFFFF), 8)
    program = struct.pack("HP", 1, ctypes.addressof(accept_all))
    with socket.socket() as probe:
        try:
            probe.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
        except OSError:
            return False
    return True


@pytest.mark.skipif(
    not hasattr(socket, "TCP_INFO") or not _packet_filters(),
    reason="this system lets this user attach no packet filter: run the tests on Linux as root",
)
def test_new_connections_are_kept_out_and_older_ones_are_not() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname(), timeout=60) as queued,
    ):
        stop_accepting(listener)
        with pytest.raises(TimeoutError):
            socket.create_connection(listener.getsockname(), timeout=0.3)
        queued.sendall(b"before")
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.recv(6) == b"before"
