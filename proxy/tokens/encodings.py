"""The tokenizer encoding of a model.

Rule: only names that ``tables.py`` can load are returned; an unknown model gets the default
(docs/protocol.md section 6).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from tiktoken import encoding_name_for_model

from proxy.tokens.tables import DEFINITIONS, SHARED_TABLES

DEFAULT_ENCODING = "cl100k_base"
ENCODING_NAMES = (*DEFINITIONS, *SHARED_TABLES)

ENCODING_FOR_PREFIX: Mapping[str, str] = {
    "gpt-oss": "o200k_harmony",
    "gpt-4o": "o200k_base",
    "gpt-4.1": "o200k_base",
    "gpt-4.5": "o200k_base",
    "gpt-5": "o200k_base",
    "gpt-6": "o200k_base",
    "gpt-4": "cl100k_base",
    "gpt-3.5": "cl100k_base",
}
"""For models that tiktoken's own list lacks; the first matching prefix is used."""

_O_SERIES = re.compile(r"o\d+(?![a-z\d])")


def encoding_for(model: str, override: str | None = None) -> str:
    """Name of the encoding that counts tokens for an upstream's ``model``.

    ``override`` (the registry's ``encoding`` or TIKTOKEN_MODEL) is the name of an encoding or of a
    model, and is used instead of ``model``; raises ValueError if it is neither. A vendor prefix
    (``openai/gpt-4o``) is ignored. Order: docs/protocol.md section 6.
    """
    if override is None:
        return _known_encoding(model) or DEFAULT_ENCODING
    name = override.strip()
    found = name if name in ENCODING_NAMES else _known_encoding(name)
    if found is None:
        known = ", ".join(ENCODING_NAMES)
        raise ValueError(f"{override!r} is neither an encoding ({known}) nor a known OpenAI model")
    return found


def _known_encoding(model: str) -> str | None:
    name = model.rsplit("/", 1)[-1].strip().lower()
    try:
        encoding = encoding_name_for_model(name)
    except KeyError:
        encoding = ""
    # tiktoken also lists completion models of 2022, whose encodings have no table here.
    return encoding if encoding in ENCODING_NAMES else _encoding_by_prefix(name)


def _encoding_by_prefix(name: str) -> str | None:
    if _O_SERIES.match(name):
        return "o200k_base"
    return next((e for prefix, e in ENCODING_FOR_PREFIX.items() if name.startswith(prefix)), None)
