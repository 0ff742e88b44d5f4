"""The root of a tool's schema as one object, without a union beside its properties.

Rule: the result has the members of every branch, so that it allows what the client's schema allows.
Which members belong together is told in the description.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from proxy.convert.request.schema.combine import both, either, properties_of, required_of
from proxy.convert.request.schema.types import stated_types
from proxy.convert.schema_values import Schema, as_text, referred

_UNIONS = ("anyOf", "oneOf")
_FOREIGN = ("$ref", "anyOf", "oneOf", "allOf", "enum", "not", "const")
"""Keywords that services refuse at the root of a function's parameters."""
MAX_DEPTH = 8
"""References and unions inside each other that are followed."""
MOST_SETS = 8
"""Sets of required members that the description tells."""


def merge_root(root: Schema) -> Schema:
    """``root`` as one object, if it describes objects."""
    if root.get("type") == "object" and not any(key in root for key in _FOREIGN):
        return root
    if not _is_object(root, root, 0):
        return root
    flat = _flat(root, root, 0)
    flat["type"] = "object"
    flat.setdefault("properties", {})
    return flat


def _is_object(schema: Schema, root: Schema, depth: int) -> bool:
    """Whether ``schema`` allows objects, and everything else only beside them."""
    if "object" in stated_types(schema) or "properties" in schema:
        return True
    if depth > MAX_DEPTH or "type" in schema:
        return False
    if "$ref" in schema:
        target = referred(root, schema["$ref"])
        return target is not None and _is_object(target, root, depth + 1)
    parts = _parts(schema, "anyOf") or _parts(schema, "oneOf")
    if parts:
        return all(_is_object(part, root, depth + 1) for part in parts)
    return any(_is_object(part, root, depth + 1) for part in _parts(schema, "allOf"))


def _parts(schema: Schema, keyword: str) -> list[Schema]:
    parts = schema.get(keyword)
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []


def _flat(schema: Schema, root: Schema, depth: int) -> dict[str, Any]:
    """``schema`` with what its references and combinations say of objects among its own keywords."""
    flat = {key: value for key, value in schema.items() if key not in _FOREIGN}
    if depth > MAX_DEPTH:
        return flat
    target = referred(root, schema["$ref"]) if "$ref" in schema else None
    if target is not None:
        flat = both(flat, _flat(target, root, depth + 1))
    for part in _parts(schema, "allOf"):
        conditions = {"if", "then", "else"}
        inner = _flat(part, root, depth + 1)
        flat = both(flat, {key: inner[key] for key in inner if key not in conditions})
    for keyword in _UNIONS:
        branches = [_flat(part, root, depth + 1) for part in _parts(schema, keyword)]
        branches = [part for part in branches if "object" in stated_types(part) or _is_open(part)]
        if branches:
            flat = _with_choice(both(flat, _choice(branches)), branches)
    return flat


def _is_open(schema: Schema) -> bool:
    """Whether ``schema`` names no type, so that objects fit it too."""
    return "type" not in schema


def _choice(branches: Sequence[Schema]) -> dict[str, Any]:
    choice = either(branches)
    if any("additionalProperties" not in branch for branch in branches):
        choice.pop("additionalProperties", None)
    return choice


def _with_choice(flat: dict[str, Any], branches: Sequence[Schema]) -> dict[str, Any]:
    """``flat`` with a description of the sets of members of which one must be given."""
    common = set(required_of(flat))
    sets = [[name for name in required_of(branch) if name not in common] for branch in branches]
    sets = [names for position, names in enumerate(sets) if names and names not in sets[:position]]
    if len(sets) < 2 or len(sets) > MOST_SETS or any(properties_of(flat) == {} for _ in sets):
        return flat
    told = " or ".join(as_text(names) if len(names) > 1 else names[0] for names in sets)
    description = flat.get("description")
    before = f"{description}\n" if isinstance(description, str) and description else ""
    return {**flat, "description": f"{before}Required: {told}."}
