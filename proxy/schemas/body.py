"""The bytes of a request -> its JSON object.

Rule: whatever the bytes are, the outcome is a ``dict`` or an ``InvalidRequest``. A value that can
be read here can also be written again: orjson reads 1024 levels but writes only 254, and numbers
beyond 64 bits become floats while reading, so nothing accepted here fails on its way upstream.
"""

from __future__ import annotations

from typing import Any

import orjson

from proxy.errors import InvalidRequest

MAX_NESTING = 240
"""Levels of lists and objects; the rest of orjson's 254 is for what a conversion adds around."""

_READER_NESTING = 1024
_WRAPPERS = _READER_NESTING - MAX_NESTING
_OPEN = b"[" * _WRAPPERS
_CLOSE = b"]" * _WRAPPERS
_COUNTED_SIZE = 16 * 1024
"""Up to this size counting brackets is cheaper than the wrapped read."""


def parse_json_object(body: bytes) -> dict[str, Any]:
    """The JSON object in ``body``.

    Raises ``InvalidRequest`` in the wording of docs/protocol.md section 9: for NaN and infinity,
    numbers too large for a float, broken UTF-8, lone surrogates, a byte order mark, an empty body,
    nesting deeper than ``MAX_NESTING`` and every other fault of the text.
    """
    try:
        value = decode_json(body)
    except ValueError as error:
        raise InvalidRequest(f"The request body is not valid JSON: {error}") from None
    if type(value) is not dict:
        raise InvalidRequest("Input should be an object")
    return value


def decode_json(body: bytes) -> Any:
    """The JSON value in ``body``; raises ``ValueError`` with the reason."""
    if len(body) <= _COUNTED_SIZE and body.count(b"{") + body.count(b"[") <= MAX_NESTING:
        return orjson.loads(body)
    # Inside that many lists orjson's own limit is reached at MAX_NESTING: no walk over the value.
    try:
        value = orjson.loads(b"".join((_OPEN, body, _CLOSE)))
        for _ in range(_WRAPPERS):
            (value,) = value
    except ValueError:
        orjson.loads(body)  # words the fault with its place in the body itself
        raise ValueError(f"nested deeper than {MAX_NESTING} levels") from None
    return value
