"""Tool definitions -> functions, or body fields that replace tools which Anthropic's servers run.

Rule: a tool that the upstream does not support is noted as dropped, or the request is refused; it is
never sent in an unknown form (docs/protocol.md 1.3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from proxy.convert.request.builtin_tools import PREFIXES as BUILTIN_PREFIXES
from proxy.convert.request.builtin_tools import builtin_definition
from proxy.convert.request.drops import Drops
from proxy.convert.request.parts import TurnContext, compact_json
from proxy.convert.request.schema.dialect import Dialect, dialect_of, in_dialect
from proxy.convert.request.toolsets import (
    FAMILIES,
    deferred_members,
    enabled_members,
    toolset_family,
)
from proxy.convert.request.web_search import FIELDS_FOR_FORM, web_search_fields
from proxy.convert.schema_values import ClientSchema, Schema
from proxy.errors import Complaint, InvalidRequest

Tool = Mapping[str, Any]

WEB_SEARCH_PREFIX = "web_search_"
SERVER_PREFIXES = (
    WEB_SEARCH_PREFIX,
    "web_fetch_",
    "code_execution_",
    "tool_search_",
    "advisor_",
    "mcp_toolset",
)
_OPTIONS = frozenset({"defer_loading", "eager_input_streaming", "cache_control", "allowed_callers"})
"""Members of a tool that have no equivalent in a function."""
CUT = "…"
"""Ends a description that was cut."""


@dataclass(frozen=True, slots=True)
class ChatTools:
    """The converted ``tools``: functions, other body fields, and the client's tool names for both."""

    functions: list[dict[str, Any]] = field(default_factory=list)
    fields: dict[str, Any] = field(default_factory=dict)
    """Body fields that replace server tools."""
    names: set[str] = field(default_factory=set)
    """Names of the tools that became functions, as the client wrote them."""
    families: set[str] = field(default_factory=set)
    """Families of the toolsets whose members became functions."""
    replaced: set[str] = field(default_factory=set)
    """Names of the tools that became ``fields``."""
    dropped: dict[str, str] = field(default_factory=dict)
    """Types of the tools that this upstream cannot run, by the client's names of them."""
    schemas: dict[str, ClientSchema] = field(default_factory=dict)
    """The client's schemas that were sent in another form, by the names as sent."""


def function_names(tools: Sequence[Tool]) -> list[str]:
    """The names, in order, of the tools that become functions."""
    return [tool["name"] for tool in tools if _is_custom(tool) or _is_builtin(tool)]


def tools_to_chat(tools: Sequence[Tool], context: TurnContext) -> ChatTools:
    """Convert ``tools``. Raises InvalidRequest for a type that this upstream does not support."""
    chat = ChatTools()
    dialect = dialect_of(context.profile)
    for index, tool in enumerate(tools):
        if _is_custom(tool) or _is_builtin(tool):
            chat.functions.append(_function(tool, context, dialect, chat.schemas))
            chat.names.add(tool["name"])
        elif family := toolset_family(tool):
            _add_members(chat, tool, family, context, dialect)
        else:
            _add_server_tool(chat, tool, index, context)
        _note_options(tool, context.drops)
    chat.names.update(context.names.bare)
    return chat


def _is_custom(tool: Tool) -> bool:
    return tool.get("type") in (None, "custom")


def _is_builtin(tool: Tool) -> bool:
    tool_type: str = tool["type"]
    return tool_type.startswith(BUILTIN_PREFIXES) and toolset_family(tool) is None


def _add_members(
    chat: ChatTools, tool: Tool, family: str, context: TurnContext, dialect: Dialect | None
) -> None:
    if family in chat.families:
        raise InvalidRequest("tools: Tool names must be unique.")
    for name in enabled_members(tool):
        description, schema = FAMILIES[family][name]
        function = {
            "name": context.names.member(family, name),
            "description": _fitting(description, context),
        }
        _add_parameters(function, schema, context, dialect, chat.schemas)
        chat.functions.append({"type": "function", "function": function})
    chat.families.add(family)
    if deferred_members(tool):
        context.drops.routine("tools.defer_loading")


def _add_server_tool(chat: ChatTools, tool: Tool, index: int, context: TurnContext) -> None:
    tool_type: str = tool["type"]
    profile = context.profile
    form = profile.web_search
    # The form "tool" exists only in Responses, where such a tool does not come here.
    if tool_type.startswith(WEB_SEARCH_PREFIX) and form is not None and form in FIELDS_FOR_FORM:
        chat.fields.update(web_search_fields(tool, form, context.drops))
        chat.replaced.add(tool.get("name") or "")
    elif tool_type.startswith(SERVER_PREFIXES) and profile.server_tools == "drop":
        family = next(filter(tool_type.startswith, SERVER_PREFIXES))
        context.drops.drop(f"tools.{tool_type}", logged=f"tools.{family.rstrip('_')}")
        chat.dropped[tool.get("name") or ""] = tool_type
    else:
        why = "is not supported by this upstream"
        raise InvalidRequest(
            Complaint(f"tools.{index}: '{tool_type}' {why}", f"tools.{index}: its type {why}")
        )


def _function(
    tool: Tool,
    context: TurnContext,
    dialect: Dialect | None,
    schemas: dict[str, ClientSchema],
) -> dict[str, Any]:
    schema: Schema
    if _is_custom(tool):
        description, schema = tool.get("description") or "", tool.get("input_schema") or {}
    else:
        description, schema = builtin_definition(tool)
    function: dict[str, Any] = {"name": context.names.sent(tool["name"])}
    examples = tool.get("input_examples")
    if examples:
        lines = [description, "", "Examples:", *map(compact_json, examples)]
        description = "\n".join(lines).lstrip()
    if description:
        function["description"] = _fitting(description, context)
    _add_parameters(function, schema, context, dialect, schemas)
    if tool.get("strict"):
        if context.profile.strict_tools:
            function["strict"] = True
        else:
            context.drops.drop("tools.strict")
    return {"type": "function", "function": function}


def _fitting(description: str, context: TurnContext) -> str:
    """``description``, cut to the longest that the upstream accepts."""
    longest = context.profile.description_chars
    if longest is None or len(description) <= longest:
        return description
    context.drops.degrade("tools.description", str(longest))
    return description[: longest - len(CUT)].rstrip() + CUT


def _add_parameters(
    function: dict[str, Any],
    schema: Schema,
    context: TurnContext,
    dialect: Dialect | None,
    schemas: dict[str, ClientSchema],
) -> None:
    """Give ``function`` the parameters of ``schema``, and note in ``schemas`` what a rewrite changed."""
    sent = _object_schema(schema)
    if dialect is not None:
        done = in_dialect(sent, dialect)
        if done.schema is not sent:
            done.note(context.drops, "tools.input_schema")
            schemas[function["name"]] = ClientSchema(sent, done.recoded)
            sent = done.schema
    if dialect is None or sent.get("properties") or "no_empty_objects" not in dialect.steps:
        function["parameters"] = sent


def _object_schema(schema: Schema) -> Schema:
    """``schema`` with what every upstream needs: the input of a tool is always an object."""
    if "type" not in schema:
        schema = {"type": "object", **schema}
    if schema["type"] == "object" and schema.get("properties") is None:
        schema = {**schema, "properties": {}}
    return schema


def _note_options(tool: Tool, drops: Drops) -> None:
    if _OPTIONS.isdisjoint(tool):
        return
    for name in ("defer_loading", "eager_input_streaming"):
        if tool.get(name):
            drops.routine(f"tools.{name}")
    if tool.get("cache_control"):
        drops.routine("cache_control")
    callers = tool.get("allowed_callers")
    if isinstance(callers, list) and callers and "direct" not in callers:
        drops.drop("tools.allowed_callers")
