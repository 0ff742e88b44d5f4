"""Measures by CPU time, or counts, how work grows with the size of its input."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

TIMES = 4
"""How much larger the larger input is."""
BOUND = 9.0
"""Linear work takes 4 times as long, the square of it 16 times."""
TRIES = 4
NOTICEABLE = 0.02
"""Seconds. Less than that is not measured well, and its square harms nobody."""


def seconds(ask: Callable[[], object]) -> float:
    """Processor time of one ``ask``."""
    began = time.process_time()
    ask()
    return time.process_time() - began


def grows_too_fast(
    few: Callable[[], object], many: Callable[[], object], *, bound: float = BOUND
) -> bool:
    """Whether ``many``, which is TIMES as much to do as ``few``, costs far more than that.

    Asked again where it seems so, and each time the least of all is taken: what disturbs a
    measurement makes it longer.
    """
    least_few, least_many = seconds(few), seconds(many)
    for _ in range(TRIES):
        if least_many < max(bound * least_few, NOTICEABLE):
            return False
        least_few = min(least_few, seconds(few))
        least_many = min(least_many, seconds(many))
    return least_many >= bound * least_few


def work(ask: Callable[[], object]) -> int:
    """How many calls ``ask`` makes, those into C included."""
    count = 0

    def note(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        ask()
    finally:
        sys.setprofile(before)
    return count
