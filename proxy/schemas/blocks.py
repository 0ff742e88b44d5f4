"""Shapes of the blocks with content of the client: text, images, documents, search results.

Rule: only the members that the converters read are required (docs/protocol.md 1.2).
"""

from __future__ import annotations

from proxy.schemas import wording
from proxy.schemas.fields import Items, Object, OrItems, Tagged, Text, WireSchema
from proxy.schemas.sources import IMAGE_SOURCES, Base64Pdf, File, PlainText, Url


class Block(WireSchema):
    cache_control = Object()


class Marker(Block):
    """A block that is passed on whole or dropped, so its members are not checked."""


class TextBlock(Block):
    text = Text(required=True)


class ImageBlock(Block):
    source = Tagged(IMAGE_SOURCES, required=True)


TEXT_BLOCKS = {"text": TextBlock()}
ILLUSTRATED_BLOCKS = {**TEXT_BLOCKS, "image": ImageBlock()}


class BlockSource(WireSchema):
    content = OrItems(
        Text(), Tagged(ILLUSTRATED_BLOCKS), refusal=wording.NOT_TEXT_OR_LIST, required=True
    )


DOCUMENT_SOURCES = {
    "base64": Base64Pdf(),
    "text": PlainText(),
    "content": BlockSource(),
    "url": Url(),
    "file": File(),
}


class DocumentBlock(Block):
    source = Tagged(DOCUMENT_SOURCES, required=True)
    title = Text()
    context = Text()
    citations = Object()


class SearchResultBlock(Block):
    source = Text(required=True)
    title = Text(required=True)
    content = Items(Tagged(TEXT_BLOCKS), required=True)


class ToolReferenceBlock(Block):
    tool_name = Text(required=True)


RESULT_BLOCKS = {
    **ILLUSTRATED_BLOCKS,
    "document": DocumentBlock(),
    "search_result": SearchResultBlock(),
    "tool_reference": ToolReferenceBlock(),
    "browser_state": Marker(),
}
"""The block types that a ``tool_result`` may contain."""
