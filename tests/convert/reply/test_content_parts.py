from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from proxy.convert.reply.chat_to_message import chat_to_message
from proxy.convert.reply.content_parts import content_pieces, text_of
from proxy.convert.reply.pieces import ReasoningPiece
from tests.convert.chunk_builders import reply


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param("hi", [("text", "hi")], id="3 content string"),
        pytest.param("", [], id="3 content empty"),
        pytest.param(None, [], id="3 content null"),
        pytest.param(
            [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
            [("text", "a"), ("text", "b")],
            id="edge 28 parts",
        ),
        pytest.param(["a", "b"], [("text", "a"), ("text", "b")], id="3 content list of strings"),
        pytest.param({"type": "text", "text": "a"}, [("text", "a")], id="3 content one part"),
        pytest.param(
            [{"type": "text", "text": {"value": "a"}}], [("text", "a")], id="3 content text value"
        ),
        pytest.param(
            [{"type": "refusal", "refusal": "no"}], [("refusal", "no")], id="edge 28 refusal part"
        ),
        pytest.param(
            [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}],
            [("parts", "hm")],
            id="3 content Mistral's thinking part",
        ),
        pytest.param(
            [{"type": "image_url", "image_url": {}}, 5, None, {"text": 5}, []], [], id="3 other parts"
        ),
    ],
)  # fmt: skip
def test_content_pieces(content: object, expected: list[tuple[str, str]]) -> None:
    assert [piece[:2] for piece in content_pieces(content) if piece] == expected


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        pytest.param({"type": "thinking", "thinking": "hm"}, ("hm", "", ""), id="thinking"),
        pytest.param(
            {"type": "thinking", "thinking": "hm", "signature": "S"}, ("hm", "S", ""), id="signed"
        ),
        pytest.param({"type": "reasoning", "text": "hm"}, ("hm", "", ""), id="reasoning with text"),
        pytest.param({"type": "reasoning", "reasoning": "hm"}, ("hm", "", ""), id="named twice"),
        pytest.param(
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}, {"text": "!"}]},
            ("hm!", "", ""),
            id="summaries",
        ),
        pytest.param(
            {"type": "reasoning", "summary": [{"text": "s"}], "content": [{"text": "hm"}]},
            ("hm", "", ""),
            id="the reasoning itself before its summary",
        ),
        pytest.param(
            {"type": "reasoning_content", "reasoning_content": {"text": "hm", "signature": "S"}},
            ("hm", "S", ""),
            id="Bedrock's nesting",
        ),
        pytest.param({"text": "hm", "thought": True}, ("hm", "", ""), id="Gemini's own part"),
        pytest.param(
            {"type": "thinking", "thinking": "", "thought_signature": "S"},
            ("", "S", ""),
            id="a signature alone",
        ),
        pytest.param({"type": "redacted_thinking", "data": "X"}, ("", "", "X"), id="redacted"),
        pytest.param({"type": "reasoning", "encrypted_content": "X"}, ("", "", "X"), id="encrypted"),
    ],
)  # fmt: skip
def test_parts_of_reasoning(part: dict[str, Any], expected: tuple[str, str, str]) -> None:
    (piece,) = content_pieces([part])
    assert isinstance(piece, ReasoningPiece)
    assert (piece.text, piece.signature, piece.data) == expected


def test_a_part_may_hold_readable_and_encrypted_reasoning() -> None:
    part = {"type": "reasoning", "summary": [{"text": "hm"}], "encrypted_content": "X", "id": "rs"}
    pieces = [piece for piece in content_pieces([part]) if isinstance(piece, ReasoningPiece)]
    assert [(piece.text, piece.data) for piece in pieces] == [("hm", ""), ("", "X")]


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "x"}},
        {"type": "input_audio", "input_audio": {}},
        {"type": "reference", "reference_ids": [1]},
        {"type": "tool_use", "id": "t", "name": "f", "input": {}},
        {"type": ["text"], "value": "a"},
        {"type": "text", "text": 5},
        {"value": "a"},
        {"text": 5},
        5,
        [],
    ],
    ids=str,
)
def test_3_what_is_not_known_is_reported(part: object) -> None:
    assert list(content_pieces([part])) == [None]
    warnings: Counter[str] = Counter()
    choice = {"index": 0, "message": {"content": ["a", part]}, "finish_reason": "stop"}
    message = chat_to_message({"choices": [choice]}, reply(), warnings=warnings)
    assert [block["text"] for block in message["content"]] == ["a"]
    assert warnings == {"unknown_content_part": 1}


@pytest.mark.parametrize(
    "part",
    [None, "", {}, {"type": "text"}, {"type": "text", "text": ""}, {"text": ""},
     {"type": "output_text", "text": None}, {"type": "refusal", "refusal": ""}],
    ids=str,
)  # fmt: skip
def test_an_empty_part_is_no_unknown_one(part: object) -> None:
    assert list(content_pieces([part])) == []


@pytest.mark.parametrize(
    ("value", "expected"),
    [("a", "a"), (["a", {"text": "b"}, 3], "ab"), ({"text": "c"}, "c"), (None, ""), (4, "")],
    ids=str,
)
def test_text_of(value: object, expected: str) -> None:
    assert text_of(value) == expected
