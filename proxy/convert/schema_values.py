"""What converters of requests and of answers must read in a JSON Schema in the same way.

Rule: both directions use these functions, so that a value goes out and comes back by one rule.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

Schema = Mapping[str, Any]


class ClientSchema(NamedTuple):
    """A tool's schema as the client wrote it, where the upstream got another one."""

    schema: Schema
    recoded: bool
    """Whether arguments for the upstream's schema must be translated (``restored``)."""


def as_text(value: object) -> str:
    """A value of an ``enum`` as a string: a string itself, other values as compact JSON."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def referred(root: Schema, ref: object) -> Schema | None:
    """The schema at ``ref``, a JSON pointer (RFC 6901) into ``root`` such as ``#/$defs/Node``.

    None for a reference to another document or to nothing.
    """
    if not isinstance(ref, str) or not ref.startswith("#"):
        return None
    found: Any = root
    for part in unquote(ref[1:]).split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and key.isdecimal() and int(key) < len(found):
            found = found[int(key)]
        elif isinstance(found, Mapping) and key in found:
            found = found[key]
        else:
            return None
    named = len(ref) > 1 and not ref.startswith("#/")
    return found if isinstance(found, Mapping) and not named else None
