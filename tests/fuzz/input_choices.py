"""The choices in the first bytes of a fuzzer's input; a parser gets the other bytes.

Rule: every input means something, so that each can be changed anywhere and replayed without the
fuzzer. The first byte is a choice of 32 and the number of cuts; two bytes follow for each cut.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import NamedTuple


class Chosen(NamedTuple):
    """``choice`` is below 32; ``places`` are at most seven numbers below 65536."""

    choice: int
    places: list[int]
    rest: bytes


def chosen(data: bytes) -> Chosen:
    """What ``data`` says."""
    if not data:
        return Chosen(0, [], b"")
    number = data[0] % 8
    places, rest = data[1 : 1 + 2 * number], data[1 + 2 * number :]
    numbers = [int.from_bytes(places[at : at + 2]) for at in range(0, len(places), 2)]
    return Chosen(data[0] // 8, numbers, rest)


def cut_at(data: bytes, places: Iterable[int]) -> list[bytes]:
    """``data`` in pieces, none of them empty, that end at ``places``, taken round its end."""
    bounds = sorted({0, *(place % (len(data) + 1) for place in places), len(data)})
    return [data[start:end] for start, end in itertools.pairwise(bounds)]


def single_bytes(data: bytes) -> list[bytes]:
    """``data`` in the smallest pieces there are."""
    return [data[at : at + 1] for at in range(len(data))]
