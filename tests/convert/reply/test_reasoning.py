from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.convert.reply.pieces import Form, ReasoningPiece
from proxy.convert.reply.reasoning import (
    KEPT_CHARS,
    ReasoningForms,
    ThinkingDigest,
    reasoning_pieces,
)
from proxy.convert.reply.spellings import FORMS

D: Form = "reasoning_details"
C: Form = "reasoning_content"
R: Form = "reasoning"
T: Form = "reasoning_text"
B: Form = "thinking_blocks"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param({C: "a"}, [ReasoningPiece(C, "a")], id="edge 111 reasoning_content"),
        pytest.param({R: "a"}, [ReasoningPiece(R, "a")], id="edge 111 reasoning"),
        pytest.param({R: "a", C: "a"}, [ReasoningPiece(C, "a")], id="3 reasoning_content first"),
        pytest.param(
            {R: "a", C: "a", D: [{"type": "reasoning.text", "text": "a", "index": 0}]},
            [ReasoningPiece(D, "a", part=0)],
            id="3 reasoning_details first",
        ),
        pytest.param(
            {D: [{"type": "reasoning.summary", "summary": "s", "index": 2}]},
            [ReasoningPiece(D, "s", part=2, detail={"type": "reasoning.summary", "index": 2})],
            id="3 summary",
        ),
        pytest.param(
            {
                D: [
                    {
                        "type": "reasoning.encrypted",
                        "data": "X",
                        "id": "r",
                        "format": "f",
                        "n": None,
                    }
                ]
            },
            [
                ReasoningPiece(
                    D,
                    "",
                    data="X",
                    detail={"type": "reasoning.encrypted", "id": "r", "format": "f"},
                )
            ],
            id="10.3 what no block has a place for",
        ),
        pytest.param(
            {D: [{"type": "reasoning.text", "text": "t", "signature": "S"}]},
            [ReasoningPiece(D, "t", signature="S")],
            id="3 signature",
        ),
        pytest.param(
            {D: [{"type": "reasoning.text", "text": None, "signature": "S", "index": 0}]},
            [ReasoningPiece(D, "", signature="S", part=0)],
            id="3 signature alone",
        ),
        pytest.param(
            {D: [{"type": "reasoning.encrypted", "data": "X"}]},
            [ReasoningPiece(D, "", data="X")],
            id="3 encrypted",
        ),
        pytest.param(
            {R: "a", D: [{"type": "reasoning.encrypted", "data": "X"}]},
            [ReasoningPiece(R, "a"), ReasoningPiece(D, "", data="X")],
            id="3 encrypted is not another form of the text",
        ),
        pytest.param({D: {"text": "a"}}, [ReasoningPiece(D, "a")], id="details as one object"),
        pytest.param({T: "a"}, [ReasoningPiece(T, "a")], id="edge 111 reasoning_text"),
        pytest.param({"thinking": "a"}, [ReasoningPiece("thinking", "a")], id="edge 111 thinking"),
        pytest.param(
            {"thinking": {"content": "a", "signature": "S"}},
            [ReasoningPiece("thinking", "a")],
            id="thinking as an object",
        ),
        pytest.param({"thinking": True}, [], id="thinking as a flag"),
        pytest.param(
            {C: "a", B: [{"type": "thinking", "thinking": "a", "signature": "S"}]},
            [ReasoningPiece(B, "a", signature="S")],
            id="edge 111 thinking_blocks before reasoning_content",
        ),
        pytest.param(
            {B: [{"type": "thinking", "thinking": "", "signature": "S"}]},
            [ReasoningPiece(B, "", signature="S")],
            id="thinking_blocks: a signature alone",
        ),
        pytest.param(
            {B: [{"type": "redacted_thinking", "data": "X"}]},
            [ReasoningPiece(B, "", data="X")],
            id="thinking_blocks: redacted",
        ),
        pytest.param(
            {B: [{"thinking": "a"}, {"thinking": "b"}], "index": 0},
            [ReasoningPiece(B, "a"), ReasoningPiece(B, "b")],
            id="thinking_blocks without types",
        ),
        pytest.param(
            {T: "a", R: "a"}, [ReasoningPiece(T, "a")], id="reasoning_text before reasoning"
        ),
        pytest.param(
            {C: {"type": "summary", "summary": [{"text": "a"}, {"text": "b"}]}},
            [ReasoningPiece(C, "ab")],
            id="summaries in an object",
        ),
        pytest.param({C: [{"text": "a"}, "b"]}, [ReasoningPiece(C, "ab")], id="text in parts"),
        pytest.param({D: ["a", 3, {}], C: 5, R: None}, [], id="other types"),
        pytest.param({C: ""}, [], id="edge 122 empty"),
        pytest.param({}, [], id="nothing"),
    ],
)
def test_reasoning_pieces(source: dict[str, Any], expected: list[ReasoningPiece]) -> None:
    assert reasoning_pieces(source) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param([(C, "a"), (C, "a")], "aa", id="one spelling may repeat itself"),
        pytest.param([(C, "ab"), (R, "ab"), (C, "cd"), (R, "cd")], "abcd", id="3 in turns"),
        pytest.param([(C, "ab"), (C, "cd"), (R, "abcd")], "abcd", id="3 all of it at the end"),
        pytest.param([(C, "ab"), (R, "abcd"), (C, "cd")], "abcd", id="3 one ahead of the other"),
        pytest.param([(C, "ab"), (C, "cd"), (R, "a"), (R, "bcd")], "abcd", id="3 in other pieces"),
        pytest.param([(C, "ab"), (R, "xy")], "abxy", id="3 other reasoning is new"),
        pytest.param([(C, "ab"), (R, "xy"), (R, "z")], "abxyz", id="3 a change of spelling"),
    ],
)
def test_reasoning_is_told_once(said: list[tuple[Form, str]], expected: str) -> None:
    forms = ReasoningForms()
    assert "".join(forms.fresh(form, text) for form, text in said) == expected


def test_covered_spellings_do_not_tell_it_again() -> None:
    forms = ReasoningForms()
    assert forms.fresh(D, "The plan") == "The plan"
    forms.cover([D, R])
    assert forms.fresh(R, "!") == "!"


@settings(deadline=None)
@given(text=st.text("ab", max_size=12), data=st.data())
def test_a_copy_in_any_pieces_is_told_once(text: str, data: st.DataObject) -> None:
    """Readers of one text, in any order and any pieces, tell the text once."""
    readers = data.draw(st.lists(st.sampled_from(FORMS), min_size=1, max_size=3, unique=True))
    left = dict.fromkeys(readers, text)
    forms = ReasoningForms()
    told = ""
    while any(left.values()):
        form = data.draw(st.sampled_from([form for form in readers if left[form]]))
        size = data.draw(st.integers(1, len(left[form])))
        told += forms.fresh(form, left[form][:size])
        left[form] = left[form][size:]
    assert told == text


def test_beyond_what_is_kept_a_second_spelling_is_a_copy() -> None:
    forms = ReasoningForms()
    half = "x" * KEPT_CHARS
    forms.fresh(C, half)
    forms.fresh(C, "y" * KEPT_CHARS)
    assert forms.fresh(R, half) == ""
    assert forms.fresh(R, "?" * KEPT_CHARS + "new") == "new"


@pytest.mark.parametrize("pieces", [[], ["why"], ["w", "hy"], ["é"] * 200], ids=len)
def test_3_signature(pieces: list[str]) -> None:
    digest = ThinkingDigest()
    for piece in pieces:
        digest.add(piece)
    expected = urlsafe_b64encode(hashlib.sha256("".join(pieces).encode()).digest())[:22].decode()
    assert digest.signature() == f"cp1.{expected}"
