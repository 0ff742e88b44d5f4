"""The healing steps for Responses requests: which profile flags avoid which refusal.

Rule: as of every step (``proxy.failures.healing_steps``). Steps that Chat Completions has too are
Chat's own, which read the request and the refusal in Chat's terms (``response_view``); only what
exists in Responses alone is written here (docs/protocol.md 12.7).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from proxy.failures import healing_steps as chat
from proxy.failures.complaints import UNKNOWN_FIELD, Refusal
from proxy.failures.healing_steps import Step
from proxy.failures.history_steps import ROWS
from proxy.failures.image_steps import text_only_flags
from proxy.failures.refused_media import UNREADABLE_IMAGE
from proxy.failures.response_state import (
    REFUSED_STATE,
    id_flags,
    include_flags,
    lost_flags,
    state_flags,
    without,
)
from proxy.failures.response_view import chat_refusal, chat_view, items
from proxy.providers.profiles import Profile

Body = Mapping[str, Any]
Flags = dict[str, object]
FlagsFor = Callable[[Profile, Body, Refusal], Flags]

_SHARED: Mapping[str, FlagsFor] = {step.name: step.flags_for for step in chat.STEPS}
_SHARED_ROWS = frozenset({"max_tools", "late_system", "client_agent"})
"""Demands on a history that Responses has too; the others are about Chat's messages."""

_SUMMARY_WORDS = re.compile(r"verified to (?:generate|stream|use) reasoning summar")
_OUTPUT_STRING = re.compile(
    r"\boutput\b[^\n]{0,80}\bstring\b|function_call_output\b[^\n]{0,120}(?:image|file|content part|array"
    r"|list)[^\n]{0,60}(?:not|n't|un|only)|(?:image|file)s?[^\n]{0,60}(?:not|n't|un)[ -]?(?:yet "
    r"|currently )?(?:supported|allowed|accepted)[^\n]{0,60}(?:function_call_output|tool output|tool result)"
)
_OUTPUT_PARAM = re.compile(r"input(?:\[\d+\]|\.\d+)\.output\b.*")
_IMAGE_TYPE = re.compile(
    r"(?:invalid|unsupported|unexpected)(?: value| type)?:? ['\"`]?input_image\b"
    r"|['\"`]?input_image['\"`]?[^\n]{0,40}(?:not|n't|un)[ -]?(?:yet |currently )?(?:supported|allowed)"
)
_FUNCTIONS_ONLY = re.compile(
    r"['\"`]?type['\"`]? of tools? (?:must|should) be ['\"`]?function"
    r"|only ['\"`]?function['\"`]? tools? (?:is|are)|(?:hosted|built-?in|server-side) tools? (?:is|are) not"
    r"|(?:unsupported|unknown|invalid) tool type"
)


def _shared(name: str) -> Step:
    """Chat's step ``name``, for a request and a refusal of the Responses protocol."""
    flags_for = _SHARED[name]

    def in_chat_terms(profile: Profile, body: Body, refusal: Refusal) -> Flags:
        return flags_for(profile, chat_view(body), chat_refusal(refusal))

    return Step(name, in_chat_terms)


def _functions(body: Body) -> list[Mapping[str, Any]]:
    return [tool for tool in body.get("tools") or () if tool.get("type") == "function"]


def _reasoning_summary(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    if "summary" not in (body.get("reasoning") or ()):
        return {}
    item = r"reasoning\.summary|reasoning summar(?:y|ies)|['\"`]summary['\"`]"
    refused = _SUMMARY_WORDS.search(refusal.text) or refusal.about(item)
    return {"reasoning_summary": None} if refused else {}


def _reasoning_effort(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    flags = _shared("reasoning_effort").flags_for(profile, body, refusal)
    if flags.get("thinking_style") == "none" and body.get("include"):
        # Such a model reasons without the dial, and its reasoning still comes back.
        flags["reasoning_items"] = "encrypted"
    return flags


def _hosted_choice(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    choice = body.get("tool_choice")
    if not isinstance(choice, Mapping) or choice.get("type") != "allowed_tools":
        return {}
    if not refusal.about("allowed_tools|tool[_ ]choice"):
        return {}
    return {"tool_choice": "required" if profile.tool_choice == "any" else "auto_only"}


def _strict(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    sent = [function["strict"] for function in _functions(body) if "strict" in function]
    if not sent:
        return {}
    if any(sent) and profile.strict_tools:
        return _shared("strict").flags_for(profile, body, refusal)
    unknown = refusal.about("strict", under="tools", complaint=UNKNOWN_FIELD)
    return {"strict_field": False} if unknown else {}


def _text_field(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    if "format" not in (body.get("text") or ()):
        return {}
    named = refusal.param == "text" or (
        not refusal.param and refusal.about(r"['\"`]text['\"`]", complaint=UNKNOWN_FIELD)
    )
    refused = named and refusal.says(UNKNOWN_FIELD)
    return {"text_format": "response_format"} if refused else {}


def _developer(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    sent = any(item.get("role") == "developer" for item in body.get("input") or ())
    if not sent or "content" in refusal.param or not refusal.about("developer", under="input"):
        return {}
    # ``system_field`` may name the same role.
    fields = {"system_field": "system"} if profile.system_field == "developer" else {}
    return {"system_role": "system", **fields}


def _instructions(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    if "instructions" not in body:
        return {}
    refused = refusal.about("instructions", complaint=UNKNOWN_FIELD)
    return {"system_field": profile.system_role} if refused else {}


def _tool_output_parts(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    outputs = items(body, "function_call_output")
    if not any(isinstance(item.get("output"), list) for item in outputs):
        return {}
    text = refusal.text
    if UNREADABLE_IMAGE.search(text):
        return {}
    named = _OUTPUT_PARAM.fullmatch(refusal.param) or _OUTPUT_STRING.search(text)
    return {"tool_output_parts": False} if named else {}


def _images(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    view = chat_view(body)
    flags = text_only_flags(profile, view, chat_refusal(refusal))
    if flags or not _IMAGE_TYPE.search(refusal.text):
        return flags
    sent = any(
        isinstance(part, Mapping) and part.get("type") == "image_url"
        for message in view["messages"]
        for part in (message["content"] if isinstance(message.get("content"), list) else ())
    )
    return {"vision": False} if sent else {}


def _web_search(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    sent = any(str(tool.get("type")).startswith("web_search") for tool in body.get("tools") or ())
    if not sent or profile.web_search is None:
        return {}
    refused = _FUNCTIONS_ONLY.search(refusal.text) or refusal.about(
        r"web_search(?:_preview)?(?:_\d+)*|web search", under="tools"
    )
    typed = re.fullmatch(r"tools(?:\[\d+\]|\.\d+)\.type", refusal.param)
    return {"web_search": None} if refused or typed else {}


PLAIN_FIELDS: Mapping[str, Flags] = {
    "store": {"store": False},
    "stream_options": {"no_obfuscation": False},
    "prompt_cache_key": {"cache_key": False},
    "service_tier": {"service_tier": False},
    "safety_identifier": {},
    "max_tool_calls": {},
    "max_output_tokens": {},
}
"""Fields whose absence changes little, and the flags without which they are not sent; empty: the
field is added to ``unsupported``."""
ITEM_FIELDS: Mapping[str, tuple[str, Flags]] = {
    "prompt_cache_breakpoint": ("cache", {"cache": None}),
    "phase": ("phase", {"phase": False}),
}
"""Members of input items, the flag that sends them, and the flags without which they are not sent."""


def _plain_field(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    for name, flags in PLAIN_FIELDS.items():
        if name in body and refusal.about(name, complaint=UNKNOWN_FIELD):
            # A registered ``extra_body`` may send a field that the profile does not.
            needed = {k: v for k, v in flags.items() if getattr(profile, k) != v}
            return needed or without(profile, name)
    for name, (sender, flags) in ITEM_FIELDS.items():
        sent = getattr(profile, sender)
        if sent and refusal.about(name, under="input", complaint=UNKNOWN_FIELD):
            return dict(flags)
    return {}


RESPONSE_STEPS: tuple[Step, ...] = (
    Step(REFUSED_STATE, state_flags),
    _shared("stream"),
    _shared("no_stream"),
    _shared("prefill"),
    _shared("affordable"),
    _shared("output_limit"),
    _shared("min_output"),
    Step("include", include_flags),
    Step("reasoning_ids", id_flags),
    Step(REFUSED_STATE, lost_flags),
    Step("reasoning_summary", _reasoning_summary),
    _shared("forced_choice"),
    Step("reasoning_effort", _reasoning_effort),
    Step("hosted_choice", _hosted_choice),
    _shared("parallel_tool_calls"),
    _shared("sampling"),
    Step("strict", _strict),
    _shared("grammar"),
    _shared("schema"),
    Step("web_search", _web_search),
    _shared("tool_choice"),
    _shared("thinking"),
    Step("text_field", _text_field),
    _shared("response_format"),
    Step("developer", _developer),
    Step("instructions", _instructions),
    Step("tool_output_parts", _tool_output_parts),
    Step("images", _images),
    _shared("unreadable_images"),
    _shared("tool_ids"),
    _shared("tool_texts"),
    Step("plain_field", _plain_field),
    *(_shared(row.step) for row in ROWS if row.step in _SHARED_ROWS),
)
"""The first step that changes a flag takes the refusal, also where that names several items."""
