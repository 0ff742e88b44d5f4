"""Objects whose members are not known, and names that are required without being described."""

from __future__ import annotations

from typing import Any

from proxy.convert.request.schema.combine import ANNOTATIONS, properties_of, required_of
from proxy.convert.request.schema.walk import each_schema
from proxy.convert.schema_values import Schema

AS_JSON = "An object is written as JSON text."
_SIZES = frozenset({"minProperties", "maxProperties", "required", "additionalProperties"})


def no_empty_objects(root: Schema) -> Schema:
    """No ``properties`` without members, and no branch that is such an object beside others.

    Where such a branch goes, the string among the others is described as JSON text, and ``restored``
    (proxy/convert/reply/client_values.py) decodes it.
    """

    def change(schema: Schema) -> Schema:
        branches = schema.get("anyOf")
        kept = (
            [part for part in branches if not _is_bare(part)] if isinstance(branches, list) else []
        )
        if not kept or len(kept) == len(branches or ()):
            return schema
        return {**schema, "anyOf": [_told(part) if _is_text(part) else part for part in kept]}

    return each_schema(no_empty_properties(root), change)


def no_empty_properties(root: Schema) -> Schema:
    """No ``properties`` without members."""

    def change(schema: Schema) -> Schema:
        if schema.get("properties") != {}:
            return schema
        return {key: value for key, value in schema.items() if key != "properties"}

    return each_schema(root, change)


def _is_text(schema: object) -> bool:
    if not isinstance(schema, dict):
        return False
    return schema.get("type") == "string" and not schema.keys() - ANNOTATIONS - {"type", "nullable"}


def _told(schema: Schema) -> dict[str, Any]:
    """``schema`` with the description that an object is written as JSON."""
    description = schema.get("description")
    before = f"{description}\n" if isinstance(description, str) and description else ""
    return {**schema, "description": before + AS_JSON}


def _is_bare(schema: object) -> bool:
    """Whether ``schema`` is an object of which no member is described."""
    if not isinstance(schema, dict) or schema.get("type") != "object" or properties_of(schema):
        return False
    return not schema.keys() - ANNOTATIONS - _SIZES - {"type", "properties", "nullable"}


def objects_as_json(root: Schema) -> Schema:
    """Objects below the root of which no member is described, as strings of JSON.

    ``restored`` (proxy/convert/reply/client_values.py) decodes what comes back.
    """

    def change(schema: Schema) -> Schema:
        if schema is root or not _is_bare(schema):
            return schema
        kept = {key: schema[key] for key in schema if key in ("description", "title", "nullable")}
        return _told({"type": "string", **kept})

    return each_schema(root, change)


def known_required(root: Schema) -> Schema:
    """``required`` without names that ``properties`` does not have."""

    def change(schema: Schema) -> Schema:
        if "required" not in schema:
            return schema
        known = properties_of(schema)
        names = [name for name in required_of(schema) if name in known]
        if names == schema["required"] and names:
            return schema
        rest = {key: value for key, value in schema.items() if key != "required"}
        return {**rest, "required": names} if names else rest

    return each_schema(root, change)
