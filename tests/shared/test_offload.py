from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from typing import Any

import gevent
import pytest
from gevent import get_hub
from gevent.monkey import get_original

from proxy.concurrency import (
    ADDED_NICENESS,
    SLOTS,
    run_if_heavy,
    run_long_off_loop,
    run_off_loop,
)
from proxy.providers.profiles.base import Profile
from proxy.relay.protocols import run_conversion
from proxy.tokens import count_chat_tokens, count_text, load_tables
from tests.convert.request_builders import PDF, document, result
from tests.paths import ROOT
from tests.tokens.bodies import large_body
from tests.waiting import until

native_lock = get_original("_thread", "allocate_lock")
native_ident = get_original("_thread", "get_ident")
native_sleep = get_original("time", "sleep")


def worst_lag(*jobs: gevent.Greenlet[Any, Any]) -> float:
    """Seconds that the loop kept a one-millisecond sleeper waiting while the jobs ran."""
    worst = 0.0
    while not all(job.ready() for job in jobs):
        begun = time.perf_counter()
        gevent.sleep(0.001)
        worst = max(worst, time.perf_counter() - begun)
    for job in jobs:
        job.get()
    return worst


def test_parallel_counts_do_not_hold_up_the_loop() -> None:
    """6 above 20 kB in a thread; Claude Code asks for ten at once."""
    load_tables()
    body = large_body()
    begun = time.perf_counter()
    jobs = [gevent.spawn(count_chat_tokens, body, "o200k_base") for _ in range(10)]
    lag = worst_lag(*jobs)
    # On the loop nothing else would run until all ten are done.
    assert lag < (time.perf_counter() - begun) / 3
    assert len({job.value for job in jobs}) == 1


def test_a_long_text_does_not_hold_up_the_loop() -> None:
    load_tables()
    begun = time.perf_counter()
    lag = worst_lag(gevent.spawn(count_text, "\n" * 1_000_000, "o200k_base"))
    assert lag < (time.perf_counter() - begun) / 3


def test_a_short_text_is_counted_on_the_spot() -> None:
    load_tables()
    ran: list[str] = []
    gevent.spawn(ran.append, "other greenlet")
    count_text("a" * 20_000, "o200k_base")
    assert ran == []
    count_text("a" * 20_001, "o200k_base")
    assert ran == ["other greenlet"]


def test_the_threads_are_few_and_not_those_that_resolve_host_names() -> None:
    begun: list[int] = []
    ended: list[int] = []
    most: list[int] = []
    gate = native_lock()
    gate.acquire()

    def count() -> None:
        begun.append(1)
        most.append(len(begun) - len(ended))
        with gate:
            ended.append(1)

    jobs = [gevent.spawn(run_off_loop, count) for _ in range(8)]
    try:
        until(lambda: len(begun) == SLOTS, "the threads did not begin")
        assert get_hub().threadpool.apply(abs, (-1,)) == 1
        # A greenlet that waits no longer does not make room for one thread more.
        gevent.killall(jobs[:SLOTS])
        assert run_long_off_loop(abs, -1) == 1
        assert len(begun) == SLOTS
    finally:
        gate.release()
    gevent.joinall(jobs[SLOTS:], raise_error=True)
    assert (len(begun), max(most)) == (8, SLOTS)


@pytest.mark.skipif(sys.platform != "linux", reason="niceness of a thread: Linux only")
def test_the_threads_are_nicer_than_the_loop() -> None:
    mine = os.getpriority(os.PRIO_PROCESS, 0)
    for _ in range(2):
        nice = run_off_loop(os.getpriority, os.PRIO_PROCESS, 0)
        assert nice == min(19, mine + ADDED_NICENESS)
    assert os.getpriority(os.PRIO_PROCESS, 0) == mine


def test_arguments_results_and_errors_pass() -> None:
    assert run_off_loop(divmod, 7, 2) == (3, 1)
    assert run_off_loop(sorted, [1, 2], reverse=True) == [2, 1]
    assert run_off_loop(threading.get_ident) != threading.get_ident()
    with pytest.raises(ZeroDivisionError):
        run_off_loop(divmod, 1, 0)


def test_what_a_thread_runs_stays_in_it() -> None:
    """Otherwise it would wait for a free thread, which may be itself."""
    here = native_ident()
    there = run_off_loop(native_ident)
    assert there != here
    for run in (run_off_loop, run_long_off_loop):
        own, inner = run(lambda: (native_ident(), run_long_off_loop(native_ident)))
        assert own == inner != here
    assert run_long_off_loop(native_ident) != here


def test_only_heavy_work_leaves_the_loop() -> None:
    here = native_ident()
    assert run_if_heavy(False, native_ident) == here
    assert run_if_heavy(True, native_ident) != here


def test_heavy_work_does_not_wait_for_a_pdf_of_another_request() -> None:
    gate, begun = native_lock(), []
    gate.acquire()

    def read_pdf(file: bytes) -> None:
        begun.append(file)
        with gate:
            return None

    turns = [{"role": "user", "content": [{**document(PDF), "title": None}]}]
    inside = [{"role": "user", "content": [result([document(PDF)])]}]
    options = {"model": "m", "max_tokens": 9, "read_pdf": read_pdf}
    readers = [
        gevent.spawn(run_conversion, {"messages": each}, Profile(), heavy=True, **options)
        for each in (turns, inside)
    ]
    try:
        until(lambda: bool(begun), "no PDF was read")
        assert gevent.spawn(run_if_heavy, True, abs, -1).get(timeout=30) == 1
        plain = {"messages": [{"role": "user", "content": "Hi"}]}
        other = gevent.spawn(run_conversion, plain, Profile(), heavy=True, **options)
        assert other.get(timeout=30).body["messages"] == plain["messages"]
    finally:
        gate.release()
    gevent.joinall(readers, timeout=30, raise_error=True)
    assert len(begun) == 2


def test_a_killed_greenlet_gives_its_slot_back() -> None:
    waiting = [gevent.spawn(run_off_loop, native_sleep, 0.05) for _ in range(SLOTS + 1)]
    gevent.sleep(0.01)
    gevent.killall(waiting)
    assert run_off_loop(abs, -1) == 1


UNPATCHED = """
import threading
from proxy.tokens import count_text
from proxy.concurrency import run_off_loop
assert run_off_loop(threading.get_ident) == threading.get_ident()
assert count_text("a" * 100_000, "cl100k_base").method == "tiktoken"
from gevent._hub_local import get_hub_if_exists
assert get_hub_if_exists() is None
"""

FIRST_COUNTS = """
from gevent import monkey
monkey.patch_all()
import gevent
from proxy.tokens import count_text
from proxy.tokens import tables
thread = monkey.get_original("_thread", "get_ident")
read = []
load = tables.read_table
tables.read_table = lambda name, directory: read.append(thread()) or load(name, directory)
jobs = [gevent.spawn(count_text, "hello world", "o200k_base") for _ in range(10)]
gevent.joinall(jobs, raise_error=True)
assert [job.value.tokens for job in jobs] == [2] * 10
assert len(read) == 1, read
assert read != [thread()], "read on the loop"
"""

LOADED_BESIDE = """
from gevent import monkey
monkey.patch_all()
import gevent
from proxy.tokens import count_text, load_tables
from proxy.tokens import tables
gate = monkey.get_original("_thread", "allocate_lock")()
gate.acquire()
load_tables(["o200k_base"])
load = tables.read_table
def held(name, directory):
    with gate:
        return load(name, directory)
tables.read_table = held
first = [gevent.spawn(count_text, "hello world", "cl100k_base") for _ in range(5)]
gevent.sleep(0)
assert count_text("hello world", "o200k_base").tokens == 2
assert count_text("hello world " * 5000, "o200k_base").tokens == 10020
assert not any(job.ready() for job in first)
gate.release()
gevent.joinall(first, raise_error=True)
assert [job.value.tokens for job in first] == [2] * 5
"""

AFTER_FORK = """
from gevent import monkey
monkey.patch_all()
import os
from proxy.tokens import count_text, load_tables
load_tables()
child = os.fork()
if child == 0:
    os._exit(0 if count_text("hello world " * 5000, "o200k_base").tokens == 10020 else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(UNPATCHED, id="6 without gevent's patches it runs in place"),
        pytest.param(FIRST_COUNTS, id="6 ten first counts at once read the tables once"),
        pytest.param(LOADED_BESIDE, id="6 counts with another table go on meanwhile"),
        pytest.param(AFTER_FORK, id="6 tables of the master serve a forked worker"),
    ],
)
def test_in_a_fresh_process(program: str) -> None:
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=False
    )
    assert run.stderr == ""
    assert run.returncode == 0


@pytest.mark.parametrize("run", [run_off_loop, run_long_off_loop])
def test_an_exception_of_a_thread_is_raised_and_not_reported(
    run: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    """It may quote the client's words, and its caller handles it."""

    def refuse(words: str) -> None:
        raise ValueError(words)

    for _ in range(2):
        with pytest.raises(ValueError, match="words of a client"):
            run(refuse, "words of a client")
    gevent.sleep(0)
    assert capfd.readouterr() == ("", "")
