"""Metric files on a file system without space: the kernel refuses, and nothing is lost meanwhile."""

from __future__ import annotations

import logging
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from proxy.telemetry import metric_file
from proxy.telemetry.metric_file import FIRST_BYTES, MetricFile

Open = Callable[[Path], MetricFile]
LACKING = "no space for metrics (File too large): numbers are counted in memory and shown later"
AGAIN = "there is space for metrics again"


@pytest.fixture(autouse=True)
def retried_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metric_file, "RETRY_SECONDS", 0.0)


@pytest.fixture
def opened() -> Iterator[Open]:
    files = []

    def open_file(path: Path) -> MetricFile:
        files.append(MetricFile(str(path)))
        return files[-1]

    yield open_file
    for file in files:
        file.close()  # type: ignore[no-untyped-call]


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """The kernel lets no file of this process become larger."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def stored(path: Path) -> dict[str, float]:
    """What another process reads."""
    found = MetricFile.read_all_values_from_file(str(path))  # type: ignore[no-untyped-call]
    return {key: value for key, value, _, _ in found}


def key(number: int) -> str:
    return f"{number:04}".ljust(250, "x")


def test_a_new_file_is_not_seen_before_it_has_its_size(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that starts reads the files of all; an empty one ended it, and the service with it."""
    seen, allocate = [], os.posix_fallocate

    def slow_disk(descriptor: int, offset: int, size: int) -> None:
        seen.append(list(tmp_path.glob("*.db")))
        allocate(descriptor, offset, size)

    monkeypatch.setattr(os, "posix_fallocate", slow_disk)
    opened(tmp_path / "counter_1.db").read_value("name")
    assert seen == [[]]
    assert stored(tmp_path / "counter_1.db") == {"name": 0.0}
    assert [path.name for path in tmp_path.iterdir()] == ["counter_1.db"]


def test_a_new_file_and_a_grown_one_have_all_their_space(opened: Open, tmp_path: Path) -> None:
    path = tmp_path / "counter_1.db"
    file = opened(path)
    for count in (1, 400):
        for number in range(count):
            file.read_value(key(number))
            file.write_value(key(number), 1.0, 0.0)
        found = path.stat()
        assert found.st_blocks * 512 >= found.st_size >= count * 250
    assert len(stored(path)) == 400


def test_the_sparse_file_of_a_predecessor_gets_its_space(opened: Open, tmp_path: Path) -> None:
    path = tmp_path / "counter_1.db"
    with path.open("wb") as sparse:
        sparse.truncate(2 * FIRST_BYTES)
    opened(path).read_value("a")
    found = path.stat()
    assert found.st_size == 2 * FIRST_BYTES
    assert found.st_blocks * 512 >= found.st_size


def test_a_successor_goes_on(opened: Open, tmp_path: Path) -> None:
    path = tmp_path / "counter_1.db"
    first = opened(path)
    first.read_value("a")
    first.write_value("a", 5.0, 0.0)
    assert opened(path).read_value("a") == (5.0, 0.0)


def test_without_space_for_a_file(
    opened: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "counter_1.db"
    file = opened(path)
    with files_of_at_most(FIRST_BYTES - 1), caplog.at_level(logging.WARNING):
        for name in ("a", "b"):
            assert file.read_value(name) == (0.0, 0.0)
            file.write_value(name, 2.0, 0.0)
        assert file.read_value("a") == (2.0, 0.0)
    assert caplog.messages == [LACKING]
    assert not path.exists()
    file.write_value("a", 3.0, 0.0)
    assert stored(path) == {"a": 3.0, "b": 2.0}
    assert caplog.messages == [LACKING, AGAIN]


def test_without_space_to_grow(
    opened: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "counter_1.db"
    file = opened(path)
    with files_of_at_most(FIRST_BYTES), caplog.at_level(logging.WARNING):
        for value in (1.0, 2.0):
            for number in range(400):
                file.read_value(key(number))
                file.write_value(key(number), value, 0.0)
        fitting = stored(path)
        assert 100 < len(fitting) < 400
        assert set(fitting.values()) == {2.0}
        assert path.stat().st_size == FIRST_BYTES
    assert caplog.messages == [LACKING]
    file.write_value(key(399), 3.0, 0.0)
    expected = {key(number): 2.0 for number in range(399)} | {key(399): 3.0}
    assert stored(path) == expected
    assert caplog.messages == [LACKING, AGAIN]


def test_in_a_directory_that_is_gone(
    opened: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = opened(tmp_path / "gone" / "counter_1.db")
    with caplog.at_level(logging.WARNING):
        file.read_value("a")
        file.write_value("a", 1.0, 0.0)
    assert file.read_value("a") == (1.0, 0.0)
    (tmp_path / "gone").mkdir()
    file.write_value("a", 2.0, 0.0)
    assert stored(tmp_path / "gone" / "counter_1.db") == {"a": 2.0}
    assert len(caplog.messages) == 2
