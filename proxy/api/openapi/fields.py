"""The fields of ``proxy.schemas`` as JSON Schema.

Rule: this module has one function for each kind of field that accepts more or less than its type. A
``format`` names conditions that JSON Schema cannot express.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from marshmallow import Schema
from marshmallow.fields import Field

from proxy.api.openapi.answers import ANSWERED_BLOCKS, DELTAS, EVENTS
from proxy.schemas.blocks import ILLUSTRATED_BLOCKS, RESULT_BLOCKS, TEXT_BLOCKS
from proxy.schemas.content import BLOCKS, ToolInput
from proxy.schemas.context_edits import ALL, OrAll
from proxy.schemas.fields import Choice, Integer, OrItems, Tagged, WireSchema
from proxy.schemas.messages import (
    ROLES,
    ConfigurationTurn,
    Forbidden,
    SystemOutputConfig,
    SystemTurn,
    Turn,
    TurnField,
    check_stop_sequences,
)
from proxy.schemas.server_results import RESULTS
from proxy.schemas.sources import check_base64
from proxy.schemas.tools import CUSTOM, FAMILIES, MEMBER_CONFIG, InputSchema, MemberConfigs, Tool

Json: TypeAlias = dict[str, Any]
Converter: TypeAlias = Any
"""apispec's Converter, whose methods have no types."""

NULL: Json = {"type": "null"}
JSON_OBJECT = "json-object"
"""``format`` of a string that contains the JSON of an object."""
BASE64 = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)$"
LEAST, MOST = -(2**63), 2**64 - 1
"""The integers that this proxy accepts in JSON."""

SAID_OTHERWISE: Mapping[Callable[[Any], object], Json] = {
    check_base64: {"pattern": BASE64, "contentEncoding": "base64"},
    check_stop_sequences: {"items": {"type": "string", "pattern": r"\S"}},
}
"""The conditions of validators that are functions."""
UNIONS: tuple[tuple[str, Mapping[str, WireSchema]], ...] = (
    ("ContentBlock", BLOCKS),
    ("ToolResultContent", RESULT_BLOCKS),
    ("TextOrImage", ILLUSTRATED_BLOCKS),
    ("TextOnly", TEXT_BLOCKS),
    ("ServerToolResult", RESULTS),
    ("AnsweredBlock", ANSWERED_BLOCKS),
    ("Delta", DELTAS),
    ("StreamEvent", EVENTS),
)
"""Unions that are components; any other union is written where it is used."""


def teach(converter: Converter) -> None:
    """Register the fields of ``proxy.schemas`` with ``converter``."""
    converter.map_to_openapi_type(Choice, "string", None)
    converter.map_to_openapi_type(Forbidden, None, None)
    for function in (
        tool2union,
        turn2union,
        tagged2union,
        either2union,
        forbidden2null,
        input2union,
        schema2object,
        configs2object,
    ):
        converter.add_attribute_function(function)
    converter.add_attribute_function(limits2range)


def tagged2union(self: Converter, field: Field[Any], **_: Any) -> Json:
    """An object whose ``type`` determines its other members."""
    if not isinstance(field, Tagged) or isinstance(field, Tool):
        return {}
    members = union(self, field.members, tolerant=field.tolerant)
    if isinstance(field, OrAll):
        members = {"anyOf": [{"const": ALL}, members]}
    return _nullable(field, members)


def union(
    converter: Converter, members: Mapping[str, WireSchema], *, tolerant: bool = False
) -> Json:
    """The schema of a union of ``members``; a reference if the union is a component."""
    name = next((name for name, known in UNIONS if known is members), None)
    if name is None:
        return _union(converter, members, tolerant)
    components = converter.spec.components
    if name not in components.schemas:
        components.schema(name, _union(converter, members, tolerant))
    return {"$ref": f"#/components/schemas/{name}"}


def _union(converter: Converter, members: Mapping[str, WireSchema], tolerant: bool) -> Json:
    tags: dict[type[Schema], list[str]] = {}
    for tag, member in members.items():
        tags.setdefault(type(member), []).append(tag)
    branches = [
        _tagged_object(converter, kind, {"type": "string", "enum": own}, own[0])
        for kind, own in tags.items()
    ]
    if tolerant:
        other: Json = {"type": "string", "not": {"enum": list(members)}}
        branches.append({"type": "object", "required": ["type"], "properties": {"type": other}})
    return {"oneOf": branches}


def _tagged_object(
    converter: Converter, kind: type[Schema], tag: Json, known_as: str, *, need: bool = True
) -> Json:
    """A reference to the component for a member of a union."""
    name = kind.__name__
    if kind.__name__ in ("Marker", "WireSchema", "Choice", "HostedTool"):
        name = "".join(word.title() for word in known_as.split("_")) + "Object"
    component = converter.schema2jsonschema(kind())
    component["properties"] = {"type": tag, **component["properties"]}
    if need:
        component["required"] = ["type", *component.get("required", [])]
    components = converter.spec.components
    if components.schemas.get(name, component) != component:
        name += "".join(word.title() for word in known_as.split("_"))
    if name not in components.schemas:
        components.schema(name, component)
    return {"$ref": f"#/components/schemas/{name}"}


def tool2union(self: Converter, field: Field[Any], **_: Any) -> Json:
    """A tool: a custom one, or one whose type has the prefix of a family."""
    if not isinstance(field, Tool):
        return {}
    custom: Json = {"type": ["string", "null"], "enum": [CUSTOM, None]}
    branches = [_tagged_object(self, type(field.members[CUSTOM]), custom, CUSTOM, need=False)]
    families: dict[type[Schema], list[str]] = {}
    for family, member in FAMILIES.items():
        families.setdefault(type(member), []).append(family)
    for kind, names in families.items():
        tag = {"type": "string", "pattern": _family_pattern(names, FAMILIES)}
        branches.append(_tagged_object(self, kind, tag, "hosted_tool"))
    return {"oneOf": branches}


def _family_pattern(families: Iterable[str], known: Iterable[str]) -> str:
    """The pattern for types of ``families``; of two matching prefixes the longer one counts."""
    words = []
    for family in families:
        longer = [name.removeprefix(family) for name in known if name.startswith(family)]
        more = "|".join(filter(None, longer))
        words.append(f"{family}(?!{more})" if more else family)
    return f"^(?:{'|'.join(words)})"


def turn2union(self: Converter, field: Field[Any], **_: Any) -> Json:
    """A turn with content, a system turn, or a turn that only has ``output_config``."""
    if not isinstance(field, TurnField):
        return {}
    only_configures = self.schema2jsonschema(ConfigurationTurn())
    only_configures["properties"] |= {
        "content": NULL,
        "output_config": {
            "allOf": [self.resolve_nested_schema(SystemOutputConfig)],
            "type": "object",
            "minProperties": 1,
        },
    }
    only_configures["required"] = ["role", "output_config"]
    others = {"properties": {"role": {"enum": [role for role in ROLES if role != "system"]}}}
    turn = {"allOf": [self.resolve_nested_schema(Turn), others]}
    return {"anyOf": [turn, self.resolve_nested_schema(SystemTurn), only_configures]}


def either2union(self: Converter, field: Field[Any], **_: Any) -> Json:
    """One value, or a list."""
    if not isinstance(field, OrItems):
        return {}
    items = {"type": "array", "items": self.field2property(field.items.inner)}
    single = self.field2property(field.single)
    if "type" in single:
        # ``field`` itself determines whether null is allowed.
        single = {**single, "type": [kind for kind in _listed(single["type"]) if kind != "null"]}
        single["type"] = single["type"][0] if len(single["type"]) == 1 else single["type"]
    else:
        single = next((each for each in single.get("anyOf", ()) if each != NULL), single)
    return _nullable(field, {"anyOf": [single, items]})


def forbidden2null(_: Converter, field: Field[Any], **__: Any) -> Json:
    """A member that must be absent or null."""
    return {"enum": [None]} if isinstance(field, Forbidden) else {}


def schema2object(_: Converter, field: Field[Any], **__: Any) -> Json:
    """A JSON Schema of an object."""
    if not isinstance(field, InputSchema):
        return {}
    among = {"type": "array", "contains": {"const": "object"}}
    return {"properties": {"type": {"anyOf": [{"const": "object"}, NULL, among]}}}


def configs2object(self: Converter, field: Field[Any], **_: Any) -> Json:
    """The configurations of members of a toolset, by their names."""
    if not isinstance(field, MemberConfigs):
        return {}
    config = self.schema2jsonschema(MEMBER_CONFIG)
    members = {name: {"anyOf": [config, NULL]} for name in field.members}
    return {"properties": members, "additionalProperties": False}


def input2union(self: Converter, field: Field[Any], **_: Any) -> Json:
    """The input of a tool: an object, or the JSON text of one."""
    if not isinstance(field, ToolInput):
        return {}
    text = {"type": "string", "format": JSON_OBJECT, "contentMediaType": "application/json"}
    return _nullable(field, {"anyOf": [{"type": "object"}, text]})


def limits2range(self: Converter, field: Field[Any], ret: Json, **_: Any) -> Json:
    """The conditions of validators that are functions, and the bounds of integers."""
    found: Json = {}
    if isinstance(field, Integer):
        found |= {"minimum": ret.get("minimum", LEAST), "maximum": ret.get("maximum", MOST)}
    for validator in field.validators:
        if callable(validator):
            found |= SAID_OTHERWISE.get(validator, {})
    return found


def _nullable(field: Field[Any], schema: Json) -> Json:
    return {"anyOf": [schema, NULL]} if field.allow_none else schema


def _listed(kind: str | list[str]) -> list[str]:
    return [kind] if isinstance(kind, str) else kind
