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
SLICE_CHARS = 1 << 20
"""Characters that are encoded in one step, which keeps other threads from running: 1 ms or less."""

Event = dict[str, Any]


def line_of(event: Mapping[str, Any]) -> bytes:
    """``event`` as a line; bytes in its member ``data`` become ``text``, or ``base64`` if not UTF-8."""
    written = {name: value for name, value in event.items() if name != "data"}
    data = event.get("data")
    if data is None:
        return orjson.dumps(written, option=orjson.OPT_APPEND_NEWLINE)
    ((name, text),) = as_text(data).items()
    if len(text) <= SLICE_CHARS:
        return orjson.dumps(written | {name: text}, option=orjson.OPT_APPEND_NEWLINE)
    start = orjson.dumps(written | {name: ""}).removesuffix(b'"}')
    slices = (text[at : at + SLICE_CHARS] for at in range(0, len(text), SLICE_CHARS))
    return b"".join((start, *(orjson.dumps(each)[1:-1] for each in slices), b'"}\n'))


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
