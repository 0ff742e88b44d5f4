"""Blocks of user turns: docs/protocol.md 1.2, 2.2, section 11."""

from __future__ import annotations

from typing import Any

import pytest

from tests.convert.request_builders import (
    LINK,
    LINK_PART,
    PNG_PART,
    convert,
    document,
    image,
    messages,
    noted,
    says,
    text,
    user,
)

BLIND = {"vision": False}
HIT = {"type": "search_result", "source": "S", "title": "T", "content": [text("a"), text("b")]}


@pytest.mark.parametrize(
    ("content", "flags", "expected", "drops"),
    [
        pytest.param([text("a")], {}, "a", {}, id="1.2 text"),
        pytest.param(
            [text("a"), text("b")],
            {},
            "a\n\nb",
            {},
            id="2.2 only text is a string, joined by a line",
        ),
        pytest.param([text(""), text("b")], {}, "b", {}, id="1.2 empty text dropped"),
        pytest.param(
            [text("a", cache_control={"type": "ephemeral"}, citations=[{"cited_text": "x"}])],
            {},
            "a",
            {"cache_control": "routine", "citations": "routine"},
            id="1.2 citations and cache_control of text dropped",
        ),
        pytest.param([text("a", citations=[])], {}, "a", {}, id="1.2 empty citations are no loss"),
        pytest.param(
            [text("a"), image(), text("b"), text("c")],
            {},
            [text("a"), PNG_PART, text("b"), text("c")],
            {},
            id="2.2 any other part: an array, texts not joined",
        ),
        pytest.param([image()], {}, [PNG_PART], {}, id="1.2 image base64"),
        pytest.param([image(LINK)], {}, [LINK_PART], {}, id="1.2 image url"),
        pytest.param(
            [image(transformations={"oversized_image": {"type": "downsample"}})],
            {},
            [PNG_PART],
            {"image.transformations": "noted"},
            id="1.2 image transformations dropped",
        ),
        pytest.param(
            [image()],
            BLIND,
            "[image omitted: image/png]",
            {"image=placeholder": "noted"},
            id="1.2 P.vision false",
        ),
        pytest.param(
            [image(LINK)],
            BLIND,
            "[image omitted: https://x.test/a.png]",
            {"image=placeholder": "noted"},
            id="11 url image without vision",
        ),
        pytest.param(
            [image({"type": "url", "url": "data:image/gif;base64,QQ=="})],
            BLIND,
            "[image omitted: image/gif]",
            {"image=placeholder": "noted"},
            id="11 data url without vision keeps its data out of the prompt",
        ),
        pytest.param(
            [HIT],
            {},
            '<search_result source="S" title="T">\na\n\nb\n</search_result>',
            {},
            id="1.2 search_result",
        ),
        pytest.param(
            [{**HIT, "source": 'a&b"', "title": "<c>"}],
            {},
            '<search_result source="a&amp;b&quot;" title="&lt;c&gt;">\na\n\nb\n</search_result>',
            {},
            id="11 search_result attributes escaped",
        ),
        pytest.param(
            [{"type": "compaction", "content": "short"}, text("go")],
            {},
            "<conversation_summary>\nshort\n</conversation_summary>\n\ngo",
            {},
            id="1.2 compaction in a user turn",
        ),
        pytest.param(
            [{"type": "compaction", "content": None}, text("go")],
            {},
            "go",
            {},
            id="1.2 compaction with null content dropped",
        ),
        pytest.param(
            [{"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"q": 1}}],
            {},
            '[called web_search with {"q":1}]',
            {"server_tool_use=text": "noted"},
            id="1.2 server tool call in a user turn",
        ),
        *(
            pytest.param(
                [{"type": block_type}, text("go")],
                {},
                "go",
                {block_type: kind},
                id=f"1.2 {block_type} dropped",
            )
            for block_type, kind in {
                "container_upload": "noted",
                "fallback": "routine",
                "mcp_tool_listing": "routine",
                "connector_text": "noted",
            }.items()
        ),
    ],
)
def test_user_turn(
    content: list[dict[str, Any]], flags: dict[str, Any], expected: object, drops: dict[str, str]
) -> None:
    chat = convert(user(*content), flags=flags)
    assert chat.body["messages"] == [says("user", expected)]
    assert noted(chat) == drops


def test_string_content() -> None:
    assert messages(user("hi")) == [says("user", "hi")]


def test_document_among_text() -> None:
    source = {"type": "text", "media_type": "text/plain", "data": "D"}
    assert messages(user("read", document(source))) == [
        says("user", "read\n\n<document>\nD\n</document>")
    ]
