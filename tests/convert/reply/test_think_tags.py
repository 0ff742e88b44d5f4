from __future__ import annotations

from itertools import groupby

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from proxy.convert.reply.pieces import ContentPiece
from proxy.convert.reply.think_tags import ThinkTags


def read(*fragments: str) -> list[tuple[str, str]]:
    """Pieces of the fragments, neighbours of one kind joined."""
    tags = ThinkTags()
    pieces = [piece for fragment in fragments for piece in tags.feed(fragment)]
    return joined([*pieces, *tags.flush()])


def joined(pieces: list[ContentPiece]) -> list[tuple[str, str]]:
    groups = groupby(pieces, key=lambda piece: piece.kind)
    return [(kind, "".join(piece.text for piece in group)) for kind, group in groups]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param("hello", [("text", "hello")], id="3 no tag"),
        pytest.param(
            "<think>why</think>so", [("thinking", "why"), ("text", "so")], id="3 think tags"
        ),
        pytest.param("<think>why", [("thinking", "why")], id="edge 117 unclosed"),
        pytest.param("<think>why</thin", [("thinking", "why</thin")], id="edge 117 half closed"),
        pytest.param("<think></think>so", [("text", "so")], id="edge 122 empty thinking"),
        pytest.param("\n<think>w</think>s", [("thinking", "w"), ("text", "s")], id="3 one blank"),
        pytest.param(
            "\n\n<think>w</think>s", [("text", "\n\n<think>w</think>s")], id="3 not at the start"
        ),
        pytest.param("a<think>w</think>", [("text", "a<think>w</think>")], id="3 after text"),
        pytest.param("<thinker>", [("text", "<thinker>")], id="3 another tag"),
        pytest.param("<thi", [("text", "<thi")], id="3 only the start of a tag"),
        pytest.param(
            "<think>a</think>b<think>c</think>",
            [("thinking", "a"), ("text", "b<think>c</think>")],
            id="3 only once",
        ),
        pytest.param(
            "<think>a<think>b</think>c", [("thinking", "a<think>b"), ("text", "c")], id="3 no nesting"
        ),
        pytest.param("", [], id="nothing"),
        pytest.param(" ", [("text", " ")], id="a blank"),
    ],
)  # fmt: skip
def test_think_tags(content: str, expected: list[tuple[str, str]]) -> None:
    assert read(content) == expected
    assert read(*content) == expected


@pytest.mark.parametrize(
    ("tag", "rest"),
    [("\n<think>", "\n<think>" * 9), ("<think>", "</think" * 9), ("", " " * 9), ("", "<thin" * 3)],
)
def test_4_at_most_8_characters_are_held_back(tag: str, rest: str) -> None:
    tags = ThinkTags()
    told = 0
    for fed, character in enumerate(tag + rest, 1):
        told += sum(len(piece.text) for piece in tags.feed(character))
        assert fed - told <= (8 if fed <= len(tag) else len(tag) + 8)
        assert fed > len(tag) or told == 0


PARTS = st.sampled_from(["<think>", "</think>", "<", "</", "think", ">", " ", "\n", "a"])


@settings(deadline=None)
@given(parts=st.lists(PARTS, max_size=8), data=st.data())
@example(["<think>", "</think>"], None)
def test_the_split_does_not_depend_on_the_fragments(
    parts: list[str], data: st.DataObject | None
) -> None:
    content = "".join(parts)
    size = 1 if data is None else data.draw(st.integers(1, 9))
    assert read(*(content[at : at + size] for at in range(0, len(content), size))) == read(content)
    if not content.lstrip().startswith("<think>"):
        assert "".join(text for _, text in read(content)) == content
