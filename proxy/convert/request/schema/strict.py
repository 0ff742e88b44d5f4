"""Schemas for strict mode, in which the upstream enforces them (OpenAI's Structured Outputs)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.convert.request.schema.unions import merge_all_of, one_of_any
from proxy.convert.request.schema.walk import rewritten
from proxy.convert.schema_values import Schema


class OpenSchema(Exception):
    """Strict mode does not support a schema, such as one that allows members which it does not name."""


def strict_schema(schema: Schema) -> Schema:
    """``schema`` as strict mode requires it: objects closed, every property required, no union but
    ``anyOf``.

    A value that is valid for the result is valid for ``schema``, but for ``oneOf`` with overlapping
    branches. Raises OpenSchema if an object allows members that the schema does not name, or for a
    keyword that strict mode does not support.
    """
    return rewritten(one_of_any(merge_all_of(schema)), _closed)


_UNSUPPORTED = frozenset(
    {"not", "if", "then", "else", "dependentRequired", "dependentSchemas", "patternProperties"}
)
"""Keywords that OpenAI's documents exclude from Structured Outputs."""


def _closed(schema: Schema) -> Schema:
    if not _UNSUPPORTED.isdisjoint(schema):
        raise OpenSchema
    if schema.get("type") != "object" and "properties" not in schema:
        return schema
    properties = schema.get("properties") or {}
    additional = schema.get("additionalProperties")
    if not isinstance(properties, dict) or additional not in (None, False):
        raise OpenSchema
    if not all(isinstance(member, dict) for member in properties.values()):
        raise OpenSchema
    if additional is None and not properties:
        raise OpenSchema
    if additional is False and _all_required(schema, properties):
        return schema
    return {**schema, "additionalProperties": False, "required": list(properties)}


def _all_required(schema: Schema, properties: Mapping[str, Any]) -> bool:
    required = schema.get("required")
    if not isinstance(required, list):
        return not properties
    return {name for name in required if isinstance(name, str)} == properties.keys()
