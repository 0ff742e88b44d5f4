"""Refusals of schemas in their services' words, and the steps that they lead to."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.errors import UpstreamError
from proxy.failures.healing import healing_for
from proxy.failures.schema_refusals import GRAMMAR_BREAKERS, GRAMMAR_UNKNOWN
from proxy.providers.profiles import Profile, overridden
from proxy.providers.profiles.schema_dialects import (
    GEMINI_KEYWORDS,
    GEMINI_STEPS,
    GRAMMAR_STEPS,
    MOONSHOT_STEPS,
)

SCHEMA = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "count": {"type": "integer", "exclusiveMinimum": 0},
        "tags": {"type": "array", "uniqueItems": True},
        "env": {"type": "object", "propertyNames": {"pattern": "^x"}},
        "node": {"$ref": "#/$defs/node"},
        "kind": {"const": "a"},
        "either": {"oneOf": [{"type": "string"}, {"type": "null"}]},
    },
    "additionalProperties": False,
    "$defs": {"node": {"type": "object"}},
}
TOOLS: dict[str, Any] = {
    "tools": [{"type": "function", "function": {"name": "make", "parameters": SCHEMA}}]
}
ANSWER: dict[str, Any] = {
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "output", "schema": SCHEMA, "strict": True},
    }
}
GEMINI = {"schema_steps": GEMINI_STEPS, "schema_keep": GEMINI_KEYWORDS}
GRAMMAR = {
    "schema_steps": (*GRAMMAR_STEPS, "local_refs"),
    "schema_drop": (*GRAMMAR_BREAKERS, *GRAMMAR_UNKNOWN),
}
ROOT = {"schema_steps": ("draft_2020", "merge_root")}
ITEMS = {"schema_steps": ("draft_2020", "array_items")}
DRAFT = {"schema_steps": ("draft_2020", "merge_root", "array_items")}
REFS = {"schema_steps": ("draft_2020", "inline_refs")}
MOONSHOT = {"schema_steps": MOONSHOT_STEPS}
DECLARATION = "GenerateContentRequest.tools[0].function_declarations[3].parameters"
MFJS = "tools.function.parameters is not a valid moonshot flavored json schema, details: "

REFUSALS = [
    # Google and gateways before it
    (f"* {DECLARATION}.properties[a].enum: only allowed for STRING type", GEMINI),
    (f"* {DECLARATION}.properties: should be non-empty for OBJECT type", GEMINI),
    (f"* {DECLARATION}.properties[tags].items: missing field.", GEMINI),
    (f"* {DECLARATION}.properties[url].format: only 'enum' and 'date-time' are supported", GEMINI),
    (f"* {DECLARATION}.properties[x].type: must be specified when not using one_of", GEMINI),
    (f"* {DECLARATION}.required[0]: property is not defined", GEMINI),
    (
        "Invalid value at 'request.tools[0].function_declarations[61].parameters.properties[2]"
        ".value.enum[2]' (TYPE_STRING), 4",
        GEMINI,
    ),
    (
        'Invalid JSON payload received. Unknown name "$schema" at'
        " 'tools[0].function_declarations[0].parameters': Cannot find field.",
        GEMINI,
    ),
    (
        "Unable to submit request because `make` functionDeclaration `parameters.either` schema"
        " specified other fields alongside any_of. When using any_of, it must be the only field set.",
        GEMINI,
    ),
    # Moonshot
    (
        f"Invalid request: {MFJS}<At path 'properties.operation': when using anyOf, type should be"
        " defined in anyOf items instead of the parent schema>",
        MOONSHOT,
    ),
    (f"{MFJS}<At path 'properties.task': type is not defined>", MOONSHOT),
    (f"{MFJS}<At path 'properties.node.$ref': $defs not found for reference: #/$defs/x>", MOONSHOT),
    (
        "Error from provider: Conflict in schema definitions for key 'if'. Previous:"
        " {'required': ['expand']}, New: {'required': ['collect']}",
        MOONSHOT,
    ),
    # OpenAI, Azure
    (
        "Invalid schema for function 'make': schema must have type 'object' and not have"
        " 'oneOf'/'anyOf'/'allOf'/'enum'/'not' at the top level.",
        ROOT,
    ),
    (
        "Invalid schema for function 'make': schema must be a JSON Schema of 'type: \"object\"', got"
        " 'type: \"None\"'.",
        ROOT,
    ),
    (
        "Invalid schema for function 'make': In context=('properties', 'tags'), array schema missing"
        " items.",
        ITEMS,
    ),
    (
        "Invalid schema for function 'make': 'any' is not valid under any of the given schemas.",
        DRAFT,
    ),
    ("Invalid schema for function 'make': reference to component '#/$defs/x' not found", REFS),
    # Anthropic's models behind gateways, Bedrock
    (
        "tools.7.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf at the"
        " top level",
        ROOT,
    ),
    (
        "Validation error: The value at toolConfig.tools.7.toolSpec.inputSchema.json.type must be"
        " one of the following: object.",
        ROOT,
    ),
    (
        "tools.1.custom.input_schema: JSON schema is invalid. It must match JSON Schema draft"
        " 2020-12",
        DRAFT,
    ),
    # Mistral, Fireworks
    (
        "Invalid tool schema: {'type': 'integer', 'exclusiveMinimum': True} is not valid under any"
        " of the given schemas",
        DRAFT,
    ),
    ("Grammar error: at 3(11): failed to compile JSON schema", GRAMMAR),
    ("Invalid tool schema, $ref is not supported", REFS),
    # Compilers of grammars
    ("The provided JSON schema contains features not supported by xgrammar.", GRAMMAR),
    ('Grammar error: Unimplemented keys: ["propertyNames"]', GRAMMAR),
    ("JSON schema conversion failed:\nUnrecognized schema: {}", GRAMMAR),
    ("failed to parse grammar", GRAMMAR),
    ("number of repetitions exceeds sane defaults, please reduce the number", GRAMMAR),
    # A keyword by its name
    (
        "tools[0].function.parameters: keyword 'propertyNames' is not supported",
        {"schema_drop": ("propertyNames",)},
    ),
    (
        "Unsupported JSON schema keyword: uniqueItems",
        {"schema_drop": ("uniqueItems",)},
    ),
    (
        "schema: 'oneOf' is not permitted",
        {"schema_steps": ("merge_root", "one_of_any")},
    ),
    (
        "function parameters: exclusiveMinimum is not supported",
        {"schema_steps": ("exclusive_bounds",)},
    ),
    ("schema field `const` is not supported", {"schema_steps": ("const_enum",)}),
]
IDS = [f"1.8 {number} {text[-40:].strip()}" for number, (text, _) in enumerate(REFUSALS)]


@pytest.mark.parametrize(("text", "flags"), REFUSALS, ids=IDS)
def test_a_refused_schema(text: str, flags: dict[str, object]) -> None:
    for body in (TOOLS, ANSWER):
        healing = healing_for(Profile(), body, refused(text))
        assert healing is not None
        assert healing.flags == flags


def refused(text: str, status: int = 400) -> UpstreamError:
    return UpstreamError(text, status=400, upstream_status=status)


@pytest.mark.parametrize(("text", "flags"), REFUSALS, ids=IDS)
def test_every_row_ends(text: str, flags: dict[str, object]) -> None:
    """A refusal that goes on whatever is changed leads to no steps in the end."""
    profile, seen = Profile(), 0
    while seen < 10:
        healing = healing_for(profile, TOOLS, refused(text))
        if healing is None:
            break
        profile, seen = overridden(profile, healing.flags), seen + 1
    assert 1 <= seen <= 3


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Invalid function name. Must start with a letter.", id="a name"),
        pytest.param("tools[0].function.description is too long", id="a description"),
        pytest.param("prompt blocked: the schema of the database is secret", id="a prompt"),
        pytest.param("Invalid value for 'count': must be positive", id="a value"),
        pytest.param("object is not available in this region", id="a region"),
        pytest.param("unsupported value: properties.additionalProperties", id="a property"),
    ],
)
def test_other_refusals_change_no_schema(text: str) -> None:
    assert healing_for(Profile(), TOOLS, refused(text)) is None


def test_without_a_schema_nothing_is_rewritten() -> None:
    body = {"tools": [{"type": "function", "function": {"name": "ping"}}]}
    for text, _ in REFUSALS:
        assert healing_for(Profile(), body, refused(text)) is None


def test_objects_without_members_become_text_when_leaving_out_properties_did_not_help() -> None:
    profile = overridden(Profile(), GEMINI)
    text = f"* {DECLARATION}.properties[env].properties: should be non-empty for OBJECT type"
    healing = healing_for(profile, TOOLS, refused(text))
    assert healing is not None
    assert healing.flags == {"schema_steps": (*GEMINI_STEPS, "objects_as_json")}


@pytest.mark.parametrize("status", [400, 422, 500])
def test_statuses_of_servers_that_compile_schemas(status: int) -> None:
    text = 'Grammar error: Unimplemented keys: ["propertyNames"]'
    healing = healing_for(Profile(), TOOLS, refused(text, status))
    assert healing is not None
    assert healing.flags == GRAMMAR
