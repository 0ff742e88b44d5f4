"""Unions below the root: ``allOf``, ``oneOf``, and what stands beside ``anyOf``."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

from proxy.convert.request.schema.combine import (
    ANNOTATIONS,
    DOCUMENT,
    all_of,
    both,
    distinct,
    either,
)
from proxy.convert.request.schema.types import stated_types
from proxy.convert.request.schema.walk import each_schema, schemas_in
from proxy.convert.schema_values import Schema, referred

MOST_COPIES = 150
"""Schemas that may be repeated in the branches of one union."""
LARGEST_TARGET = 30
"""Schemas in what a reference names, where that is put in the place of the reference."""
MOST_PASSES = 12
"""Times that one step goes through a schema."""
_CONDITIONS = frozenset({"if", "then", "else"})


def merge_all_of(root: Schema) -> Schema:
    """Every ``allOf`` as one schema; conditions within it (``if``) are left out."""

    def change(schema: Schema) -> Schema:
        parts = schema.get("allOf")
        if not isinstance(parts, list):
            return schema
        beside = {key: schema[key] for key in schema if key != "allOf"}
        alone = len(parts) == 1
        kept = [_resolved(part, root, alone=alone) for part in parts if isinstance(part, dict)]
        return all_of([beside, *kept])

    return each_schema(root, change)


def _resolved(part: Schema, root: Schema, *, alone: bool) -> Schema:
    """A part of ``allOf`` without conditions, and without its reference unless it stands alone."""
    kept = {key: part[key] for key in part if key not in _CONDITIONS}
    if alone or "$ref" not in kept:
        return kept
    target = referred(root, kept.pop("$ref"))
    if target is None:
        return kept
    inner = {key: target[key] for key in target if key not in _CONDITIONS and key != "allOf"}
    return both(kept, inner)


def one_of_any(root: Schema) -> Schema:
    """``oneOf`` as ``anyOf``: a value that fits several branches is allowed too."""

    def change(schema: Schema) -> Schema:
        if "oneOf" not in schema:
            return schema
        renamed = {key: value for key, value in schema.items() if key != "oneOf"}
        renamed.setdefault("anyOf", schema["oneOf"])
        return renamed

    return each_schema(root, change)


def any_of_typed(root: Schema) -> Schema:
    """What restricts beside ``anyOf`` moved into its branches; annotations stay."""

    def change(schema: Schema) -> Schema:
        branches = _branches(schema)
        if not branches:
            return schema
        stay = ANNOTATIONS | DOCUMENT | {"anyOf", "nullable"}
        beside = {key: value for key, value in schema.items() if key not in stay}
        if not beside:
            return schema
        kept = {key: value for key, value in schema.items() if key in stay and key != "anyOf"}
        return _pushed(kept, beside, branches, root)

    return _settled(root, change)


def _settled(root: Schema, change: Callable[[Schema], Schema]) -> Schema:
    """``root`` changed until nothing is left to change: members that were merged may need it anew."""
    for _ in range(MOST_PASSES):
        changed = each_schema(root, change)
        if changed is root:
            break
        root = changed
    return root


def _branches(schema: Schema) -> list[Schema]:
    branches = schema.get("anyOf")
    if not isinstance(branches, list) or not all(isinstance(part, dict) for part in branches):
        return []
    return branches


def _pushed(kept: dict[str, Any], beside: Schema, branches: list[Schema], root: Schema) -> Schema:
    """``kept`` with ``anyOf`` of each branch and what stood beside; with the one branch that is left."""
    branches = [inner for branch in branches for inner in _flat(branch)]
    if _is_large(beside, copies=len(branches)):
        return {**kept, **both(beside, either(branches))}
    possible = [branch for branch in branches if _agree(beside, branch)] or branches
    pushed = distinct(_restricted(branch, beside, root) for branch in possible)
    if len(pushed) == 1 and "$ref" not in pushed[0]:
        return {**pushed[0], **kept}
    return {**kept, "anyOf": pushed}


def _is_large(schema: Schema, copies: int) -> bool:
    """Whether so many ``copies`` are too many."""
    most = MOST_COPIES // copies
    return sum(1 for _ in islice(schemas_in(schema), most + 1)) > most


def _restricted(branch: Schema, beside: Schema, root: Schema) -> Schema:
    """``branch`` with what stood beside; a reference only with its annotations.

    What a reference names is put in its place, unless it is large or refers to others itself: those
    may lead back.
    """
    if "$ref" not in branch or not beside.keys() - ANNOTATIONS:
        return both(branch, beside)
    target = referred(root, branch["$ref"])
    inner = list(islice(schemas_in(target or {}), LARGEST_TARGET + 1))
    if target is None or len(inner) > LARGEST_TARGET or any("$ref" in each for each in inner):
        return both(branch, {key: beside[key] for key in beside if key in ANNOTATIONS})
    rest = {key: value for key, value in branch.items() if key != "$ref"}
    return both(both(rest, target), beside)


def _flat(branch: Schema) -> list[Schema]:
    """A branch, or those of the unions in it, which have nothing but annotations beside them."""
    inner = _branches(branch)
    if not inner:
        return [branch]
    beside = {key: value for key, value in branch.items() if key != "anyOf"}
    return [flat for part in inner for flat in _flat(both(part, beside))]


def _agree(one: Schema, other: Schema) -> bool:
    """Whether a value may have a type of both."""
    ours, theirs = set(stated_types(one)), set(stated_types(other))
    for kinds, others in ((ours, theirs), (theirs, ours)):
        if "number" in kinds and "integer" in others:
            return True
    return not ours or not theirs or not ours.isdisjoint(theirs)


def nullable(root: Schema) -> Schema:
    """``null`` among types as ``nullable: true`` (OpenAPI 3.0)."""
    return each_schema(each_schema(root, _without_null_branch), _without_null)


def _without_null_branch(schema: Schema) -> Schema:
    branches = _branches(schema)
    others = [branch for branch in branches if branch.get("type") != "null"]
    if len(others) == len(branches):
        return schema
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    if len(others) > 1:
        return {**rest, "anyOf": others, "nullable": True}
    return {**(others[0] if others else {"type": "string"}), **rest, "nullable": True}


def _without_null(schema: Schema) -> Schema:
    return (
        {**schema, "type": "string", "nullable": True} if schema.get("type") == "null" else schema
    )


def any_of_alone(root: Schema) -> Schema:
    """``anyOf`` without any other keyword: all of them moved into the branches (Gemini)."""

    def change(schema: Schema) -> Schema:
        branches = _branches(schema)
        if not branches or len(schema) == 1:
            return schema
        beside = {key: value for key, value in schema.items() if key != "anyOf"}
        moved = _pushed(
            {}, {key: beside[key] for key in beside if key != "nullable"}, branches, root
        )
        inner = moved.get("anyOf")
        marks = {"nullable": True} if beside.get("nullable") else {}
        if not isinstance(inner, list):
            return {**moved, **marks}
        return {"anyOf": [{**branch, **marks} for branch in inner]}

    return _settled(root, change)
