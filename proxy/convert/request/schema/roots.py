"""The root of a tool's schema as one object, without a union beside its properties.

Rule: the result has the members of every branch, so that it allows what the client's schema allows.
Which members belong together is told in the description.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from proxy.convert.request.schema.combine import all_of, both, either, properties_of, required_of
from proxy.convert.request.schema.types import stated_types
from proxy.convert.schema_values import Schema, as_text, referred

_UNIONS = ("anyOf", "oneOf")
_FOREIGN = ("$ref", "anyOf", "oneOf", "allOf", "enum", "not", "const")
"""Keywords that services refuse at the root of a function's parameters."""
_CONDITIONS = frozenset({"if", "then", "else"})
MAX_DEPTH = 8
"""References and unions inside each other that are followed."""
MOST_READ = 300
"""Schemas that are read for one root."""
MOST_SETS = 8
"""Sets of required members that the description tells."""


def merge_root(root: Schema) -> Schema:
    """``root`` as one object, if it describes objects."""
    if root.get("type") == "object" and not any(key in root for key in _FOREIGN):
        return root
    if not _Reader(root).is_object(root, 0):
        return root
    flat = _Reader(root).flat(root, 0)
    flat["type"] = "object"
    flat.setdefault("properties", {})
    return flat


def _parts(schema: Schema, keyword: str) -> list[Schema]:
    parts = schema.get(keyword)
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []


@dataclass(slots=True)
class _Reader:
    """Follows references and combinations of ``root``; few of them, as each may hold many others."""

    root: Schema
    read: int = 0

    def _may_go_on(self, depth: int) -> bool:
        self.read += 1
        return depth <= MAX_DEPTH and self.read <= MOST_READ

    def is_object(self, schema: Schema, depth: int) -> bool:
        """Whether ``schema`` allows objects, and everything else only beside them."""
        if "object" in stated_types(schema) or "properties" in schema:
            return True
        if "type" in schema or not self._may_go_on(depth):
            return False
        if "$ref" in schema:
            target = referred(self.root, schema["$ref"])
            return target is not None and self.is_object(target, depth + 1)
        parts = _parts(schema, "anyOf") or _parts(schema, "oneOf")
        if parts:
            return all(self.is_object(part, depth + 1) for part in parts)
        return any(self.is_object(part, depth + 1) for part in _parts(schema, "allOf"))

    def flat(self, schema: Schema, depth: int) -> dict[str, Any]:
        """``schema`` with what its references and combinations say of objects among its keywords."""
        flat = {key: value for key, value in schema.items() if key not in _FOREIGN}
        if not self._may_go_on(depth):
            return flat
        target = referred(self.root, schema["$ref"]) if "$ref" in schema else None
        if target is not None:
            flat = both(flat, self.flat(target, depth + 1))
        parts = [self.flat(part, depth + 1) for part in _parts(schema, "allOf")]
        kept = [{key: part[key] for key in part if key not in _CONDITIONS} for part in parts]
        flat = all_of([flat, *kept])
        for keyword in _UNIONS:
            branches = [self.flat(part, depth + 1) for part in _parts(schema, keyword)]
            objects = [
                part for part in branches if "object" in stated_types(part) or _is_open(part)
            ]
            if objects:
                flat = _with_choice(both(flat, _choice(objects)), objects)
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
