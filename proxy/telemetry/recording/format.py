"""The format of a recording: JSON Lines, one event a line (docs/observability.md "A bug report").

Rule: a reader ignores members and events that it does not know. What an older reader cannot ignore
raises ``VERSION``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import orjson

VERSION = 1
FORMAT = "claude-proxy recording"
SUFFIX = ".jsonl"

Event = dict[str, Any]


def line_of(event: Mapping[str, Any]) -> bytes:
    """``event`` as a line; bytes in its member ``data`` become ``text``, or ``base64`` if not UTF-8."""
    written = {name: value for name, value in event.items() if name != "data"}
    data = event.get("data")
    if data is not None:
        written |= as_text(data)
    return orjson.dumps(written, option=orjson.OPT_APPEND_NEWLINE)


def as_text(data: bytes) -> dict[str, str]:
    """``data`` as the member ``text``, or ``base64`` if it is not UTF-8."""
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode("ascii")}


def data_of(event: Mapping[str, Any]) -> bytes | None:
    """The bytes of an event; None if it has none. Raises ValueError for anything that is not text."""
    text, encoded = event.get("text"), event.get("base64")
    if isinstance(text, str):
        return text.encode()
    if isinstance(encoded, str):
        try:
            return base64.b64decode(encoded, validate=True)
        except binascii.Error as error:
            raise ValueError("base64") from error
    if text is None and encoded is None:
        return None
    raise ValueError("text")
