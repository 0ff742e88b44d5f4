"""Structured output: a JSON Schema for the answer -> ``response_format`` or a line of system text.

Rule: a schema that the upstream cannot enforce is written into a line of the system message, and the
change is noted (docs/protocol.md 1.1, section 11).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from proxy.convert.request.drops import Drops
from proxy.convert.request.parts import compact_json
from proxy.convert.request.schema.dialect import dialect_of, in_dialect
from proxy.convert.request.schema.strict import OpenSchema, strict_schema
from proxy.convert.schema_values import Schema
from proxy.providers.profiles.base import Profile

SCHEMA_NAME = "output"


@dataclass(frozen=True, slots=True)
class StructuredOutput:
    """The field of the body, and the last line of the system message."""

    response_format: Mapping[str, Any] | None = None
    system_line: str | None = None


def structured_output(
    request: Mapping[str, Any], profile: Profile, drops: Drops
) -> StructuredOutput:
    """Convert ``output_config.format``, or the older ``output_format``."""
    wanted = (request.get("output_config") or {}).get("format")
    name = "output_config.format" if wanted else "output_format"
    wanted = wanted or request.get("output_format")
    if not wanted:
        return StructuredOutput()
    if profile.structured == "json_schema":
        return StructuredOutput(_json_schema_format(wanted["schema"], name, profile, drops))
    line = _system_line(wanted["schema"])
    if profile.structured == "json_object":
        drops.degrade(name, "json_object")
        return StructuredOutput({"type": "json_object"}, line)
    drops.degrade(name, "system")
    return StructuredOutput(None, line)


def _json_schema_format(
    schema: Schema, name: str, profile: Profile, drops: Drops
) -> dict[str, Any]:
    strict = True
    try:
        schema = strict_schema(schema)
    except OpenSchema:
        # A closed schema would forbid answers that the client's schema allows.
        strict = False
    dialect = dialect_of(profile, for_answers=True)
    if dialect is not None:
        done = in_dialect(schema, dialect)
        done.note(drops, f"{name}.schema", answers=True)
        schema = done.schema
        # Strict mode requires every member, but no branch of a merged union has all of them.
        strict = strict and "merge_root" not in dict(done.steps)
    if not strict:
        drops.degrade(name, "not_strict")
    json_schema = {"name": SCHEMA_NAME, "schema": schema, "strict": strict}
    return {"type": "json_schema", "json_schema": json_schema}


def _system_line(schema: Schema) -> str:
    return (
        "Answer with one JSON value that fits this JSON Schema, and with nothing else:\n"
        + compact_json(schema)
    )
