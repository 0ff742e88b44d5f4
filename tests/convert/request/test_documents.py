"""Documents in every kind of source: docs/protocol.md 1.2, 10.8, section 11."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.convert.request.messages_to_chat import message_request_to_chat
from proxy.convert.request.pdf_text import PdfText
from proxy.errors import InvalidRequest
from proxy.providers.profiles.base import Profile
from tests.convert.request_builders import (
    PDF,
    PNG_PART,
    convert,
    document,
    image,
    noted,
    result,
    says,
    text,
    user,
)

PLAIN = {"type": "text", "media_type": "text/plain", "data": "D"}
FILE = {"type": "file", "file_id": "f1"}
FILES = {"pdf": "file"}


def content_source(content: object) -> dict[str, Any]:
    return {"type": "content", "content": content}


def file_part(filename: str) -> dict[str, Any]:
    data = "data:application/pdf;base64,JVBERg=="
    return {"type": "file", "file": {"filename": filename, "file_data": data}}


@pytest.mark.parametrize(
    ("block", "flags", "expected", "drops"),
    [
        pytest.param(
            document(PLAIN), {}, "<document>\nD\n</document>", {}, id="1.2 document text, bare"
        ),
        pytest.param(
            document(PLAIN, title="T", context="C"),
            {},
            '<document title="T">\n<context>C</context>\nD\n</document>',
            {},
            id="1.2 document text",
        ),
        pytest.param(
            document(PLAIN, title='a&b<c>"d"', context=None),
            {},
            '<document title="a&amp;b&lt;c&gt;&quot;d&quot;">\nD\n</document>',
            {},
            id="1.2 document title escaped",
        ),
        pytest.param(
            document(PLAIN, citations={"enabled": True}),
            {},
            "<document>\nD\n</document>",
            {"document.citations": "noted"},
            id="1.2 document citations dropped",
        ),
        pytest.param(
            document(PLAIN, citations={"enabled": False}),
            {},
            "<document>\nD\n</document>",
            {},
            id="1.2 document citations that are off are no loss",
        ),
        pytest.param(
            document(content_source("D"), title="T"),
            {},
            '<document title="T">\nD\n</document>',
            {},
            id="1.2 document content string",
        ),
        pytest.param(
            document(content_source([text("a"), image(), text("b")])),
            {},
            [text("<document>\na\n\nb\n</document>"), PNG_PART],
            {},
            id="1.2 document content, its images follow",
        ),
        pytest.param(
            document(PDF, title="a.pdf"),
            FILES,
            [file_part("a.pdf")],
            {},
            id="1.2 document base64 PDF as a file",
        ),
        pytest.param(
            document(PDF), FILES, [file_part("document.pdf")], {}, id="1.2 PDF file without a title"
        ),
        pytest.param(
            document(PDF, context="C"),
            FILES,
            [file_part("document.pdf")],
            {"document.context": "noted"},
            id="1.2 PDF file cannot carry its context",
        ),
        pytest.param(
            document(PDF),
            {},
            "[document omitted: untitled, application/pdf]",
            {"document=placeholder": "noted"},
            id="10.8 PDF that nobody can read leaves a placeholder",
        ),
        pytest.param(
            document({**PDF, "data": "Q"}, title="T"),
            {},
            "[document omitted: T, application/pdf]",
            {"document=placeholder": "noted"},
            id="edge 127 broken base64 leaves a placeholder",
        ),
        pytest.param(
            document({"type": "url", "url": "https://x.test/a.pdf"}, title="T"),
            FILES,
            "[document: T https://x.test/a.pdf]",
            {"document=url": "noted"},
            id="1.2 document url is never fetched",
        ),
        pytest.param(
            document({"type": "url", "url": "https://x.test/a.pdf"}),
            {},
            "[document: untitled https://x.test/a.pdf]",
            {"document=url": "noted"},
            id="1.2 document url without a title",
        ),
    ],
)
def test_document(
    block: dict[str, Any], flags: dict[str, Any], expected: object, drops: dict[str, str]
) -> None:
    chat = convert(user(block), flags=flags)
    assert chat.body["messages"] == [says("user", expected)]
    assert noted(chat) == drops


@pytest.mark.parametrize(("is_cut", "became"), [(False, "text"), (True, "cut_text")])
def test_text_of_a_pdf(is_cut: bool, became: str) -> None:
    seen: list[bytes] = []

    def read_pdf(file: bytes) -> PdfText:
        seen.append(file)
        return PdfText("page one", is_cut)

    request = {"model": "m", "messages": [user(document(PDF, title="T"))]}
    chat = message_request_to_chat(
        request, Profile(), model="m", max_tokens=None, read_pdf=read_pdf
    )
    assert chat.body["messages"] == [says("user", '<document title="T">\npage one\n</document>')], (
        "10.8 the text, where it can be read"
    )
    assert seen == [b"%PDF"]
    assert noted(chat) == {f"document={became}": "noted"}


def test_a_file_is_not_read() -> None:
    def read_pdf(file: bytes) -> PdfText:
        raise AssertionError("read for nothing")

    request = {"model": "m", "messages": [user(document(PDF))]}
    message_request_to_chat(
        request, Profile(pdf="file"), model="m", max_tokens=None, read_pdf=read_pdf
    )


REFUSED = "source: file sources are not supported by this upstream"


@pytest.mark.parametrize(
    ("turns", "path"),
    [
        pytest.param([user(image(FILE))], "messages.0.content.0.image", id="1.2 image file source"),
        pytest.param(
            [user("a"), user("b", document(FILE))],
            "messages.1.content.1.document",
            id="1.2 document file source",
        ),
        pytest.param(
            [user(result([text("a"), image(FILE)]))],
            "messages.0.content.0.tool_result.content.1.image",
            id="1.2 file source in a tool result",
        ),
        pytest.param(
            [user(document(content_source([image(FILE)])))],
            "messages.0.content.0.document.source.content.content.0.image",
            id="1.2 file source in a document's content",
        ),
        pytest.param(
            [user(image()), user(image(FILE)), user(image(FILE))],
            "messages.1.content.0.image",
            id="9 the first of equal blocks is named",
        ),
    ],
)
def test_file_source(turns: list[dict[str, Any]], path: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        convert(*turns)
    assert refused.value.message == f"{path}.{REFUSED}"
    assert refused.value.status == 400
