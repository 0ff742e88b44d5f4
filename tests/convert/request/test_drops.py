"""The header that tells what was dropped: docs/features.md "Conversion"."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.convert.request.drops import HEADER_BYTES, Drops
from tests.security.growth import TIMES, grows_too_fast


def entries_to_header(entries: list[str]) -> str:
    """The plainest way to cut: leave out one more until the rest fits."""
    value = ", ".join(entries)
    kept = len(entries)
    while len(value) > HEADER_BYTES:
        kept -= 1
        value = ", ".join([*entries[:kept], f"+{len(entries) - kept}"])
    return value


@given(st.lists(st.integers(1, 60), max_size=150), st.integers(0, 1005), st.booleans())
def test_the_header_is_cut_where_no_more_fits(
    lengths: list[int], long: int, at_the_start: bool
) -> None:
    names = {f"{number:03}".ljust(size, "x") for number, size in enumerate(lengths)}
    names.add(("!" if at_the_start else "~").ljust(long, "y"))
    drops = Drops()
    for name in names:
        drops.drop(name)
    assert drops.header() == entries_to_header(sorted(names))


def test_lengths_around_the_limit() -> None:
    for count in range(1, 120):
        for last in range(1, 14):
            names = [f"{number:05}abc" for number in range(count)] + ["z" * last]
            drops = Drops()
            for name in names:
                drops.drop(name)
            assert drops.header() == entries_to_header(names)


def test_names_that_are_dropped_cost_no_more_than_their_size() -> None:
    def dropped(count: int) -> Drops:
        drops = Drops()
        for number in range(count):
            drops.drop(f"m{number:07}")
        return drops

    few, many = dropped(5000), dropped(5000 * TIMES)
    assert not grows_too_fast(few.header, many.header)
    assert len(many.header()) <= HEADER_BYTES
