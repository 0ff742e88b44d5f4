"""Deltas that repeat all text so far give only what is new (docs/protocol.md section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.convert.reply.events_to_message import chunks_to_message
from proxy.convert.reply.snapshots import SURE, Snapshots
from tests.convert.chunk_builders import chunk, end, entry, reply


def read(deltas: Sequence[str]) -> str:
    snapshots = Snapshots()
    texts = [text for delta in deltas for text in snapshots.feed(delta)]
    return "".join([*texts, *snapshots.settle()])


def grown(*words: str) -> list[str]:
    return list(accumulate(words))


@pytest.mark.parametrize(
    ("deltas", "expected"),
    [
        pytest.param(grown("The list", " of things", " is here."), "The list of things is here.",
                     id="4 snapshots"),
        pytest.param(grown("I", " will", " read", " it."), "I will read it.", id="4 a short first"),
        pytest.param(grown("\n", "\nThe list", " is"), "\n\nThe list is", id="4 blanks first"),
        pytest.param(grown("中", "文字", "的一个例子", "。"), "中文字的一个例子。", id="4 Chinese"),
        pytest.param(grown("The list", " of things"), "The list of things", id="4 two snapshots"),
        pytest.param([*grown("The list", " of things", "."), "The list of things."],
                     "The list of things.", id="4 the last one twice"),
        pytest.param(["The list", "The list of", "The list of", "The list of it"],
                     "The list of it", id="4 one twice"),
        pytest.param([*grown("The list", " of things", "."), "The list of"],
                     "The list of things.", id="4 an earlier one again"),
        pytest.param([*grown("The list", " of", " it."), " And", " more", " more"],
                     "The list of it. And more more", id="4 deltas after snapshots"),
        pytest.param([*grown("The list", " of", " it."), *grown("Another one", " of", " them.")],
                     "The list of it.Another one of them.", id="4 snapshots of another text"),
        pytest.param(["ha", "ha", "ha", "!"], "hahaha!", id="4 plain repeats"),
        pytest.param(["ha", "haha", "hahaha"], "hahahahahaha", id="4 repeats in longer pieces"),
        pytest.param(["=" * 10, "=" * 30, "=" * 20], "=" * 60, id="4 a rule"),
        pytest.param(["0" * 8, "0" * 16], "0" * 24, id="4 zeros"),
        pytest.param(["- a\n", "- a\n", "- a\n"], "- a\n- a\n- a\n", id="4 lines that repeat"),
        pytest.param(["1", "10", "100", "."], "110100.", id="4 numbers"),
        pytest.param(["a", "ab", "c"], "aabc", id="4 chance"),
        pytest.param(["a", "ab"], "aab", id="4 chance at the end"),
        pytest.param(["The", "There", " is"], "TheThere is", id="4 words that begin alike"),
        pytest.param(["It is", " so", "It is so"], "It is soIt is so", id="4 a refrain"),
        pytest.param(["The list", " of", "The list of it"], "The list ofThe list of it",
                     id="4 plain deltas stay plain"),
        pytest.param(["The list of things"], "The list of things", id="4 one delta"),
        pytest.param([], "", id="4 none"),
    ],
)  # fmt: skip
def test_snapshots(deltas: list[str], expected: str) -> None:
    assert read(deltas) == expected


@given(st.lists(st.text("ab \n", min_size=1, max_size=5), max_size=8))
def test_deltas_are_changed_only_where_each_repeats_all_before_it(deltas: list[str]) -> None:
    if len(deltas) > 1 and not deltas[1].startswith(deltas[0]):
        assert read(deltas) == "".join(deltas)
    if sum(map(len, deltas)) < SURE:
        assert read(deltas) == "".join(deltas)


@given(st.lists(st.text("abcdefgh ", min_size=1, max_size=9), min_size=3, max_size=9))
def test_the_snapshots_of_any_text_are_told_once(words: list[str]) -> None:
    first, *_ = words
    if len(first) >= SURE and len(set(first)) > 1 and first[0] not in "".join(words)[1:]:
        assert read(grown(*words)) == "".join(words)


TEXT = grown("The list", " of things", " that you", " asked for.")
FULL = TEXT[-1]
CALL = {"tool_calls": [entry(0, "c", "f", "{}")]}


def item(text: str, **extra: object) -> dict[str, Any]:
    return {"reasoning_details": [{"type": "reasoning.text", "text": text, "index": 0, **extra}]}


@pytest.mark.parametrize(
    ("deltas", "expected"),
    [
        pytest.param([{"content": text} for text in TEXT], [FULL], id="content"),
        pytest.param(
            [*({"reasoning_content": text} for text in TEXT), {"content": "Done."}],
            [FULL, "Done."],
            id="reasoning_content",
        ),
        pytest.param(
            [*({"reasoning_text": text} for text in TEXT[:2]), CALL], [TEXT[1], "f"],
            id="two snapshots of reasoning, then a call",
        ),
        pytest.param(
            [*(item(text) for text in TEXT), item("", signature="S"), {"content": "Done."}],
            [FULL, "Done."],
            id="reasoning_details",
        ),
        pytest.param(
            [*({**item(text), "reasoning": text} for text in TEXT), {"content": "Done."}],
            [FULL, "Done."],
            id="two spellings",
        ),
        pytest.param(
            [*({"reasoning_content": text} for text in TEXT),
             *({"reasoning_content": FULL, "content": text} for text in TEXT)],
            [FULL, FULL],
            id="the whole reasoning beside each snapshot of the text",
        ),
        pytest.param(
            [*({"content": text} for text in TEXT), CALL, {"content": "Done, and well."}],
            [FULL, "f", "Done, and well."],
            id="a call between",
        ),
        pytest.param(
            [{"content": [{"type": "text", "text": text}]} for text in TEXT], [FULL], id="parts"
        ),
        pytest.param(
            [{"content": text} for text in grown("<think>why not", " so", "</think>Done", ".")],
            ["why not so", "Done."],
            id="tags",
        ),
        pytest.param(
            [{"content": "I"}, {"content": "In"}, {"reasoning_content": "Hm."}, {"content": "!"}],
            ["IIn", "Hm.", "!"],
            id="held text comes before other content",
        ),
        pytest.param(
            [{"reasoning": "I"}, {"reasoning": "In"}, {"content": "Done."}],
            ["IIn", "Done."],
            id="held reasoning comes before other content",
        ),
    ],
)  # fmt: skip
def test_streams_of_snapshots(deltas: list[dict[str, Any]], expected: list[str]) -> None:
    message = chunks_to_message([*map(chunk, deltas), end()], reply(think_tags=True))
    told = [block.get("text") or block.get("thinking") or block.get("name")
            for block in message["content"]]  # fmt: skip
    assert told == expected
