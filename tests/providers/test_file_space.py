"""Space is allocated, or its lack is told, and a system that cannot allocate goes on as before."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.providers.file_space import allocate

SIZE = 100_000


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    opened = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    yield opened
    os.close(opened)


def refuse(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refused(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "posix_fallocate", refused)


def test_the_content_stays_and_all_of_it_has_space(descriptor: int) -> None:
    os.write(descriptor, b"content")
    for size in (SIZE, 10):
        allocate(descriptor, size)
        found = os.fstat(descriptor)
        assert found.st_size == SIZE
        assert found.st_blocks * 512 >= SIZE
    assert os.pread(descriptor, 7, 0) == b"content"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO])
def test_a_lack_of_space_is_told(
    descriptor: int, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    refuse(monkeypatch, number)
    with pytest.raises(OSError, match=os.strerror(number)):
        allocate(descriptor, SIZE)
    assert os.fstat(descriptor).st_size == 0


def test_a_file_system_that_cannot_allocate_gets_a_sparse_file(
    descriptor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, errno.EOPNOTSUPP)
    for size in (SIZE, 10):
        allocate(descriptor, size)
        assert os.fstat(descriptor).st_size == SIZE


def test_a_system_without_allocation_gets_a_sparse_file(
    descriptor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "posix_fallocate")
    allocate(descriptor, SIZE)
    assert os.fstat(descriptor).st_size == SIZE
