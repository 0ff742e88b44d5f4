"""Cooperative yielding: one long stage in each pass of the loop, and ready sockets in between."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import gevent
import pytest
from gevent import socket

from proxy.concurrency import LONG_BYTES, yield_if_large, yield_to_loop
from tests.paths import ROOT


class Witness:
    """A greenlet with short work: it reads what is sent to its socket and notes it."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self._far, self._near = socket.socketpair()
        self._greenlet = gevent.spawn(self._read)
        gevent.sleep(0.001)

    def send(self, word: str) -> None:
        self._far.sendall(word.encode())

    def close(self) -> None:
        self._greenlet.kill()
        self._far.close()
        self._near.close()

    def _read(self) -> None:
        while word := self._near.recv(100):
            self.seen.append(f"read {word.decode()}")


@pytest.fixture
def witness() -> Iterator[Witness]:
    found = Witness()
    yield found
    found.close()


def test_a_ready_socket_is_served_first(witness: Witness) -> None:
    witness.send("a")
    gevent.sleep(0)
    # Why there is more than this.
    assert witness.seen == []
    yield_to_loop()
    assert witness.seen == ["read a"]


def test_one_in_each_pass_and_in_order(witness: Witness) -> None:
    def long(name: str) -> None:
        for number in range(2):
            yield_to_loop()
            witness.seen.append(f"turn {name}{number}")
            witness.send(f"{name}{number}")

    gevent.joinall([gevent.spawn(long, name) for name in "abc"], raise_error=True)
    gevent.sleep(0.01)
    order = [f"{name}{number}" for number in range(2) for name in "abc"]
    assert witness.seen == [f"{what} {each}" for each in order for what in ("turn", "read")]


def test_a_killed_or_timed_out_greenlet_leaves_its_pass_to_the_next() -> None:
    done: list[str] = []

    def long(name: str) -> None:
        yield_to_loop()
        done.append(name)

    def late() -> None:
        with suppress(gevent.Timeout), gevent.Timeout(0):
            yield_to_loop()

    jobs = [gevent.spawn(long, name) for name in "abc"] + [gevent.spawn(late)]
    gevent.sleep(0)
    jobs[0].kill()
    gevent.joinall(jobs, timeout=60, raise_error=True)
    assert done == ["b", "c"]
    jobs = [gevent.spawn(long, "d")]
    gevent.sleep(0)
    gevent.killall(jobs)
    yield_to_loop()
    assert done == ["b", "c"]


def test_killed_greenlets_keep_no_place() -> None:
    passes: list[int] = []

    def long() -> None:
        before = len(passes)
        yield_to_loop()
        done.append(len(passes) - before)

    done: list[int] = []
    gone = [gevent.spawn(yield_to_loop) for _ in range(30)]
    job = gevent.spawn(long)
    watcher = gevent.get_hub().loop.prepare()
    watcher.start(passes.append, 1)
    gevent.sleep(0)
    gevent.killall(gone)
    job.join(timeout=60)
    watcher.close()
    # Each of them would take a pass of the loop.
    assert done
    assert done[0] < 20


def test_only_large_requests_yield(witness: Witness) -> None:
    witness.send("a")
    yield_if_large(LONG_BYTES - 1)
    assert witness.seen == []
    yield_if_large(LONG_BYTES)
    assert witness.seen == ["read a"]


UNPATCHED = """
from proxy.concurrency import yield_to_loop
yield_to_loop()
from gevent._hub_local import get_hub_if_exists
assert get_hub_if_exists() is None
"""


def test_without_gevents_patches_nothing_waits() -> None:
    run = subprocess.run(
        [sys.executable, "-c", UNPATCHED],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
