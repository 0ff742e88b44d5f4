"""Parts of JSON Schemas; the schemas of Anthropic's own tools are built from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Schema = Mapping[str, Any]


def object_schema(properties: Mapping[str, Any], required: Sequence[str]) -> dict[str, Any]:
    return {"type": "object", "properties": dict(properties), "required": list(required)}


def string(description: str) -> dict[str, Any]:
    return {"type": "string", "description": description}


def words(choices: Sequence[str], description: str) -> dict[str, Any]:
    """A string whose value is one of ``choices``."""
    return {"type": "string", "enum": list(choices), "description": description}


def integer(description: str) -> dict[str, Any]:
    return {"type": "integer", "description": description}


def number(description: str) -> dict[str, Any]:
    return {"type": "number", "description": description}


def integers(description: str, count: int) -> dict[str, Any]:
    """A list of exactly ``count`` integers."""
    return {
        "type": "array",
        "items": {"type": "integer"},
        "minItems": count,
        "maxItems": count,
        "description": description,
    }


def strings(description: str) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string"}, "description": description}


def either(description: str, *schemas: Schema) -> dict[str, Any]:
    """A value that matches at least one of ``schemas`` (``anyOf``)."""
    return {"anyOf": list(schemas), "description": description}
