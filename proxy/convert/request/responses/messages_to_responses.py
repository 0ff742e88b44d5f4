"""An Anthropic Messages request -> an OpenAI Responses request.

Rule: this module only calls the steps in their order; each step has its own module
(docs/protocol.md 12.2, 12.5).
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from functools import partial
from typing import Any

from proxy.convert.request.caching import BREAKPOINT, limit_marked
from proxy.convert.request.context_edits import edits_of
from proxy.convert.request.converted import ConvertedRequest
from proxy.convert.request.drops import Drops
from proxy.convert.request.edited import converted_after_edits
from proxy.convert.request.fields import note_other_fields, remove_unsupported
from proxy.convert.request.locate import refusal
from proxy.convert.request.ordering import ordered
from proxy.convert.request.parts import PdfReader, RefusedBlock, TurnContext
from proxy.convert.request.pdf_text import PdfBudget, pdf_to_text
from proxy.convert.request.reply_context import reply_context
from proxy.convert.request.responses.carried import CarriedState
from proxy.convert.request.responses.conversation import ItemConversation
from proxy.convert.request.responses.fields import (
    LIMIT,
    NEVER_REMOVED,
    REMOVED_WITH,
    format_field,
    include_field,
    plain_fields,
)
from proxy.convert.request.responses.parts import Item, message, parts_in
from proxy.convert.request.responses.prefill import prefilled
from proxy.convert.request.responses.profile import for_responses
from proxy.convert.request.responses.reasoning import asks_for_thinking, reasoning_fields
from proxy.convert.request.responses.tools import tools_to_responses
from proxy.convert.request.structured import structured_output
from proxy.convert.request.tool_choice import is_forced
from proxy.convert.request.tool_ids import ToolIds
from proxy.convert.request.tool_limit import limited_tools
from proxy.convert.request.tool_names import ToolNames
from proxy.convert.request.tools import function_names
from proxy.convert.request.toolsets import offered
from proxy.errors import InvalidRequest
from proxy.providers.profiles.base import Profile


def messages_to_responses(
    request: Mapping[str, Any],
    profile: Profile,
    *,
    model: str,
    max_tokens: int | None,
    read_pdf: PdfReader | None = None,
    secrets: tuple[str, ...] = (),
    origin: str = "",
    refused: Container[str] = frozenset(),
) -> ConvertedRequest:
    """Convert a validated Messages request for the upstream that ``profile`` describes.

    The arguments are those of ``message_request_to_chat``. ``origin`` is the upstream's (``origin_of``): only
    state that came from there is sent back. ``refused`` contains the ``state_key`` of encrypted contents that
    the upstream could not read; they are left out. ``request`` is not changed; the body shares schemas and
    long texts with it and must not be changed either.

    Raises InvalidRequest, with the path, for a request that cannot be converted.
    """
    profile = for_responses(profile)
    carried = CarriedState(profile, origin, refused)
    read_pdf = read_pdf or partial(pdf_to_text, budget=PdfBudget())
    turns = request["messages"]

    def convert(part: Mapping[str, Any]) -> ConvertedRequest:
        context = _context(part, profile, read_pdf)
        return _converted(part, turns, context, carried, model, max_tokens, secrets, origin)

    if not request.get("context_management") or not edits_of(request):
        return convert(request)
    return converted_after_edits(request, convert)


def _context(request: Mapping[str, Any], profile: Profile, read_pdf: PdfReader) -> TurnContext:
    tools = request.get("tools") or ()
    declared = function_names(tools)
    members = offered(tools) if len(declared) < len(tools) else ()
    names = ToolNames(declared, members, longest=profile.tool_name_chars)
    return TurnContext(
        profile, Drops(), names, ToolIds(profile.tool_id, profile.tool_id_chars), read_pdf
    )


def _converted(
    request: Mapping[str, Any],
    turns: Sequence[Mapping[str, Any]],
    context: TurnContext,
    carried: CarriedState,
    model: str,
    max_tokens: int | None,
    secrets: tuple[str, ...],
    origin: str,
) -> ConvertedRequest:
    """The conversion of ``request``; ``turns`` are its turns before the context edits."""
    profile, drops = context.profile, context.drops
    note_other_fields(request, drops)
    structured = structured_output(request, profile, drops)
    system, items = _items(request, turns, structured.system_line, context, carried)
    ends_with_assistant = prefilled(items, profile)
    tools = tools_to_responses(
        limited_tools(request, turns, context), request.get("tool_choice"), context, model
    )
    body: dict[str, Any] = {
        "model": model,
        **_system_field(system, items, profile),
        "input": items,
        **plain_fields(request, max_tokens, profile, drops),
        **include_field(profile, searches=tools.searches),
        **tools.fields,
        **reasoning_fields(
            request,
            profile,
            drops,
            forced_tool=is_forced(tools.fields),
            prefilled=ends_with_assistant,
            searches=tools.searches,
        ),
        **format_field(structured, profile),
    }
    if profile.cache == "breakpoint":
        limit_marked(parts_in(items), drops)
    remove_unsupported(body, profile, drops, never=NEVER_REMOVED, together=REMOVED_WITH)
    if profile.tool_name_chars:
        drops.degrade_many("tools.name", str(profile.tool_name_chars), context.names.shortened())
    reply = reply_context(
        request,
        model,
        body,
        context,
        functions=tools.chat.functions if "tools" in body else (),
        max_tokens=body.get(LIMIT),
        messages=items,
        schemas=tools.chat.schemas,
        secrets=secrets,
    )
    reply.origin, reply.web_search = origin, tools.searches
    reply.thinking_asked = asks_for_thinking(request)
    reply.silent_cut, reply.eof_ends = profile.silent_cut, profile.eof_ends
    return ConvertedRequest("responses", body, reply, drops, profile.user_agent == "client")


def _items(
    request: Mapping[str, Any],
    turns: Sequence[Mapping[str, Any]],
    system_line: str | None,
    context: TurnContext,
    carried: CarriedState,
) -> tuple[Any, list[Item]]:
    """The first system message in the form of Chat Completions, and the items of the other turns."""
    conversation = ItemConversation(context, carried)
    try:
        system, items = ordered(request, system_line, conversation, context)
    except RefusedBlock as refused:
        raise refusal(turns, refused) from None
    if not any(_is_users(item) for item in items):
        raise InvalidRequest("messages: at least one user message with content is required")
    return system, items


def _is_users(item: Item) -> bool:
    return item["type"] == "function_call_output" or item.get("role") == "user"


def _system_field(system: Any, items: list[Item], profile: Profile) -> dict[str, str]:
    """``instructions``; nothing where ``system`` becomes the first of ``items`` instead."""
    if system is None:
        return {}
    content = system["content"]
    marked = isinstance(content, list) and any(BREAKPOINT in part for part in content)
    if profile.system_field != "instructions" or marked:
        # A string has no place for a marker.
        role = "developer" if profile.system_field == "instructions" else profile.system_field
        items.insert(0, message(role, content))
        return {}
    if isinstance(content, list):
        content = "\n\n".join([part["text"] for part in content])
    return {"instructions": content}
