"""The scanner that cuts text at stop sequences: equal to a search in the whole text, however it comes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.convert.reply.stop_scanner import StopScanner


def scanned(sequences: Sequence[str], pieces: Iterable[str]) -> tuple[list[str], str | None]:
    """What each piece decides, and what the end decides; the sequence that matched."""
    scanner = StopScanner(sequences)
    told: list[str] = []
    for piece in pieces:
        told.append(scanner.feed(piece))
        if scanner.matched is not None:
            return told, scanner.matched
    return [*told, scanner.flush()], scanner.matched


def searched(sequences: Sequence[str], text: str) -> tuple[str, str | None]:
    """The naive reference: the earliest start, at the same start the first listed."""
    found = [(text.find(s), rank) for rank, s in enumerate(sequences) if s in text]
    if not found:
        return text, None
    at, rank = min(found)
    return text[:at], sequences[rank]


@pytest.mark.parametrize(
    ("sequences", "pieces", "told", "matched"),
    [
        pytest.param(["END"], ["a END b"], ["a "], "END", id="within one piece"),
        pytest.param(["END"], ["a E", "N", "D b"], ["a ", "", ""], "END", id="across three pieces"),
        pytest.param(["END"], ["a E", "NO"], ["a ", "ENO", ""], None, id="a beginning that is none"),
        pytest.param(["END"], ["a EN"], ["a ", "EN"], None, id="a beginning at the end of the text"),
        pytest.param(["END"], ["END"], [""], "END", id="nothing before it"),
        pytest.param(["END"], ["EEN", "DD"], ["E", ""], "END", id="its first character twice"),
        pytest.param(["aab"], ["aaa", "ab"], ["a", "a"], "aab", id="a beginning within a beginning"),
        pytest.param(["abcd", "bc"], ["xabc", "d"], ["x", ""], "abcd", id="the earlier start counts"),
        pytest.param(["abcd", "bc"], ["xabc", "e"], ["x", "a"], "bc", id="the earlier start fails"),
        pytest.param(["abcd", "bc"], ["xabc"], ["x", "a"], "bc", id="the earlier start never ends"),
        pytest.param(["ab", "abc"], ["xab"], ["x"], "ab", id="the first listed, shorter"),
        pytest.param(["abc", "ab"], ["xab", "c"], ["x", ""], "abc", id="the first listed, longer"),
        pytest.param(["abc", "ab"], ["xab", "d"], ["x", ""], "ab", id="the longer one fails"),
        pytest.param(["b", "ab"], ["ab"], [""], "ab", id="one ends another"),
        pytest.param(["x", "x"], ["axb"], ["a"], "x", id="listed twice"),
        pytest.param(["\n\n"], ["a\n", "\nb"], ["a", ""], "\n\n", id="line ends"),
        pytest.param(["]", "^", "-"], ["a^b"], ["a"], "^", id="characters that mean something to re"),
        pytest.param(["🦊"], ["a🐻", "🦊"], ["a🐻", ""], "🦊", id="beyond the first plane"),
        pytest.param(["</block>"], ["<block>no</b", "lock>why"], ["<block>no", ""], "</block>", id="Claude Code's"),
    ],
)  # fmt: skip
def test_scanned(
    sequences: list[str], pieces: list[str], told: list[str], matched: str | None
) -> None:
    assert scanned(sequences, pieces) == (told, matched)


LETTERS = st.text(st.sampled_from("ab<"), max_size=24)
SEQUENCES = st.lists(
    st.text(st.sampled_from("ab<"), min_size=1, max_size=5), min_size=1, max_size=4
)


@settings(max_examples=500, deadline=None)
@given(sequences=SEQUENCES, text=LETTERS, cuts=st.sets(st.integers(1, 23)))
def test_any_split_gives_what_a_search_in_the_whole_text_gives(
    sequences: list[str], text: str, cuts: set[int]
) -> None:
    edges = [0, *sorted(cut for cut in cuts if cut < len(text)), len(text)]
    told, matched = scanned(sequences, [text[a:b] for a, b in pairwise(edges)])
    assert ("".join(told), matched) == searched(sequences, text)


@settings(max_examples=300, deadline=None)
@given(sequences=SEQUENCES, text=LETTERS)
def test_only_what_may_begin_a_sequence_is_held_back(sequences: list[str], text: str) -> None:
    scanner = StopScanner(sequences)
    told = ""
    for at, character in enumerate(text, 1):
        told += scanner.feed(character)
        if scanner.matched is not None:
            return
        held = text[len(told) : at]
        assert text[:at] == told + held
        assert len(held) < max(map(len, sequences))
        assert not held or any(sequence.startswith(held) for sequence in sequences)


@settings(max_examples=200, deadline=None)
@given(sequences=SEQUENCES, texts=st.lists(LETTERS, max_size=3))
def test_a_block_knows_nothing_of_the_block_before(sequences: list[str], texts: list[str]) -> None:
    scanner = StopScanner(sequences)
    for text in texts:
        told = scanner.feed(text)
        told += "" if scanner.matched is not None else scanner.flush()
        assert (told, scanner.matched) == searched(sequences, text)
        if scanner.matched is not None:
            return


def test_time_is_linear_in_the_text() -> None:
    """A text of near misses, which a search from each start would read again and again."""

    def seconds(length: int) -> float:
        scanner = StopScanner(["a" * 2000 + "b", "a" * 1000 + "c"])
        begun = process_time()
        for _ in range(length):
            scanner.feed("aaaa")
        return process_time() - begun

    seconds(1000)
    short = min(seconds(4000) for _ in range(3))
    assert min(seconds(16000) for _ in range(3)) < 12 * short
