"""A plain reader of a complete native stream: the reference for ``EventScan``.

Rule: docs/protocol.md section 8 and the names of Anthropic's events; every event is parsed, whole.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

import orjson

from proxy.convert.reply.usage import MAX_COUNT

_KIND = re.compile(r"[a-z][a-z0-9_]{0,49}")
Pairs = tuple[tuple[str, Any], ...]


@dataclass
class Plain:
    """What is known at the end; ``events`` are all that say their type."""

    content_seen: bool = False
    ended: bool = False
    error: str | None = None
    stop_reason: str | None = None
    usage: dict[str, Any] = field(default_factory=dict)
    events: list[Any] = field(default_factory=list)
    named: int | None = field(default=None, compare=False)
    """Place of the event that names the model."""
    inside: bool = field(default=False, compare=False)
    """Whether the last event is not whole."""


def blocks(stream: bytes) -> list[bytes]:
    """The events of a stream, the last one too where its blank line is missing."""
    return stream.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n\n")


def pairs_of(block: bytes) -> Pairs | None:
    """The members of the JSON object of an event, given twice or not; None where there is none."""
    return json_pairs(_data(block))


def _data(block: bytes) -> bytes:
    return b"\n".join(line[5:] for line in block.split(b"\n") if line.startswith(b"data:"))


def json_pairs(data: bytes) -> Pairs | None:
    """An object as a tuple of its members, arrays as lists; None where ``data`` is no object."""
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    value = json.loads(data, object_pairs_hook=tuple)
    return value if type(value) is tuple else None


def told(stream: bytes) -> Plain:
    """What all events of ``stream`` tell together."""
    plain = Plain(inside=bool(blocks(stream)[-1].strip(b"\n")))
    for place, block in enumerate(blocks(stream)):
        members = dict(pairs_of(block) or ())
        kind = members.get("type")
        if type(kind) is not str:
            continue
        plain.events.append(orjson.loads(_data(block)))
        if kind == "message_start" and plain.named is None and not plain.content_seen:
            plain.named = place
        plain.content_seen |= kind.startswith("content_block_")
        plain.ended |= kind in ("message_stop", "error")
        if kind == "error":
            given = _object(members.get("error")).get("type")
            plain.error = given if type(given) is str and _KIND.fullmatch(given) else "api_error"
        elif kind == "message_start":
            plain.usage |= _counts(_object(members.get("message")).get("usage"))
        elif kind == "message_delta":
            plain.usage |= _counts(members.get("usage"))
            reason = _object(members.get("delta")).get("stop_reason")
            plain.stop_reason = reason if type(reason) is str else plain.stop_reason
    return plain


def _object(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, tuple) else {}


def _counts(value: object) -> dict[str, Any]:
    usage = _object(value)
    details = _numbers(_object(usage.pop("output_tokens_details", None)))
    return _numbers(usage) | ({"output_tokens_details": details} if details else {})


def _numbers(members: dict[str, Any]) -> dict[str, int]:
    return {
        name: count
        for name, count in members.items()
        if type(count) is int and 0 <= count <= MAX_COUNT
    }


def renamed(members: Pairs, path: tuple[str, ...], name: str) -> Pairs:
    """``members`` with ``name`` for each string at ``path``."""
    first, *rest = path

    def changed(value: Any) -> Any:
        if rest:
            return renamed(value, tuple(rest), name) if type(value) is tuple else value
        return name if type(value) is str else value

    return tuple((key, changed(value) if key == first else value) for key, value in members)
