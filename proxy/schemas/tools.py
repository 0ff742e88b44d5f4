"""Shapes of tool definitions and of ``tool_choice``.

Rule: the prefix of a tool's type determines its family (docs/protocol.md section 1.3), so a new date of a
known tool is accepted. The content of a tool's JSON Schema is not checked.
"""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError
from marshmallow.validate import Length

from proxy.convert.request.toolsets import FAMILIES as MEMBERS
from proxy.errors import Complaint
from proxy.schemas import wording
from proxy.schemas.fields import (
    Check,
    Flag,
    Integer,
    Items,
    Object,
    Tagged,
    Text,
    WireSchema,
    schema_check,
)

CUSTOM = "custom"
NAME_CHARS = 128

NAME_LENGTH = (
    Length(min=1, error=wording.TOO_SHORT),
    Length(max=NAME_CHARS, error=f"String should have at most {NAME_CHARS} characters"),
)


class InputSchema(Object):
    """A JSON Schema that allows objects; without a ``type`` it means an object."""

    json_type = None

    def kind(self, value: Any) -> bool:
        return type(value) is dict

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        schema = super()._deserialize(value, attr, data, **kwargs)
        if not _admits_objects(schema):
            raise ValidationError({"type": ["Input should be 'object'"]})
        return schema

    def check(self) -> Check:
        return _admits_objects


def _admits_objects(schema: Any) -> bool:
    if type(schema) is not dict:
        return False
    kind = schema.get("type")
    return kind == "object" or kind is None or (type(kind) is list and "object" in kind)


class CustomTool(WireSchema):
    name = Text(required=True, validate=NAME_LENGTH)
    input_schema = InputSchema(required=True)
    description = Text()
    strict = Flag()
    input_examples = Items(Object())
    cache_control = Object()


class ClientTool(WireSchema):
    """A tool that the client executes and whose schema Anthropic defines."""

    name = Text(required=True, validate=NAME_LENGTH)
    display_width_px = Integer()
    display_height_px = Integer()
    display_number = Integer()
    max_characters = Integer()
    input_examples = Items(Object())
    cache_control = Object()


class MemberConfig(WireSchema):
    """The configuration of one member of a toolset."""

    enabled = Flag()
    defer_loading = Flag()


MEMBER_CONFIG = MemberConfig()


class MemberConfigs(Object):
    """``MemberConfig`` by the name of the member."""

    json_type = None

    def __init__(self, family: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.members = MEMBERS[family]

    def kind(self, value: Any) -> bool:
        return type(value) is dict

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        configs = super()._deserialize(value, attr, data, **kwargs)
        for name, config in configs.items():
            if name not in self.members:
                quoted = Complaint(wording.shown(name), "...")
                raise ValidationError({quoted: [wording.EXTRA]})
            if config is not None and (errors := MEMBER_CONFIG.validate(config)):
                raise ValidationError({name: errors})
        return configs

    def check(self) -> Check:
        members, accepts = self.members, schema_check(MEMBER_CONFIG)
        return lambda value: (
            type(value) is dict
            and value.keys() <= members.keys()
            and all(config is None or accepts(config) for config in value.values())
        )


class ComputerToolset(WireSchema):
    name = Text(validate=NAME_LENGTH)
    configs = MemberConfigs("computer")
    cache_control = Object()


class BrowserToolset(WireSchema):
    name = Text(validate=NAME_LENGTH)
    configs = MemberConfigs("browser")
    cache_control = Object()


class HostedTool(WireSchema):
    """A tool that Anthropic's servers execute, or a set of tools."""

    name = Text(validate=NAME_LENGTH)
    max_uses = Integer()
    user_location = Object()
    cache_control = Object()


TOOL_INTEGERS = (
    "display_width_px",
    "display_height_px",
    "display_number",
    "max_characters",
    "max_uses",
)
FAMILIES: dict[str, WireSchema] = {
    "computer_toolset_": ComputerToolset(),
    "browser_toolset_": BrowserToolset(),
    "bash_": ClientTool(),
    "text_editor_": ClientTool(),
    "memory_": ClientTool(),
    "computer_": ClientTool(),
    "web_search_": HostedTool(),
    "web_fetch_": HostedTool(),
    "code_execution_": HostedTool(),
    "tool_search_": HostedTool(),
    "advisor_": HostedTool(),
    "mcp_toolset": HostedTool(),
}
"""Prefixes of tool types; the first match is used."""

KNOWN_TYPES = (
    CUSTOM,
    "bash_20241022",
    "bash_20250124",
    "text_editor_20241022",
    "text_editor_20250124",
    "text_editor_20250429",
    "text_editor_20250728",
    "memory_20250818",
    "computer_20241022",
    "computer_20250124",
    "computer_20251124",
    "computer_toolset_20260801",
    "browser_toolset_20260801",
    "web_search_20250305",
    "web_search_20260209",
    "web_search_20260318",
    "web_fetch_20250910",
    "web_fetch_20260209",
    "web_fetch_20260309",
    "web_fetch_20260318",
    "code_execution_20250522",
    "code_execution_20250825",
    "code_execution_20260120",
    "code_execution_20260521",
    "tool_search_tool_bm25_20251119",
    "tool_search_tool_regex_20251119",
    "advisor_20260301",
    "mcp_toolset",
)
"""The types that the error for an unknown type lists."""


class Tool(Tagged):
    """A tool definition; without a type it is a custom one."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__({CUSTOM: CustomTool(), **FAMILIES}, **kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        if type(value) is not dict:
            raise ValidationError(wording.NOT_OBJECT)
        tag = value.get("type")
        if tag is None or tag == CUSTOM:
            self._word_custom(value)
            return value
        family = _family(tag)
        if family is None:
            raise ValidationError(wording.unknown_tag(tag, KNOWN_TYPES))
        if errors := self.members[family].validate(value):
            # Only the beginning of the type is known.
            raise ValidationError({Complaint(wording.shown(tag), family.rstrip("_")): errors})
        return value

    def _word_custom(self, value: Any) -> None:
        errors = self.members[CUSTOM].validate(value)
        if not errors:
            return
        name = next(iter(errors))
        # The API leaves the union member out of the path if a member of a custom tool is missing.
        raise ValidationError(errors if errors[name] == [wording.REQUIRED] else {CUSTOM: errors})

    def check(self) -> Check:
        checks = {name: schema_check(member) for name, member in self.members.items()}
        accepts_custom = checks[CUSTOM]

        def accepts(value: Any) -> bool:
            if type(value) is not dict:
                return False
            tag = value.get("type")
            if tag is None or tag == CUSTOM:
                return accepts_custom(value)
            family = _family(tag)
            return family is not None and checks[family](value)

        return accepts


def _family(tag: Any) -> str | None:
    if type(tag) is not str:
        return None
    return next((family for family in FAMILIES if tag.startswith(family)), None)


class Choice(WireSchema):
    disable_parallel_tool_use = Flag()


class NamedChoice(Choice):
    name = Text(required=True, validate=NAME_LENGTH[0])


TOOL_CHOICES = {"auto": Choice(), "any": Choice(), "tool": NamedChoice(), "none": WireSchema()}
