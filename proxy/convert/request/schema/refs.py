"""References: ``$ref`` and ``$defs`` -> the schemas that they name, in place.

Rule: a recursive schema is repeated RECURSIONS times; deeper, and beyond MAX_SCHEMAS, stands a schema
of the same type that says no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from proxy.convert.request.schema.combine import ANNOTATIONS, DOCUMENT, both
from proxy.convert.request.schema.types import implied_type, stated_types
from proxy.convert.request.schema.walk import members_changed, schemas_in
from proxy.convert.schema_values import Schema, referred

RECURSIONS = 2
MAX_SCHEMAS = 1000
"""Schemas of a result beyond which no reference is followed."""
_ANCHORS = frozenset({"$anchor", "$dynamicAnchor", "$recursiveAnchor"})
_REFS = ("$ref", "$dynamicRef", "$recursiveRef")
_REFS_SET = frozenset(_REFS)


def inline_refs(root: Schema) -> Schema:
    """``root`` without references and definitions."""
    return _inlined(root)[0]


def cuts_recursion(root: Schema) -> bool:
    """Whether ``inline_refs`` ends a recursion in ``root``, or knows nothing of a reference."""
    return _inlined(root)[1]


def local_refs(root: Schema) -> Schema:
    """``root`` if it refers to its own ``$defs`` only, with no other keyword beside a reference.

    Else the references are inlined (Moonshot's schemas have definitions at the root alone).
    """
    odd = any(
        (inner is not root and not {"$defs", "definitions"}.isdisjoint(inner))
        or (not _REFS_SET.isdisjoint(inner) and not _is_plain(inner, root))
        for inner in schemas_in(root)
    )
    return inline_refs(root) if odd or "definitions" in root else root


def _is_plain(schema: Schema, root: Schema) -> bool:
    ref = schema.get("$ref")
    if not isinstance(ref, str) or ref.count("/") != 2 or "~" in ref:
        return False
    if not ref.startswith("#/$defs/"):
        return False
    beside = schema.keys() - {"$ref"} - ANNOTATIONS - (DOCUMENT if schema is root else set())
    return not beside and referred(root, ref) is not None


@dataclass(slots=True)
class _Inliner:
    root: Schema
    schemas: int = 0
    cut: bool = False

    def expand(self, schema: Schema, path: tuple[str, ...]) -> Schema:
        """``schema`` with its references, and those of what it holds, in place."""
        self.schemas += 1 + _weight(schema)
        ref = next((schema[name] for name in _REFS if name in schema), None)
        if ref is not None:
            beside = {key: value for key, value in schema.items() if key not in _REFS}
            return self._target(ref, self.expand(beside, path), path)
        if not (DOCUMENT - {"$schema"} | _ANCHORS).isdisjoint(schema):
            gone = {"$defs", "definitions"} | _ANCHORS
            schema = {key: value for key, value in schema.items() if key not in gone}
        return members_changed(schema, lambda inner: self.expand(inner, path))

    def _target(self, ref: Any, beside: Schema, path: tuple[str, ...]) -> Schema:
        target = referred(self.root, ref)
        if target is None:
            self.cut = True
            return beside
        if path.count(ref) >= RECURSIONS or self.schemas > MAX_SCHEMAS:
            self.cut = True
            return both(beside, _outline(target))
        return both(beside, self.expand(target, (*path, ref)))


def _weight(schema: Schema) -> int:
    """What long values add to the size of a schema, in schemas of usual size."""
    values, told = schema.get("enum"), schema.get("description")
    listed = len(values) // 8 if isinstance(values, list) else 0
    return listed + (len(told) // 500 if isinstance(told, str) else 0)


def _outline(schema: Schema) -> dict[str, Any]:
    kinds = stated_types(schema)
    kind = kinds[0] if len(kinds) == 1 else implied_type(schema)
    outline: dict[str, Any] = {} if kind is None else {"type": kind}
    if isinstance(schema.get("description"), str):
        outline["description"] = schema["description"]
    return outline


def _inlined(root: Schema) -> tuple[Schema, bool]:
    if not _has_refs(root):
        return root, False
    inliner = _Inliner(root)
    return inliner.expand(root, ("#",)), inliner.cut


def _has_refs(root: Schema) -> bool:
    words = _REFS_SET | {"$defs", "definitions"}
    return any(not words.isdisjoint(inner) for inner in schemas_in(root))
