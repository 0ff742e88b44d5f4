"""Parse the JSON of upstreams, lone surrogates included.

Rule: for any text the result is a value or a ``ValueError``.
"""

from __future__ import annotations

import json
import re

import orjson

from proxy.upstream.halves import HalfCharacters

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def load_json(text: str | bytes, halves: HalfCharacters | None = None) -> object:
    """The value of a JSON text; lone surrogate escapes become U+FFFD, or wait in ``halves``.

    orjson refuses a lone ``"\\ud83d"``, but servers that split a text between two escapes send it, and
    skipping the chunk would lose the rest of its text. Raises ``ValueError`` for any other text that
    orjson refuses: NaN, nesting above 1024, invalid UTF-8.
    """
    try:
        value = orjson.loads(text)
        return _joined(value, halves) if halves is not None and halves.waiting else value
    except orjson.JSONDecodeError:
        escape = b"\\ud" if isinstance(text, bytes) else "\\ud"
        if escape not in text.lower():  # type: ignore[operator]
            raise
    return orjson.loads(_LONE_SURROGATE.sub("\ufffd", _reescaped(text, halves)))


def _joined(value: object, halves: HalfCharacters) -> object:
    try:
        return halves.join(value)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _reescaped(text: str | bytes, halves: HalfCharacters | None) -> str:
    try:
        value = json.loads(text)
        if halves is not None:
            value = _joined(value, halves)
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
