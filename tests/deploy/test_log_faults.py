"""A log that cannot be written: the real program answers every request meanwhile and stops in time."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.live import LiveProxy, live_proxy
from tests.waiting import until

WORKERS = pytest.mark.parametrize("workers", [1, 2])
STOP_SECONDS = 10.0
"""The graceful timeout of the program in these tests is 4 s."""
CONNECTIONS = 4
"""As many as make it likely that each of two workers has one."""
LONG_PATH = "/x" * 3900
"""Two of these are in a line of about 16 kB."""


def asked(proxy: LiveProxy, count: int, path: str = "/nowhere", ids: str = "faulty") -> list[int]:
    """The statuses of ``count`` requests, sent on a few connections that are kept."""
    connections = [HTTPConnection("127.0.0.1", proxy.port, timeout=20) for _ in range(CONNECTIONS)]
    statuses = []
    for number in range(count):
        connection = connections[number % CONNECTIONS]
        connection.request("GET", path, headers={"x-request-id": f"{ids}-{number:05}"})
        response = connection.getresponse()
        response.read()
        statuses.append(response.status)
    for connection in connections:
        connection.close()
    return statuses


def noted(text: str, ids: str = "faulty") -> list[int]:
    """The numbers of the requests in ``text``, in the order of their lines."""
    return [int(number) for number in re.findall(rf" x_request_id={ids}-(\d{{5}})\n", text)]


def stop(proxy: LiveProxy) -> int:
    """The exit code after a stop in time."""
    proxy.process.send_signal(signal.SIGTERM)
    return proxy.process.wait(STOP_SECONDS)


@contextmanager
def logging_to(path: Path, workers: int) -> Iterator[LiveProxy]:
    with live_proxy({"CLAUDE_PROXY_LOG_FILE": str(path)}, workers=workers) as proxy:
        yield proxy


@WORKERS
def test_a_folder_that_is_gone_costs_no_request_and_no_line(workers: int, tmp_path: Path) -> None:
    folder, renamed = tmp_path / "logs", tmp_path / "renamed"
    folder.mkdir()
    with logging_to(folder / "log", workers) as proxy:
        folder.rename(renamed)
        assert asked(proxy, 20, ids="away") == [404] * 20
        until(lambda: sorted(noted((renamed / "log").read_text(), "away")) == [*range(20)], "lost")
        told = until(lambda: proxy.log().count("/log cannot be opened"), "nothing on stderr")
        assert told <= workers
        folder.mkdir()
        # Each second the file is tried again.
        until(
            lambda: set(asked(proxy, 8, ids="back")) == {404} and (folder / "log").exists(),
            "it is not opened again",
        )
        until(lambda: noted((folder / "log").read_text(), "back"), "nothing in the new file")
        assert proxy.log().count("/log cannot be opened") <= workers
        assert stop(proxy) == 0


def test_a_file_in_whose_place_none_may_be_created_is_used_on(tmp_path: Path) -> None:
    path, renamed = tmp_path / "log", tmp_path / "renamed"
    with logging_to(path, 1) as proxy:
        path.rename(renamed)
        path.mkdir()
        assert asked(proxy, 20) == [404] * 20
        until(lambda: noted(renamed.read_text()) == [*range(20)], "lost")
        proxy.logged("/log cannot be opened (Is a directory): it is tried again")
        assert stop(proxy) == 0


@WORKERS
def test_a_full_disk_costs_no_request_and_no_line(workers: int, tmp_path: Path) -> None:
    path, healthy = tmp_path / "log", tmp_path / "healthy"
    path.symlink_to("/dev/full")
    with logging_to(path, workers) as proxy:
        assert asked(proxy, 400) == [404] * 400
        assert proxy.get("/health")[0] == 200
        told = until(lambda: proxy.log().count("cannot be written (No space left"), "not told")
        path.unlink()
        path.symlink_to(healthy)
        until(lambda: healthy.exists() and len(noted(healthy.read_text())) == 400, "lines are lost")
        lines = healthy.read_text().splitlines()
        # Once by each process that wrote a line.
        assert told <= workers + 1
        for process in {line.split("[")[1].split("]")[0] for line in lines}:
            own = noted("".join(f"{line}\n" for line in lines if f" [{process}] " in line))
            assert own == sorted(own)
        assert stop(proxy) == 0


@pytest.mark.long
def test_a_disk_that_stays_full_does_not_delay_the_end_and_is_told(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.symlink_to("/dev/full")
    with logging_to(path, 1) as proxy:
        assert asked(proxy, 20) == [404] * 20
        assert stop(proxy) == 0
        assert re.search(r"log lacks the last lines \(\d+ bytes\)", proxy.log())


@contextmanager
def unread(workers: int) -> Iterator[tuple[LiveProxy, int]]:
    """The program with a pipe on stdout and stderr, and the end of it that nobody reads."""
    reading, writing = os.pipe()
    try:
        with live_proxy({}, workers=workers, output=writing) as proxy:
            os.close(writing)
            yield proxy, reading
    finally:
        os.close(reading)


@WORKERS
def test_a_pipe_that_is_not_read_costs_no_request_and_delays_no_stop(workers: int) -> None:
    with unread(workers) as (proxy, _):
        assert asked(proxy, 800) == [404] * 800
        assert proxy.get("/health")[0] == 200
        # The master prints to the same pipe at a reload.
        before = set(proxy.worker_pids())
        proxy.process.send_signal(signal.SIGHUP)
        until(lambda: not before & set(proxy.worker_pids()), "the workers are not replaced")
        assert set(asked(proxy, 20)) == {404}
        assert stop(proxy) == 0


@pytest.mark.long(except_every=2)
@WORKERS
def test_what_is_dropped_is_counted_and_told_in_its_place(workers: int, tmp_path: Path) -> None:
    count, path = 420 * workers, tmp_path / "read"
    with unread(workers) as (proxy, reading), path.open("wb") as kept:
        assert asked(proxy, count, LONG_PATH) == [404] * count
        reader = subprocess.Popen(["cat"], stdin=reading, stdout=kept)
        rounds = 0

        def told() -> list[int]:
            nonlocal rounds
            rounds += 1
            assert asked(proxy, CONNECTIONS, ids=f"round-{rounds:03}") == [404] * CONNECTIONS
            return re.findall(r"WARNING .* (\d+) log lines were dropped", path.read_text())

        until(told, "not told")
        metric = dropped_lines(proxy)
        assert stop(proxy) == 0
        assert reader.wait(STOP_SECONDS) == 0
    text = path.read_text()
    lost = sum(map(int, re.findall(r" (\d+) log lines were dropped", text)))
    lines = len(re.findall(r" x_request_id=(?:faulty|round)-[\d-]+\n", text))
    assert lost == count + rounds * CONNECTIONS - lines > 0
    assert metric == lost
    # The lines that were kept are whole, and the first ones.
    assert text.count(LONG_PATH) == 2 * len(noted(text))
    assert noted(text)[0] == 0


def dropped_lines(proxy: LiveProxy) -> int:
    connection = HTTPConnection("127.0.0.1", proxy.port, timeout=20)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    found = re.findall(r'claude_proxy_log_lines_dropped_total\{output="stderr"\} (\S+)', text)
    return int(sum(map(float, found)))


@WORKERS
def test_a_rotation_a_reload_and_a_stop_lose_no_line(workers: int, tmp_path: Path) -> None:
    path, rotated = tmp_path / "log", tmp_path / "log.1"
    with logging_to(path, workers) as proxy:
        assert asked(proxy, 50, ids="first") == [404] * 50
        path.rename(rotated)
        assert asked(proxy, 50, ids="rotated") == [404] * 50
        before = set(proxy.worker_pids())
        proxy.process.send_signal(signal.SIGHUP)
        assert asked(proxy, 50, ids="reload") == [404] * 50
        until(lambda: not before & set(proxy.worker_pids()), "the workers are not replaced")
        assert asked(proxy, 50, ids="last") == [404] * 50
        assert stop(proxy) == 0
    text = rotated.read_text() + path.read_text()
    for ids in ("first", "rotated", "reload", "last"):
        assert sorted(noted(text, ids)) == [*range(50)], ids
    assert noted(path.read_text(), "last")
