"""The fuzzer's corpus replayed, without the fuzzer (``make fuzz`` adds to it)."""

from __future__ import annotations

import pytest

from tests.fuzz.corpus import FOLDER, inputs
from tests.fuzz.guided import NAMES
from tests.fuzz.plain_chunks import unchunked
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("name", NAMES)
def test_every_input_of_the_corpus_obeys_its_law(name: str) -> None:
    kept = inputs(name)
    assert len(kept) > 10
    for data in kept:
        TARGETS[name](data)


def test_every_target_has_its_corpus() -> None:
    assert set(NAMES) == set(TARGETS) == {path.stem for path in FOLDER.iterdir()}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(b"5\r\nHello\r\n0\r\n\r\nrest", (b"Hello", "complete", 15), id="whole"),
        pytest.param(b"2\r\nHe\r\n3;x\r\nllo\r\n0\r\nA: 1\r\n\r\n", (b"Hello", "complete", 28), id="parts"),
        pytest.param(b"5\r\nHel", (b"Hel", "cut short", 8), id="cut in its data"),
        pytest.param(b"5\r\nHello\r\n", (b"Hello", "cut short", 10), id="no last chunk"),
        pytest.param(b"5\r\nHelloX\r\n", (b"Hello", "bad", 8), id="longer than its size"),
        pytest.param(b"0x5\r\nHello\r\n", (b"", "bad", 0), id="no size"),
    ],
)  # fmt: skip
def test_the_reference_itself(body: bytes, expected: tuple[bytes, str, int]) -> None:
    assert unchunked(body) == expected
