"""The healing steps: which profile flags avoid which refusal.

Rule: a step is a pure function that returns flags only where the upstream complains of an item that
the request holds. No flag is set back to an earlier value (those of ``healing.SWAPPED`` change once in
a request), so that healing ends. A forced tool choice and an output schema are weakened before they
are left to the model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from proxy.failures.api_switch import API, responses_flags
from proxy.failures.complaints import (
    UNKNOWN_FIELD,
    WRONG_STOP,
    WRONG_VALUE,
    Refusal,
    largest_output,
    most_stop_strings,
    supported_efforts,
)
from proxy.failures.history_steps import ROWS
from proxy.failures.image_steps import text_only_flags, unreadable_flags
from proxy.failures.limit_steps import affordable_flags, min_output_flags, text_limit_flags
from proxy.failures.mode_steps import (
    no_stream_flags,
    prefill_flags,
    stream_flags,
    thinking_flags,
    tool_choice_flags,
    tool_stream_flags,
)
from proxy.failures.schema_refusals import grammar_flags, schema_flags
from proxy.failures.tool_id_steps import tool_id_flags
from proxy.providers.profiles import Profile

Body = Mapping[str, Any]
Flags = dict[str, object]


@dataclass(frozen=True, slots=True)
class Step:
    """One kind of refusal and the flags that avoid it."""

    name: str
    flags_for: Callable[[Profile, Body, Refusal], Flags]
    """The flags to override; empty where the refusal is of another kind. Whether they are remembered
    is decided in ``proxy.failures.refusal_scope``."""


def _output_limit(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    sent = body.get("max_tokens", body.get("max_completion_tokens"))
    limit = largest_output(refusal)
    if limit is None or not isinstance(sent, int) or not 0 < limit < sent:
        return {}
    return {"max_output": limit}


def _token_field(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    other = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
    sent = next((name for name in other if name in body), None)
    if sent is None or not refusal.says(UNKNOWN_FIELD):
        return {}
    return {"token_field": other[sent]} if refusal.about(sent, complaint=UNKNOWN_FIELD) else {}


def _forced_choice(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    forced = body.get("tool_choice") not in (None, "auto", "none")
    if not forced or profile.thinking_style == "none":
        return {}
    both = r"tool_choice.{0,80}(?:thinking|reasoning)|(?:thinking|reasoning).{0,80}tool_choice"
    return {"forced_choice_stops_thinking": True} if refusal.says(both) else {}


def _effort_with_tools(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    if "tools" not in body or not refusal.says(r"tools with reasoning_effort are not supported"):
        return {}
    wants_none = refusal.says(r"reasoning_effort to ['\"`]?none") or "reasoning_effort" not in body
    if profile.effort_with_tools == "none":
        return {}
    # Without tools the model accepts levels, so the style is right even where it was not known.
    return {"thinking_style": "effort", "effort_with_tools": "none" if wants_none else "omit"}


def _reasoning_effort(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    sent = body.get("reasoning_effort")
    if sent is None or not refusal.about("reasoning_effort"):
        return {}
    efforts = supported_efforts(refusal)
    if sent in efforts or not set(efforts) - {"none"} or efforts == profile.efforts:
        return {"thinking_style": "none"}
    return {"efforts": efforts}


def _sampling(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    both = r"temperature\W{0,3} and \W?top_p\W{0,3} cannot both"
    for name in ("temperature", "top_p"):
        if name in body and refusal.about(name):
            return {"unsupported": (*profile.unsupported, name)}
    if "temperature" in body and "top_p" in body and refusal.says(both):
        return {"unsupported": (*profile.unsupported, "top_p")}
    return {}


def _stream_options(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    refused = "stream_options" in body and refusal.about("stream_options")
    return {"no_stream_usage": True} if refused else {}


def _parallel_tool_calls(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    refused = "parallel_tool_calls" in body and refusal.about("parallel[_ ]tool[_ ]calls")
    return {"parallel_flag": False} if refused else {}


def _stop(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    sent = body.get("stop")
    item = "stop(?:[_ ]?(?:sequences?|strings?|words?))?"
    if not sent or not refusal.about(item, complaint=WRONG_STOP):
        return {}
    most = most_stop_strings(refusal)
    return {"max_stop": most} if 0 < most < len(sent) else {"no_stop": True}


def _strict(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    if not any("strict" in tool.get("function", ()) for tool in body.get("tools", ())):
        return {}
    # Required of a schema by strict, but not by the Messages API.
    narrow = r"'(?:required|additionalproperties)' is required to be supplied"
    demanded = refusal.says(narrow) and not refusal.says("response_format")
    if demanded or refusal.about("strict", under="tools"):
        return {"strict_tools": False}
    return {}


def _response_format(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    wanted = body.get("response_format")
    if not isinstance(wanted, dict):
        return {}
    if not refusal.about(r"response[_ ]format|json_schema|json[_ ]mode", complaint=WRONG_VALUE):
        return {}
    return {"structured": "json_object" if wanted.get("type") == "json_schema" else "none"}


def _developer(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    sent = any(message.get("role") == "developer" for message in body.get("messages", ()))
    if not sent or "content" in refusal.param:
        return {}
    refused = refusal.about("developer", under="messages")
    return {"system_role": "system"} if refused else {}


STEPS: tuple[Step, ...] = (
    Step(API, responses_flags),
    Step("stream", stream_flags),
    Step("no_stream", no_stream_flags),
    Step("prefill", prefill_flags),
    Step("affordable", affordable_flags),
    Step("output_limit", _output_limit),
    Step("min_output", min_output_flags),
    Step("forced_choice", _forced_choice),
    Step("effort_with_tools", _effort_with_tools),
    Step("reasoning_effort", _reasoning_effort),
    Step("token_field", _token_field),
    Step("stream_options", _stream_options),
    Step("parallel_tool_calls", _parallel_tool_calls),
    Step("sampling", _sampling),
    Step("stop", _stop),
    Step("strict", _strict),
    Step("grammar", grammar_flags),
    Step("schema", schema_flags),
    Step("tool_choice", tool_choice_flags),
    Step("tool_stream", tool_stream_flags),
    Step("thinking", thinking_flags),
    Step("response_format", _response_format),
    Step("developer", _developer),
    Step("images", text_only_flags),
    Step("unreadable_images", unreadable_flags),
    Step("tool_ids", tool_id_flags),
    Step("tool_texts", text_limit_flags),
    *(Step(row.step, row.flags_for) for row in ROWS),
)
"""The first step that changes a flag takes the refusal, also where that names several items."""
