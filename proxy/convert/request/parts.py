"""Types that the request converters share: blocks, parts, messages and the context of a request.

Rule: a block is part of the client's request and is never changed; a part or message is created for
the upstream body of one request, so a converter may change it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from proxy.convert.request.drops import Drops
from proxy.convert.request.pdf_text import PdfText
from proxy.convert.request.tool_ids import ToolIds
from proxy.convert.request.tool_names import ToolNames
from proxy.providers.profiles.base import Profile

Block = Mapping[str, Any]
Part = dict[str, Any]
ChatMessage = dict[str, Any]
PdfReader = Callable[[bytes], PdfText | None]
"""Returns the text of a PDF file, or None if no text can be read."""


@dataclass(frozen=True, slots=True)
class TurnContext:
    """The state that all converters of one request share."""

    profile: Profile
    drops: Drops
    names: ToolNames
    ids: ToolIds
    read_pdf: PdfReader


class RefusedBlock(Exception):
    """A block that cannot be converted for this upstream; ``locate`` finds its path.

    ``reason`` begins with the member that is not supported (``.source: ...``), or with ``: `` if it is
    the whole block.
    """

    def __init__(self, block: Block, reason: str) -> None:
        super().__init__(reason)
        self.block = block
        self.reason = reason


def text_part(text: str) -> Part:
    return {"type": "text", "text": text}


def compact_json(value: object) -> str:
    """``value`` as JSON without spaces; keys keep their order, and letters are not escaped."""
    return orjson.dumps(value).decode()
