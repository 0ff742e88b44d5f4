"""An Anthropic Messages request -> a Chat Completions request.

Rule: this module only calls the steps in their order; each step has its own module
(docs/protocol.md sections 1, 2, 10 and 11).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from proxy.convert.request.caching import limit_breakpoints
from proxy.convert.request.context_edits import edits_of
from proxy.convert.request.converted import ConvertedRequest
from proxy.convert.request.drops import Drops
from proxy.convert.request.edited import converted_after_edits
from proxy.convert.request.fields import (
    note_other_fields,
    plain_fields,
    remove_unsupported,
    token_field,
)
from proxy.convert.request.history_shapes import shaped
from proxy.convert.request.locate import refusal
from proxy.convert.request.ordering import request_to_messages
from proxy.convert.request.parts import ChatMessage, PdfReader, RefusedBlock, TurnContext
from proxy.convert.request.pdf_text import PdfBudget, pdf_to_text
from proxy.convert.request.prefill import prefill_fields
from proxy.convert.request.reply_context import reply_context
from proxy.convert.request.structured import structured_output
from proxy.convert.request.thinking import thinking_fields
from proxy.convert.request.tool_choice import is_forced, tool_fields
from proxy.convert.request.tool_ids import ToolIds
from proxy.convert.request.tool_limit import limited_tools
from proxy.convert.request.tool_names import ToolNames
from proxy.convert.request.tools import function_names, tools_to_chat
from proxy.convert.request.toolsets import offered
from proxy.errors import InvalidRequest
from proxy.providers.profiles.base import Profile

_NEVER_REMOVED = frozenset({"model", "messages"})
_REMOVED_WITH: Mapping[str, tuple[str, ...]] = {
    "tools": ("tool_choice", "parallel_tool_calls"),
    "stream": ("stream_options", "tool_stream"),
}
"""Fields to remove together with another field, without which an upstream refuses them."""


def message_request_to_chat(
    request: Mapping[str, Any],
    profile: Profile,
    *,
    model: str,
    max_tokens: int | None,
    read_pdf: PdfReader | None = None,
    secrets: tuple[str, ...] = (),
) -> ConvertedRequest:
    """Convert a validated Messages request for the upstream that ``profile`` describes.

    ``model`` is the name of the model at the upstream, ``max_tokens`` the result of
    ``resolve_max_tokens`` (None sends no limit, as for counting). ``request`` is not changed; the body
    shares schemas and long texts with it and must not be changed either. ``read_pdf`` is called for
    PDFs that the upstream does not accept, and is slow; None: they are read in the calling thread.
    ``secrets`` are masked in failures that the answer reports.

    Raises InvalidRequest, with the path, for a request that cannot be converted.
    """
    read_pdf = read_pdf or partial(pdf_to_text, budget=PdfBudget())
    turns = request["messages"]
    if not request.get("context_management") or not edits_of(request):
        return _converted(request, turns, profile, model, max_tokens, read_pdf, secrets)
    return converted_after_edits(
        request, lambda part: _converted(part, turns, profile, model, max_tokens, read_pdf, secrets)
    )


def _converted(
    request: Mapping[str, Any],
    turns: Sequence[Mapping[str, Any]],
    profile: Profile,
    model: str,
    max_tokens: int | None,
    read_pdf: PdfReader,
    secrets: tuple[str, ...],
) -> ConvertedRequest:
    """The conversion of ``request``; ``turns`` are its turns before the context edits."""
    tools = request.get("tools") or ()
    declared = function_names(tools)
    members = offered(tools) if len(declared) < len(tools) else ()
    names = ToolNames(declared, members, longest=profile.tool_name_chars)
    ids = ToolIds(profile.tool_id, profile.tool_id_chars)
    context = TurnContext(profile, Drops(), names, ids, read_pdf)
    if profile.max_tools is not None:
        tools = limited_tools(request, turns, context)
    drops = context.drops
    note_other_fields(request, drops)
    structured = structured_output(request, profile, drops)
    messages, prefill = _messages(request, turns, structured.system_line, context)
    converted = tools_to_chat(tools, context)
    choice = tool_fields(converted, request.get("tool_choice"), context, model)
    body: dict[str, Any] = {
        "model": model,
        "messages": messages,
        **token_field(request, max_tokens, profile, drops),
        **plain_fields(request, profile, drops),
        **choice,
        **thinking_fields(
            request,
            profile,
            drops,
            forced_tool=is_forced(choice),
            tools="tools" in choice,
            prefilled=messages[-1]["role"] == "assistant",
        ),
        **prefill,
    }
    if structured.response_format:
        body["response_format"] = structured.response_format
    if profile.tool_stream and "stream" in body and "tools" in body:
        body["tool_stream"] = True
    remove_unsupported(body, profile, drops, never=_NEVER_REMOVED, together=_REMOVED_WITH)
    if profile.tool_name_chars:
        drops.degrade_many("tools.name", str(profile.tool_name_chars), names.shortened())
    reply = reply_context(
        request,
        model,
        body,
        context,
        functions=_functions_in(body),
        max_tokens=body.get(profile.token_field),
        messages=messages,
        schemas=converted.schemas,
        secrets=secrets,
    )
    return ConvertedRequest("chat", body, reply, drops, profile.user_agent == "client")


def _messages(
    request: Mapping[str, Any],
    turns: Sequence[Mapping[str, Any]],
    system_line: str | None,
    context: TurnContext,
) -> tuple[list[ChatMessage], dict[str, Any]]:
    try:
        messages = request_to_messages(request, system_line, context)
    except RefusedBlock as refused:
        raise refusal(turns, refused) from None
    if context.profile.history_shapes:
        messages = shaped(messages, request, context)
    prefill = prefill_fields(messages, context.profile)
    if not any(message["role"] in ("user", "tool") for message in messages):
        raise InvalidRequest("messages: at least one user message with content is required")
    if context.profile.cache == "breakpoint":
        limit_breakpoints(messages, context.drops)
    return messages, prefill


def _functions_in(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The functions among the body's tools; others are the upstream's own."""
    return [tool for tool in body.get("tools") or () if "function" in tool]
