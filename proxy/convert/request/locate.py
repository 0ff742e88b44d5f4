"""The path of a refused block in the client's request.

Rule: converters do not track paths; the path is searched for after a refusal (docs/protocol.md
section 9).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from proxy.convert.request.parts import Block, RefusedBlock
from proxy.errors import InvalidRequest

_HOLDERS = ("content", "source")
"""Members of a turn or block that contain further blocks."""


def refusal(turns: Sequence[Mapping[str, Any]], refused: RefusedBlock) -> InvalidRequest:
    """The error with the path of the block: ``messages.0.content.1.image.source: REASON``."""
    path = _path(turns, refused.block, "messages") or "messages"
    # The reasons name no value; the path contains types of blocks that the schema knows.
    return InvalidRequest(f"{path}{refused.reason}")


def _path(value: object, wanted: Block, path: str) -> str | None:
    if value is wanted:
        return path
    if isinstance(value, Mapping):
        members = ((_step(name, value[name]), value[name]) for name in _HOLDERS if name in value)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        members = ((_step(index, item), item) for index, item in enumerate(value))
    else:
        return None
    paths = (_path(member, wanted, f"{path}.{step}") for step, member in members)
    return next((found for found in paths if found), None)


def _step(place: int | str, member: object) -> str:
    # As in the API's own paths, the type of a block is part of its path.
    tag = member.get("type") if isinstance(member, Mapping) else None
    return f"{place}.{tag}" if isinstance(tag, str) else str(place)
