"""The memory in which workers share what they learned: what one writes, the others read."""

from __future__ import annotations

import errno
import logging
import multiprocessing
import os
from copy import copy
from pathlib import Path
from typing import Any

import pytest

from proxy.providers.flag_board import HEAD, NUMBER_BYTES, FlagBoard
from proxy.providers.learned_entry import NOTHING, VALID_SECONDS, Learned
from proxy.providers.learned_flags import CAPACITY, LearnedFlags
from tests.security.growth import work

NOW = 1_000_000.0
PROCESSES, CHANGES = 4, 25


class Clock:
    """Stands still until it is set."""

    now = NOW

    def __call__(self) -> float:
        return self.now


def entry(changed: float = NOW, **flags: object) -> Learned:
    return Learned(flags or {"vision": False}, changed + VALID_SECONDS, changed)


def two_workers(board: FlagBoard, clock: Clock) -> tuple[LearnedFlags, LearnedFlags]:
    """Each has a copy of the object, as after a fork, over the same memory."""
    return LearnedFlags(clock, board=board), LearnedFlags(clock, board=copy(board))


def test_what_one_worker_learns_and_forgets_the_other_knows_at_once() -> None:
    board, clock = FlagBoard(), Clock()
    one, other = two_workers(board, clock)
    one.learn("u", "m", {"max_output": 9, "unsupported": ("top_p",)})
    assert other.flags_for("u", "m") == {"max_output": 9, "unsupported": ("top_p",)}
    other.learn("u", "m", {"vision": False}, forget=["max_output"])
    assert one.flags_for("u", "m") == {"vision": False, "unsupported": ("top_p",)}
    assert one.forget("u", "m") == {"vision": False, "unsupported": ("top_p",)}
    assert other.flags_for("u", "m") == {}
    other.learn("u", "m", {"no_stop": True})
    assert one.flags_for("u", "m") == {"no_stop": True}


def test_shared_flags_expire_an_hour_after_the_first_one() -> None:
    board, clock = FlagBoard(), Clock()
    one, other = two_workers(board, clock)
    one.learn("u", "m", {"vision": False})
    clock.now += VALID_SECONDS / 2
    other.learn("u", "m", {"no_stop": True})
    clock.now += VALID_SECONDS / 2 - 1
    assert one.flags_for("u", "m") == {"vision": False, "no_stop": True}
    clock.now += 1
    assert one.flags_for("u", "m") == other.flags_for("u", "m") == {}


def test_a_reader_reads_only_what_is_new() -> None:
    board = FlagBoard()
    assert not board.has_changed()
    board.write([(("u", "m"), entry())], NOW)
    assert board.has_changed()
    assert board.read(NOW) == [(("u", "m"), entry())]
    assert not board.has_changed()


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        pytest.param([entry(NOW), entry(NOW + 1, no_stop=True)], {"no_stop": True}, id="later"),
        pytest.param([entry(NOW + 1, no_stop=True), entry(NOW)], {"no_stop": True}, id="earlier"),
        pytest.param([entry(NOW), Learned(NOTHING, NOW + 9, NOW + 1)], {}, id="forgotten later"),
        pytest.param([Learned(NOTHING, NOW + 9, NOW + 1), entry(NOW)], {}, id="forgotten before"),
    ],
)
def test_the_entry_changed_last_applies(written: list[Learned], kept: dict[str, object]) -> None:
    board = FlagBoard()
    for each in written:
        board.write([(("u", "m"), each)], NOW + 1)
    assert [found.flags for _, found in board.read(NOW + 1)] == [kept]


def test_half_written_content_is_replaced_by_the_next_change() -> None:
    board, clock = FlagBoard(), Clock()
    one, other = two_workers(board, clock)
    one.learn("u", "m", {"vision": False})
    # A worker that is killed while it writes leaves new bytes under the old checksum.
    board._map[HEAD.size : HEAD.size + 4] = b"\0\0\0\0"
    assert other.flags_for("u", "m") == {}
    one.learn("u", "n", {"no_stop": True})
    assert other.flags_for("u", "m") == {"vision": False}
    assert other.flags_for("u", "n") == {"no_stop": True}


def test_a_length_beyond_the_memory_is_harmless() -> None:
    board = FlagBoard(4096)
    board._map[NUMBER_BYTES : NUMBER_BYTES + 4] = b"\xff\xff\xff\xff"
    assert board.read(NOW) == []
    board.write([(("u", "m"), entry())], NOW)
    assert len(board.read(NOW)) == 1


def test_what_does_not_fit_is_what_changed_first() -> None:
    board = FlagBoard(4096)
    board.write([((f"https://u/{n}", "m" * 100), entry(NOW + n)) for n in range(99)], NOW + 99)
    kept = [int(pair[0].rsplit("/", 1)[1]) for pair, _ in board.read(NOW + 99)]
    assert 10 < len(kept) < 40
    assert kept == list(range(98, 98 - len(kept), -1))


def test_a_change_costs_little_where_many_entries_are_shared() -> None:
    flags: dict[str, Any] = {"schema_steps": ("inline_refs", "merge_root"), "max_tools": 128}
    many = [(("u", f"m{number}"), entry(**flags)) for number in range(CAPACITY)]
    board = FlagBoard()
    board.write(many, NOW)
    board.read(NOW)

    def change_and_read() -> None:
        board.write([(("u", "m0"), entry(NOW + 1, **flags))], NOW)
        assert len(board.read(NOW)) == CAPACITY

    # To read an entry takes a hundred calls, to compare and to write it takes few.
    assert work(change_and_read) < 20 * CAPACITY


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="lists open files by Linux's /proc")
def test_a_board_that_a_reload_replaced_leaves_no_file_open() -> None:
    def open_files() -> int:
        return len(os.listdir("/proc/self/fd"))

    FlagBoard()
    before = open_files()
    for _ in range(5):
        FlagBoard()
    assert open_files() == before


def _change_often(board: FlagBoard, number: int) -> None:
    learned = LearnedFlags(Clock(), board=board, capacity=4 * PROCESSES * CHANGES)
    for change in range(CHANGES):
        learned.learn(f"https://{number}", f"m{change}", {"max_output": change + 1})
    os._exit(0)


def test_no_change_is_lost_where_processes_write_at_once() -> None:
    board = FlagBoard()
    fork = multiprocessing.get_context("fork")
    workers = [
        fork.Process(target=_change_often, args=(board, number)) for number in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    found = {pair: found.flags for pair, found in board.read(NOW)}
    assert found == {
        (f"https://{number}", f"m{change}"): {"max_output": change + 1}
        for number in range(PROCESSES)
        for change in range(CHANGES)
    }


def test_a_clock_that_is_set_back_is_the_same_for_all_workers() -> None:
    board, clock = FlagBoard(), Clock()
    one, other = two_workers(board, clock)
    one.learn("u", "m", {"vision": False})
    assert other.flags_for("u", "m") == {"vision": False}
    clock.now -= 86_400
    assert one.flags_for("u", "m") == other.flags_for("u", "m") == {}
    one.learn("u", "n", {"no_stop": True})
    assert other.flags_for("u", "m") == {}
    other.learn("u", "m", {"max_output": 9})
    assert one.flags_for("u", "m") == {"max_output": 9}


def test_without_memory_a_change_is_not_shared_and_nothing_breaks(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    board, clock = FlagBoard(), Clock()
    one, other = two_workers(board, clock)
    one.learn("u", "m", {"vision": False})

    def refused(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr(os, "posix_fallocate", refused)
        one.learn("u", "n", {"vision": False})
        assert one.flags_for("u", "n") == {"vision": False}
        assert other.flags_for("u", "n") == {}
        assert other.flags_for("u", "m") == {"vision": False}
    assert caplog.messages == ["no memory to share learned profile flags (No space left on device)"]
    one.learn("u", "o", {"vision": False})
    assert other.flags_for("u", "n") == {"vision": False}
