"""Objects whose members are not known, and names that are required without being described."""

from __future__ import annotations

from proxy.convert.request.schema.combine import ANNOTATIONS, properties_of, required_of
from proxy.convert.request.schema.walk import each_schema
from proxy.convert.schema_values import Schema

AS_JSON = "A JSON object, written as text."
_SIZES = frozenset({"minProperties", "maxProperties", "required", "additionalProperties"})


def no_empty_objects(root: Schema) -> Schema:
    """No ``properties`` without members, and no branch that is such an object beside others."""

    def change(schema: Schema) -> Schema:
        if schema.get("properties") == {}:
            schema = {key: value for key, value in schema.items() if key != "properties"}
        branches = schema.get("anyOf")
        if not isinstance(branches, list):
            return schema
        kept = [branch for branch in branches if not _is_bare(branch)]
        if not kept or len(kept) == len(branches):
            return schema
        return {**schema, "anyOf": kept}

    return each_schema(root, change)


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
        description = kept.get("description")
        before = f"{description}\n" if isinstance(description, str) and description else ""
        return {"type": "string", **kept, "description": before + AS_JSON}

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
