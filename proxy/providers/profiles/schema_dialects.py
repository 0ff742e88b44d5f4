"""Names of the schema steps, and the dialects of JSON Schema that providers accept.

Rule: names are data. ``proxy.convert.request.schema.steps`` has the function for each name and
applies them in its own order, so the order within a tuple has no meaning.
"""

from __future__ import annotations

from typing import Literal

SchemaStep = Literal[
    "draft_2020",
    "inline_refs",
    "local_refs",
    "merge_root",
    "merge_all_of",
    "one_of_any",
    "const_enum",
    "type_lists",
    "exclusive_bounds",
    "array_items",
    "typed",
    "any_of_typed",
    "nullable",
    "any_of_alone",
    "plain_enums",
    "enum_strings",
    "string_formats",
    "objects_as_json",
    "no_empty_objects",
    "known_required",
    "grammar",
]
"""docs/protocol.md 1.8 says what each step does."""

OPENAI_STEPS: tuple[SchemaStep, ...] = ("draft_2020", "merge_root", "array_items")
"""OpenAI's functions without ``strict``: an object at the root, no union beside it, typed arrays."""

GEMINI_STEPS: tuple[SchemaStep, ...] = (
    "draft_2020",
    "inline_refs",
    "merge_root",
    "merge_all_of",
    "one_of_any",
    "const_enum",
    "type_lists",
    "exclusive_bounds",
    "array_items",
    "typed",
    "nullable",
    "any_of_alone",
    "enum_strings",
    "string_formats",
    "no_empty_objects",
    "known_required",
)
GEMINI_KEYWORDS = (
    "type",
    "format",
    "title",
    "description",
    "nullable",
    "enum",
    "items",
    "minItems",
    "maxItems",
    "properties",
    "required",
    "minProperties",
    "maxProperties",
    "minLength",
    "maxLength",
    "pattern",
    "minimum",
    "maximum",
    "anyOf",
    "default",
    "example",
    "propertyOrdering",
)
"""Members of Gemini's ``Schema``, a subset of OpenAPI 3.0; every other name is refused."""

MOONSHOT_STEPS: tuple[SchemaStep, ...] = (
    "draft_2020",
    "local_refs",
    "merge_root",
    "merge_all_of",
    "one_of_any",
    "const_enum",
    "type_lists",
    "exclusive_bounds",
    "typed",
    "any_of_typed",
    "plain_enums",
    "known_required",
)
"""Moonshot Flavored JSON Schema (the documents of Moonshot's validator, walle)."""

MOONSHOT_KEYWORDS = (
    "type",
    "title",
    "description",
    "default",
    "enum",
    "anyOf",
    "$ref",
    "$defs",
    "$id",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
)
"""The keywords of MFJS. Moonshot deletes others itself, so they are left out after a refusal only."""

GRAMMAR_STEPS: tuple[SchemaStep, ...] = (
    "draft_2020",
    "merge_root",
    "merge_all_of",
    "one_of_any",
    "any_of_typed",
    "grammar",
)
"""llama.cpp ignores ``properties`` beside a union and fails at some patterns and long repetitions."""
