"""Parse the JSON of upstreams, lone surrogates included.

Rule: for any text the result is a value or a ``ValueError``.
"""

from __future__ import annotations

import json
import re

import orjson

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def load_json(text: str | bytes) -> object:
    """The value of a JSON text; lone surrogate escapes become U+FFFD.

    orjson refuses a lone ``"\\ud83d"``, but servers that split a text between two escapes send it, and
    skipping the chunk would lose the rest of its text. Raises ``ValueError`` for any other text that
    orjson refuses: NaN, nesting above 1024, invalid UTF-8.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        escape = b"\\ud" if isinstance(text, bytes) else "\\ud"
        if escape not in text.lower():  # type: ignore[operator]
            raise
    return orjson.loads(_LONE_SURROGATE.sub("\ufffd", _reescaped(text)))


def _reescaped(text: str | bytes) -> str:
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, allow_nan=False)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
