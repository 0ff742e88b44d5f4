"""Images, documents and search results of a turn -> parts.

Rule: content that the upstream does not accept is replaced by its text or by a placeholder; the
proxy never fetches a URL (docs/protocol.md 1.2, sections 10.8 and 11).
"""

from __future__ import annotations

from binascii import Error, a2b_base64
from collections.abc import Callable, Iterable, Mapping

from proxy.convert.request.parts import Block, Part, RefusedBlock, TurnContext, text_part
from proxy.convert.request.pdf_text import PdfText
from proxy.failures.broken_images import is_among

PDF = "application/pdf"
DEFAULT_FILENAME = "document.pdf"
FILE_SOURCE = ".source: file sources are not supported by this upstream"

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})


def image_to_parts(block: Block, context: TurnContext) -> list[Part]:
    """An ``image_url`` part, or a text part as a placeholder if the model does not accept the image.

    Raises RefusedBlock for a ``file`` source.
    """
    source = block["source"]
    if source["type"] == "file":
        raise RefusedBlock(block, FILE_SOURCE)
    if block.get("transformations"):
        context.drops.drop("image.transformations")
    if not context.profile.vision:
        context.drops.degrade("image", "placeholder")
        return [text_part(f"[image omitted: {_image_label(source)}]")]
    if source["type"] == "url":
        url = source["url"]
    else:
        url = f"data:{source['media_type']};base64,{source['data']}"
    unreadable = context.profile.unreadable_images
    if unreadable and is_among(url, unreadable):
        context.drops.degrade("image", "placeholder")
        return [
            text_part(f"[image left out, because it could not be read: {_image_label(source)}]")
        ]
    return [{"type": "image_url", "image_url": {"url": url}}]


def _image_label(source: Block) -> str:
    label: str = source["media_type"] if source["type"] == "base64" else source["url"]
    if label.startswith("data:"):
        return label[5:].partition(",")[0].partition(";")[0]
    return label


def holds_pdf(turns: object) -> bool:
    """Whether a block in ``turns`` holds a PDF itself, also inside of a tool result."""
    left = [turns]
    while left:
        value = left.pop()
        if isinstance(value, list):
            left += value
        elif isinstance(value, dict):
            if value.get("media_type") == PDF:
                return True
            left += (value.get("content"), value.get("source"))
    return False


def document_to_parts(block: Block, context: TurnContext) -> list[Part]:
    """A document as text, as a file, or as a placeholder, followed by the images of its content.

    Raises RefusedBlock for a ``file`` source.
    """
    _note_citations(block, context)
    source = block["source"]
    source_to_parts = _CONVERTER_FOR_SOURCE.get(source["type"])
    if source_to_parts is None:
        raise RefusedBlock(block, FILE_SOURCE)
    return source_to_parts(block, source, context)


def _text_source_to_parts(block: Block, source: Block, context: TurnContext) -> list[Part]:
    return [text_part(_document_text(block, source["data"]))]


def _content_source_to_parts(block: Block, source: Block, context: TurnContext) -> list[Part]:
    content = source["content"]
    if isinstance(content, str):
        return [text_part(_document_text(block, content))]
    images = [
        image
        for item in content
        if item["type"] == "image"
        for image in image_to_parts(item, context)
    ]
    return [text_part(_document_text(block, joined_text(content))), *images]


def _url_source_to_parts(block: Block, source: Block, context: TurnContext) -> list[Part]:
    context.drops.degrade("document", "url")
    return [text_part(f"[document: {block.get('title') or 'untitled'} {source['url']}]")]


def _base64_source_to_parts(block: Block, source: Block, context: TurnContext) -> list[Part]:
    title = block.get("title")
    if context.profile.pdf == "file":
        if block.get("context"):
            context.drops.drop("document.context")
        file_data = f"data:{PDF};base64,{source['data']}"
        file = {"filename": title or DEFAULT_FILENAME, "file_data": file_data}
        return [{"type": "file", "file": file}]
    found = _pdf_text(source["data"], context)
    if found:
        context.drops.degrade("document", "cut_text" if found.is_cut else "text")
        return [text_part(_document_text(block, found.text))]
    context.drops.degrade("document", "placeholder")
    return [text_part(f"[document omitted: {title or 'untitled'}, {PDF}]")]


_CONVERTER_FOR_SOURCE: Mapping[str, Callable[[Block, Block, TurnContext], list[Part]]] = {
    "text": _text_source_to_parts,
    "content": _content_source_to_parts,
    "url": _url_source_to_parts,
    "base64": _base64_source_to_parts,
}


def _pdf_text(data: str, context: TurnContext) -> PdfText | None:
    try:
        return context.read_pdf(a2b_base64(data))
    except Error:
        return None


def _document_text(block: Block, data: str) -> str:
    title, about = block.get("title"), block.get("context")
    opening = f'<document title="{_escaped(title)}">' if title else "<document>"
    lines = [opening, f"<context>{about}</context>", data] if about else [opening, data]
    return "\n".join([*lines, "</document>"])


def search_result_to_parts(block: Block, context: TurnContext) -> list[Part]:
    """A search result with its source and title as attributes, its texts joined by blank lines."""
    _note_citations(block, context)
    source, title = _escaped(block["source"]), _escaped(block["title"])
    text = joined_text(block["content"])
    tag = f'<search_result source="{source}" title="{title}">'
    return [text_part(f"{tag}\n{text}\n</search_result>")]


def _note_citations(block: Block, context: TurnContext) -> None:
    """Note requested citations as dropped, since Chat Completions has none for documents."""
    citations = block.get("citations")
    if citations and citations.get("enabled"):
        context.drops.drop(f"{block['type']}.citations")


def joined_text(blocks: Iterable[Block]) -> str:
    """The non-empty texts among ``blocks``, joined by blank lines."""
    return "\n\n".join([item["text"] for item in blocks if item["type"] == "text" and item["text"]])


def _escaped(attribute: str) -> str:
    return attribute.translate(_ESCAPES)
