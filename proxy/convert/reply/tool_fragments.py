"""One entry of ``tool_calls``, in a message or a delta -> a fragment of a call.

Rule: upstreams differ in every member, so a member of the wrong type is treated as not sent.
"""

from __future__ import annotations

from proxy.convert.reply.arguments import is_writable, json_text
from proxy.convert.reply.content_parts import string_in
from proxy.convert.reply.pieces import ToolFragment

LEGACY_PLACE = -1
"""Index of the only call of a legacy ``function_call``."""


def tool_fragment(entry: object) -> ToolFragment | None:
    """The fragment in an entry of ``tool_calls``; None if it is not an object."""
    if not isinstance(entry, dict):
        return None
    custom = entry.get("custom")
    is_custom = isinstance(custom, dict)
    call = custom if is_custom else entry.get("function")
    if not isinstance(call, dict):
        call = entry
    index = entry.get("index")
    if isinstance(index, bool) or not isinstance(index, int) or index < 0:
        index = None
    state = entry.get("extra_content")
    arguments = call.get("input" if is_custom else "arguments")
    return ToolFragment(
        place=index,
        id=string_in(entry, "id"),
        name=string_in(call, "name").strip(),
        arguments=_arguments(arguments),
        custom=is_custom,
        state=state if isinstance(state, dict) and state and is_writable(state) else None,
        encoded=not isinstance(arguments, dict),
    )


def legacy_fragment(function_call: object) -> ToolFragment | None:
    """The fragment in a legacy ``function_call``."""
    if not isinstance(function_call, dict):
        return None
    fragment = tool_fragment({"function": function_call})
    return fragment._replace(place=LEGACY_PLACE) if fragment else None


def _arguments(value: object) -> str:
    """Arguments as text; some servers send the object itself."""
    if isinstance(value, str):
        return value
    return "" if value is None else json_text(value)
