"""Structured output: docs/protocol.md 1.1, section 11, edge case 20."""

from __future__ import annotations

from typing import Any

import pytest

from tests.convert.request_builders import (
    convert,
    fields_beside_messages,
    noted,
    says,
    system,
    user,
)

SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}
FORMAT = {"type": "json_schema", "schema": SCHEMA}
LINE = (
    "Answer with one JSON value that fits this JSON Schema, and with nothing else:\n"
    '{"type":"object","properties":{"a":{"type":"string"}},'
    '"required":["a"],"additionalProperties":false}'
)
HI = says("user", "hi")


def closed(member: dict[str, Any]) -> dict[str, Any]:
    return {**SCHEMA, "properties": {"a": member}}


def schema_format(schema: dict[str, Any], *, strict: bool = True) -> dict[str, Any]:
    json_schema = {"name": "output", "schema": schema, "strict": strict}
    return {"response_format": {"type": "json_schema", "json_schema": json_schema}}


@pytest.mark.parametrize(
    ("fields", "flags", "expected", "said", "drops"),
    [
        pytest.param(
            {"output_config": {"format": FORMAT}},
            {},
            schema_format(SCHEMA),
            [HI],
            {},
            id="1.1 output_config.format",
        ),
        pytest.param(
            {"output_format": FORMAT}, {}, schema_format(SCHEMA), [HI], {}, id="1.1 output_format"
        ),
        pytest.param(
            {"output_config": {"format": None}, "output_format": None},
            {},
            {},
            [HI],
            {},
            id="1.1 none",
        ),
        pytest.param(
            {"output_config": {"format": FORMAT}, "output_format": {"schema": {}}},
            {},
            schema_format(SCHEMA),
            [HI],
            {},
            id="1.1 output_config.format wins",
        ),
        pytest.param(
            {"output_format": {"schema": closed({"oneOf": [{"const": 1}, {"const": 2}]})}},
            {},
            schema_format(closed({"anyOf": [{"const": 1}, {"const": 2}]})),
            [HI],
            {},
            id="1.8 strict mode knows anyOf only",
        ),
        pytest.param(
            {"output_format": {"schema": closed({"not": {"type": "null"}})}},
            {},
            schema_format(closed({"not": {"type": "null"}}), strict=False),
            [HI],
            {"output_format=not_strict": "noted"},
            id="1.8 a keyword that strict mode does not know",
        ),
        pytest.param(
            {"output_format": {"schema": {"anyOf": [closed({"type": "null"}), SCHEMA]}}},
            {"schema_steps": ("merge_root",)},
            schema_format(
                {
                    "type": "object",
                    "properties": {"a": {"anyOf": [{"type": "null"}, {"type": "string"}]}},
                    "required": ["a"],
                    "additionalProperties": False,
                },
                strict=False,
            ),
            [HI],
            {
                "output_format=not_strict": "noted",
                "output_format.schema=merge_root": "noted",
            },
            id="1.8 a merged union is not strict",
        ),
        pytest.param(
            {"output_format": {"schema": closed({"type": "integer", "enum": [1, 2]})}},
            {"schema_steps": ("enum_strings",)},
            schema_format(closed({"type": "integer", "description": "One of: 1, 2."})),
            [HI],
            {"output_format.schema=enum_strings": "routine"},
            id="1.8 values of an answer are told, as nothing translates them back",
        ),
        pytest.param(
            {"output_config": {"format": {"schema": {"type": "object", "properties": {"a": {}}}}}},
            {},
            schema_format(
                {
                    "type": "object",
                    "properties": {"a": {}},
                    "additionalProperties": False,
                    "required": ["a"],
                }
            ),
            [HI],
            {},
            id="edge 20 strict wants closed objects and full required",
        ),
        pytest.param(
            {"output_config": {"format": {"schema": {"type": "object"}}}},
            {},
            schema_format({"type": "object"}, strict=False),
            [HI],
            {"output_config.format=not_strict": "noted"},
            id="edge 20 an open schema keeps its meaning",
        ),
        pytest.param(
            {"output_format": {"schema": {**SCHEMA, "$schema": "x"}}},
            {"schema_drop": ("$schema",)},
            schema_format(SCHEMA),
            [HI],
            {"output_format.schema.$schema": "routine"},
            id="10.11 P.schema_drop in an answer schema",
        ),
        pytest.param(
            {"output_config": {"format": FORMAT}},
            {"structured": "json_object"},
            {"response_format": {"type": "json_object"}},
            [says("system", LINE), HI],
            {"output_config.format=json_object": "noted"},
            id="1.1 P.structured json_object",
        ),
        pytest.param(
            {"output_format": FORMAT, "system": "Be good."},
            {"structured": "none"},
            {},
            [says("system", f"Be good.\n\n{LINE}"), HI],
            {"output_format=system": "noted"},
            id="1.1 P.structured none",
        ),
    ],
)
def test_structured_output(
    fields: dict[str, Any],
    flags: dict[str, Any],
    expected: dict[str, Any],
    said: list[dict[str, Any]],
    drops: dict[str, str],
) -> None:
    chat = convert(flags=flags, **fields)
    assert fields_beside_messages(chat) == expected
    assert chat.body["messages"] == said
    assert noted(chat) == drops


def test_the_line_closes_the_system_message() -> None:
    chat = convert(
        system("S"), user("hi"), flags={"structured": "none"}, output_format=FORMAT, system="A"
    )
    assert chat.body["messages"][0] == says("system", f"A\n\nS\n\n{LINE}")


def test_the_schema_is_not_copied() -> None:
    body = convert(output_format=FORMAT).body
    assert body["response_format"]["json_schema"]["schema"] is SCHEMA
