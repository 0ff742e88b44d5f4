"""Lines on their way to an output that fails, waits or is renamed."""

from __future__ import annotations

import errno
import logging
import os
import select
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings
from proxy.telemetry.log_outputs import FileOutput
from proxy.telemetry.log_writer import LINE_OVERHEAD, LogWriter
from proxy.telemetry.logs import logging_config
from tests.waiting import until

SECONDS = 20.0
FULL = OSError(errno.ENOSPC, "No space left on device")


class Recorded:
    """An output that keeps what it was given; ``answers`` are the sizes or failures of its writes."""

    kind = "file"
    chunk_bytes = 1 << 16

    def __init__(self, *answers: int | OSError) -> None:
        self.answers = list(answers)
        self.writes: list[bytes] = []
        self.failures: list[OSError] = []
        self.closed = 0

    def renew(self) -> None:
        """Nothing to renew."""

    def write(self, data: memoryview) -> int:
        answer = self.answers.pop(0) if self.answers else len(data)
        if isinstance(answer, OSError):
            raise answer
        self.writes.append(bytes(data[:answer]))
        return answer

    def failed(self, error: OSError) -> None:
        self.failures.append(error)

    def worked(self) -> None:
        """Nothing to note."""

    def abandoned(self, size: int) -> None:
        """Nothing to tell."""

    def close(self) -> None:
        self.closed += 1


class Blocked(Recorded):
    """An output whose reader waits until it is told to read."""

    def __init__(self) -> None:
        super().__init__()
        self._reading, self._writing = os.pipe()

    def write(self, data: memoryview) -> int:
        # Waits in the kernel, as a pipe that is not read.
        os.read(self._reading, 1)
        return super().write(data)

    def read(self) -> None:
        os.write(self._writing, b"." * 1000)


def written(output: Recorded, *lines: bytes) -> bytes:
    """What arrives at ``output`` of ``lines``."""
    writer = LogWriter(output)
    for line in lines:
        writer.put(line)
    assert writer.flush(SECONDS)
    return b"".join(output.writes)


def test_lines_arrive_in_their_order_and_once() -> None:
    lines = [b"%d\n" % number for number in range(3000)]
    output = Recorded()
    assert written(output, *lines) == b"".join(lines)
    # Many in one write.
    assert len(output.writes) < 300


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        pytest.param((FULL,), b"one\ntwo\n", id="nothing was written"),
        pytest.param((4, FULL), b"one\ntwo\n", id="cut between lines"),
        pytest.param((2, FULL), b"on\none\ntwo\n", id="the cut line is repeated"),
        pytest.param((6, FULL, 1, FULL), b"one\ntw\ntwo\n", id="cut again"),
        pytest.param((2, 3), b"one\ntwo\n", id="in parts"),
        pytest.param((BlockingIOError(errno.EAGAIN, ""),), b"one\ntwo\n", id="not ready"),
    ],
)
def test_no_line_is_lost_where_a_write_fails(
    answers: tuple[int | OSError, ...], expected: bytes
) -> None:
    output = Recorded(*answers)
    assert written(output, b"one\ntwo\n") == expected
    assert len(output.failures) == answers.count(FULL)


def test_writes_of_several_lines_are_no_longer_than_others_tolerate() -> None:
    output = Recorded()
    output.chunk_bytes = 10
    lines = [b"12345\n", b"12\n", b"longer than ten\n", b"1\n"] * 50
    assert written(output, *lines) == b"".join(lines)
    assert all(len(write) <= 10 or write == b"longer than ten\n" for write in output.writes)
    assert all(write.endswith(b"\n") for write in output.writes)


def test_what_does_not_fit_is_dropped_and_counted_until_there_is_room() -> None:
    output = Blocked()
    writer = LogWriter(output, most_bytes=10 * (LINE_OVERHEAD + 2))
    for number in range(14):
        writer.put(b"%x\n" % number)
    assert writer.dropped_to_report() == 0
    assert not writer.flush(0.0)
    output.read()
    assert writer.flush(SECONDS)
    assert b"".join(output.writes) == b"0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n"
    assert writer.dropped_to_report() == 4
    assert writer.dropped_to_report() == 0


def test_a_line_that_alone_is_too_long_is_written() -> None:
    output = Recorded()
    writer = LogWriter(output, most_bytes=10)
    writer.put(b"longer than that\n")
    assert writer.flush(SECONDS)
    assert output.writes == [b"longer than that\n"]


def test_after_its_end_another_line_is_written_too() -> None:
    output = Recorded()
    writer = LogWriter(output)
    writer.put(b"one\n")
    writer.close()
    until(lambda: output.closed, "it does not end")
    writer.put(b"two\n")
    assert writer.flush(SECONDS)
    assert b"".join(output.writes) == b"one\ntwo\n"


class Files:
    """A log file at ``path``, and what is said about it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.said = Recorded()
        self._warnings = LogWriter(self.said)
        self.writer = LogWriter(FileOutput(str(path), self._warnings))

    def log(self, line: str) -> None:
        self.writer.put(line.encode())
        assert self.writer.flush(SECONDS)

    def told(self) -> str:
        assert self._warnings.flush(SECONDS)
        return b"".join(self.said.writes).decode()


def test_a_log_file_is_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("before\n", "utf-8")
    Files(path).log("one → two\n")
    assert path.read_text("utf-8") == "before\none → two\n"


@pytest.mark.parametrize("remove", [Path.unlink, lambda path: path.rename(path.parent / "old")])
def test_a_rotated_log_file_is_opened_anew(remove: Callable[[Path], Any], tmp_path: Path) -> None:
    files = Files(tmp_path / "log")
    files.log("before\n")
    remove(files.path)
    files.log("after\n")
    assert files.path.read_text("utf-8") == "after\n"
    assert files.told() == ""


def test_a_file_that_cannot_be_opened_anew_is_used_on_and_told_once(tmp_path: Path) -> None:
    folder, renamed = tmp_path / "folder", tmp_path / "renamed"
    folder.mkdir()
    files = Files(folder / "log")
    folder.rename(renamed)
    for number in range(20):
        files.log(f"{number}\n")
    assert (renamed / "log").read_text("utf-8").split() == [str(n) for n in range(20)]
    text = f"claude-proxy: the log file {files.path} cannot be opened (No such file or directory)"
    assert files.told() == f"{text}: it is tried again each second\n"


@pytest.mark.long
def test_a_file_that_can_be_opened_only_later_gets_every_line(tmp_path: Path) -> None:
    files = Files(tmp_path / "folder" / "log")
    files.writer.put(b"one\n")
    assert not files.writer.flush(0.0)
    files.path.parent.mkdir()
    files.log("two\n")
    assert files.path.read_text("utf-8") == "one\ntwo\n"
    assert files.told().count("\n") == 1


def test_a_log_file_that_is_a_pipe_gets_no_write_that_could_be_mixed() -> None:
    """As /dev/stdout in a container, which all workers write to."""
    reading, writing = os.pipe()
    path = f"/dev/fd/{writing}"
    output = FileOutput(path, LogWriter(Recorded()))
    assert output.chunk_bytes == select.PIPE_BUF
    output.close()
    os.close(reading)
    os.close(writing)


def test_a_file_whose_closing_fails_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a network file system that is full."""
    path = tmp_path / "a.log"
    writer = LogWriter(FileOutput(str(path), LogWriter(Recorded())))
    writer.put(b"one\n")
    assert writer.flush(SECONDS)
    path.unlink()
    closed: list[int] = []
    close = os.close

    def failing(descriptor: int) -> None:
        closed.append(descriptor)
        close(descriptor)
        # A connection that gets the number.
        os.dup2(connection[1], descriptor)
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    connection = os.pipe()
    monkeypatch.setattr("os.close", failing)
    writer.put(b"two\n")
    assert writer.flush(SECONDS)
    monkeypatch.undo()
    assert path.read_bytes() == b"two\n"
    os.set_blocking(connection[0], False)
    with pytest.raises(BlockingIOError):
        os.read(connection[0], 100)
    assert len(closed) == 1
    for descriptor in (*connection, *closed):
        os.close(descriptor)


def test_the_configured_log_is_written_by_its_own_thread(tmp_path: Path) -> None:
    path = tmp_path / "log"
    config = logging_config(Settings(log_file=str(path)))["handlers"]["main"]
    handler = config.pop("()")(path=config["path"])
    try:
        handler.handle(logging.makeLogRecord({"msg": "one → two"}))
        assert handler.writer.flush(SECONDS)
        assert path.read_text("utf-8") == "one → two\n"
    finally:
        handler.close()


START = """
from gevent import monkey; monkey.patch_all()
import logging, logging.config, os, sys
from config.settings import Settings
from proxy.telemetry.logs import logging_config
from tests.waiting import until
from proxy.telemetry.log_outputs import queue_standard_streams
logging.config.dictConfig(logging_config(Settings(log_file=os.environ.get("LOG"))))
log = logging.getLogger("proxy.test")
"""


def run(code: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", START + code]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **environ},
    )


def test_a_fork_writes_its_own_lines_and_not_its_parents() -> None:
    done = run("""
log.info("parent 1")
child = os.fork()
log.info("child 2" if not child else "parent 2")
if child: os.waitpid(child, 0)
""")
    lines = sorted(line.partition("proxy.test: ")[2] for line in done.stderr.splitlines())
    assert (done.returncode, lines) == (0, ["child 2", "parent 1", "parent 2"])


@pytest.mark.parametrize("end", ["", "sys.exit(3)", "raise ValueError", "gevent.spawn(sys.exit)"])
@pytest.mark.long(except_every=4)
def test_the_last_lines_are_written_however_the_program_ends(end: str, tmp_path: Path) -> None:
    path = tmp_path / "log"
    run(f"import gevent\nfor n in range(5000): log.info('line %d', n)\n{end}", LOG=str(path))
    assert path.read_text("utf-8").splitlines()[-1].endswith("proxy.test: line 4999")


def test_what_is_printed_goes_the_same_way_in_whole_lines() -> None:
    done = run("""
queue_standard_streams()
print("to stdout", flush=True)
log.info("logged")
print("be", end=""); print("gun", file=sys.stdout)
print("to stderr", file=sys.stderr)
sys.stderr.write("no end")
""")
    assert done.stdout == "to stdout\nbegun\n"
    logged, printed = done.stderr.splitlines()
    assert logged.endswith("proxy.test: logged")
    assert printed == "to stderr"


@pytest.mark.parametrize("closed", ["2>&-", ">&-", "2>&- >&-"])
@pytest.mark.long(except_every=3)
def test_a_stream_that_is_closed_is_no_failure(closed: str) -> None:
    code = START + "queue_standard_streams(); log.info('x'); print('y')"
    command = f'exec "$0" -c "$1" {closed}'
    done = subprocess.run(
        ["sh", "-c", command, sys.executable, code],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
