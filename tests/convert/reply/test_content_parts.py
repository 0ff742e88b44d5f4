from __future__ import annotations

import pytest

from proxy.convert.reply.content_parts import content_pieces, text_of


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
            [("thinking", "hm")],
            id="3 content Mistral's thinking part",
        ),
        pytest.param(
            [{"type": "image_url", "image_url": {}}, 5, None, {"text": 5}, []], [], id="3 other parts"
        ),
    ],
)  # fmt: skip
def test_content_pieces(content: object, expected: list[tuple[str, str]]) -> None:
    assert [tuple(piece) for piece in content_pieces(content)] == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("a", "a"), (["a", {"text": "b"}, 3], "ab"), ({"text": "c"}, "c"), (None, ""), (4, "")],
    ids=str,
)
def test_text_of(value: object, expected: str) -> None:
    assert text_of(value) == expected
