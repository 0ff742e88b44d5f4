"""Removes from JSON Schemas what compilers of grammars refuse, and what Gemini refuses.

llama.cpp, xgrammar and llguidance compile a schema to a grammar; they refuse long repetitions and
patterns that are not simple. Gemini refuses values of ``format`` that it does not know.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from proxy.convert.request.schema.walk import each_schema
from proxy.convert.schema_values import Schema

MOST_REPETITIONS = 1000
"""llama.cpp refuses a grammar that repeats a rule more than 2000 times."""
_REPEATS = ("minLength", "maxLength", "minItems", "maxItems")
_HARD_PATTERN = re.compile(
    r"\(\?"  # lookaround, groups with options
    r"|\\[^tnr\W_]"  # classes (\d, \w, \b) and references, unknown to llama.cpp's grammars
    r"|[*+?}][?+]"  # lazy and possessive repetition
    r"|\{[0-9,]{5,}"
    r"|[\^$](?!\Z)(?<!\A[\^$])"  # an anchor in the middle
)
_FORMATS: Mapping[str, frozenset[str]] = {
    "string": frozenset({"enum", "date-time"}),
    "number": frozenset({"float", "double"}),
    "integer": frozenset({"int32", "int64"}),
}
"""The formats of Gemini's ``Schema``, by type."""


def grammar(root: Schema) -> Schema:
    """``root`` without patterns and repetitions that fail as a grammar."""

    def change(schema: Schema) -> Schema:
        gone = [key for key in _REPEATS if _is_long(schema.get(key))]
        pattern = schema.get("pattern")
        if isinstance(pattern, str) and not is_simple(pattern):
            gone.append("pattern")
        return {key: schema[key] for key in schema if key not in gone} if gone else schema

    return each_schema(root, change)


def _is_long(bound: object) -> bool:
    return isinstance(bound, int | float) and bound > MOST_REPETITIONS


def is_simple(pattern: str) -> bool:
    """Whether llama.cpp can compile ``pattern``: anchored, plain classes, no lookaround."""
    return (
        pattern.startswith("^")
        and pattern.endswith("$")
        and not pattern.endswith("\\$")
        and _HARD_PATTERN.search(pattern) is None
    )


def string_formats(root: Schema) -> Schema:
    """``format`` only where Gemini knows it."""

    def change(schema: Schema) -> Schema:
        if "format" not in schema:
            return schema
        kind = schema.get("type")
        known = _FORMATS.get(kind, frozenset()) if isinstance(kind, str) else frozenset()
        if isinstance(schema["format"], str) and schema["format"] in known:
            return schema
        return {key: value for key, value in schema.items() if key != "format"}

    return each_schema(root, change)
