"""The vocabulary of the request converters: blocks, parts, messages and what all of them share.

Rule: a block is what the client sent and is never changed; a part or message is what goes upstream
and belongs to this request alone, so a converter may still add to it.
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
"""Text of a PDF file; None where it has none that can be read."""


@dataclass(frozen=True, slots=True)
class TurnContext:
    """What the conversion of one request's turns shares."""

    profile: Profile
    drops: Drops
    names: ToolNames
    ids: ToolIds
    read_pdf: PdfReader


class RefusedBlock(Exception):
    """A block that cannot be carried; where it stands is found out by ``locate``.

    ``reason`` begins with the member that is wrong, if one is (``.source: ...``), else with ``: ``.
    """

    def __init__(self, block: Block, reason: str) -> None:
        super().__init__(reason)
        self.block = block
        self.reason = reason


def text_part(text: str) -> Part:
    return {"type": "text", "text": text}


def compact_json(value: object) -> str:
    """``value`` as JSON without spaces, order and letters kept."""
    return orjson.dumps(value).decode()
