"""A converted request -> what the conversion of its answer uses of it, for every upstream protocol.

Rule: names, ids and limits are those that were sent, and the client's own beside them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from proxy.convert.reply.context import ReplyContext
from proxy.convert.request.parts import TurnContext
from proxy.convert.request.stop_sequences import cut_here
from proxy.convert.request.thinking import thinking_delivery
from proxy.convert.schema_values import ClientSchema


def reply_context(
    request: Mapping[str, Any],
    model: str,
    body: Mapping[str, Any],
    context: TurnContext,
    *,
    functions: Sequence[Mapping[str, Any]],
    max_tokens: int | None,
    messages: Sequence[Mapping[str, Any]],
    schemas: Mapping[str, ClientSchema],
    secrets: tuple[str, ...],
) -> ReplyContext:
    """The context for the answer to ``request``, which was converted to ``body``.

    ``functions`` are the declared ones in the form of Chat Completions, ``messages`` the messages or
    items of ``body``, ``max_tokens`` its output limit.
    """
    profile = context.profile
    may_call = bool(functions) and body.get("tool_choice") != "none"
    text_calls = may_call and profile.text_tool_calls
    return ReplyContext(
        model=request.get("model") or model,
        tool_names=context.names.client_names(),
        toolsets=context.names.toolsets(),
        functions=functions,
        schemas=schemas,
        max_tokens=max_tokens,
        known_tool_ids=context.ids.known(),
        stop_sequences=tuple(request.get("stop_sequences") or ()),
        cut_here=cut_here(request, body, context.drops),
        thinking=thinking_delivery(request),
        think_tags=profile.think_tags,
        text_tool_calls=text_calls,
        messages=messages if text_calls else (),
        tool_args=profile.tool_args,
        secrets=secrets,
    )
