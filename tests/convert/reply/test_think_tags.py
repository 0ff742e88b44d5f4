from __future__ import annotations

from itertools import groupby

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from proxy.convert.reply.pieces import ContentPiece
from proxy.convert.reply.spellings import CLOSING_FOR_OPENING
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
        pytest.param("<thinking>w</thinking>s", [("thinking", "w"), ("text", "s")], id="3 thinking"),
        pytest.param("<thought>w</thought>s", [("thinking", "w"), ("text", "s")], id="3 thought"),
        pytest.param(
            "<reasoning>w</reasoning>\ns", [("thinking", "w"), ("text", "\ns")], id="3 reasoning"
        ),
        pytest.param("[THINK]w[/THINK]s", [("thinking", "w"), ("text", "s")], id="3 [THINK]"),
        pytest.param(
            "<seed:think>w</seed:think>s", [("thinking", "w"), ("text", "s")], id="3 seed:think"
        ),
        pytest.param("◁think▷w◁/think▷s", [("thinking", "w"), ("text", "s")], id="3 Kimi's"),
        pytest.param(
            "<|channel|>analysis<|message|>w<|end|><|start|>assistant<|channel|>final<|message|>s",
            [("thinking", "w"), ("text", "s")],
            id="3 harmony",
        ),
        pytest.param(
            "<|channel|>analysis<|message|>w<|end|>"
            "<|start|>assistant<|channel|>analysis<|message|>x<|end|>"
            "<|start|>assistant<|channel|>final<|message|>s",
            [("thinking", "wx"), ("text", "s")],
            id="3 harmony, twice",
        ),
        pytest.param(
            "<|channel|>analysis<|message|>w<|end|>s", [("thinking", "w"), ("text", "s")],
            id="3 harmony without a channel for the text",
        ),
        pytest.param(
            "<|channel|>analysis<|message|>w<|end|><|start|>assis",
            [("thinking", "w"), ("text", "<|start|>assis")],
            id="3 harmony, cut",
        ),
        pytest.param(
            "<|channel|>analysis<|message|>w", [("thinking", "w")], id="edge 117 harmony unclosed"
        ),
        pytest.param(
            "<|channel|>commentary x", [("text", "<|channel|>commentary x")], id="3 another channel"
        ),
        pytest.param(
            "<thinking>a</think>b", [("thinking", "a</think>b")], id="3 closed by its own tag only"
        ),
        pytest.param("[THINKING]", [("text", "[THINKING]")], id="3 not quite a tag"),
        pytest.param("<thoughts>a", [("text", "<thoughts>a")], id="3 another tag, thoughts"),
        pytest.param("a [THINK]", [("text", "a [THINK]")], id="3 [THINK] after text"),
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


@pytest.mark.parametrize("opening", CLOSING_FOR_OPENING)
def test_4_no_more_is_held_back_than_a_tag(opening: str) -> None:
    closing = CLOSING_FOR_OPENING[opening]
    tags = ThinkTags()
    assert not any(tags.feed(character) for character in opening)
    told = 0
    for fed, character in enumerate(closing[:-1] * 3, 1):
        told += sum(len(piece.text) for piece in tags.feed(character))
        assert fed - told < len(closing)


@pytest.mark.parametrize(
    ("marked", "unmarked", "expected"),
    [
        pytest.param(["<thought>w"], ["</thought>s"], [("thinking", "w"), ("text", "s")], id="as is"),
        pytest.param(
            ["<thought>", "w", "x"], ["</thought>", "s"], [("thinking", "wx"), ("text", "s")],
            id="tags alone",
        ),
        pytest.param(["w", "x"], ["s", "t"], [("thinking", "wx"), ("text", "st")], id="no tags"),
        pytest.param(
            ["<thought>w"], ["s", "t"], [("thinking", "w"), ("text", "st")], id="no closing tag"
        ),
        pytest.param(
            ["<thought>w</thought>s"], ["t"], [("thinking", "w"), ("text", "st")], id="in one piece"
        ),
        pytest.param(
            ["<thought>w"], ["x</thought>s"], [("thinking", "wx"), ("text", "s")], id="closed later"
        ),
        pytest.param(["<"], ["s"], [("thinking", "<"), ("text", "s")], id="half a tag"),
        pytest.param(
            ["<thought>w</tho"], ["ught>s"], [("thinking", "w"), ("text", "s")], id="a tag in two"
        ),
        pytest.param(["<thought>w"], [], [("thinking", "w")], id="no text"),
    ],
)  # fmt: skip
def test_3_text_marked_as_a_thought(
    marked: list[str], unmarked: list[str], expected: list[tuple[str, str]]
) -> None:
    tags = ThinkTags(marked=True)
    pieces = [piece for text in marked for piece in tags.feed(text)]
    pieces += [piece for text in unmarked for piece in tags.feed_unmarked(text)]
    assert joined([*pieces, *tags.flush()]) == expected


PARTS = st.sampled_from(
    ["<think>", "</think>", "<", "</", "think", ">", " ", "\n", "a", "[THINK]", "[/THINK]", "<think",
     "ing>", "</thinking>", "<|end|>", "<|start|>assistant", "<|channel|>analysis<|message|>",
     "<|channel|>final<|message|>"]
)  # fmt: skip


@settings(deadline=None)
@given(parts=st.lists(PARTS, max_size=8), data=st.data())
@example(["<think>", "</think>"], None)
def test_the_split_does_not_depend_on_the_fragments(
    parts: list[str], data: st.DataObject | None
) -> None:
    content = "".join(parts)
    size = 1 if data is None else data.draw(st.integers(1, 9))
    assert read(*(content[at : at + size] for at in range(0, len(content), size))) == read(content)
    if not content.lstrip().startswith(tuple(CLOSING_FOR_OPENING)):
        assert "".join(text for _, text in read(content)) == content
