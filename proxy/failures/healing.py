"""Which flags of a profile to override so that a refused request is not refused again.

Rule (docs/protocol.md 1.5): only what the upstream itself complained of, and only what the request
held; one step for each refusal, and every step leads further from the profile's own choice, so
that healing ends. A forced tool choice and an output schema are degraded, never just removed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from proxy.errors import UpstreamError
from proxy.failures.complaints import (
    UNKNOWN_FIELD,
    WRONG_VALUE,
    Refusal,
    largest_output,
    refusal_of,
    supported_efforts,
)
from proxy.providers.profiles import Profile

Body = Mapping[str, Any]
Flags = dict[str, object]

OVERFLOW_STARTS = ("prompt is too long", "input length and `max_tokens`")
"""How proxy/failures/classify.py begins the message of a context overflow (docs/protocol.md 10.6)."""

NO_IMAGES = {404: "support image input", 500: "image input is not supported"}
"""Refusals of images with a status that tells something else: OpenRouter's, llama.cpp's."""
GRAMMAR_BREAKERS = ("pattern", "format", "minLength", "maxLength", "minItems", "maxItems")
"""JSON Schema keywords that servers which compile schemas to grammars stumble over."""


def heal(
    profile: Profile,
    chat_body: Body,
    error: UpstreamError,
    *,
    healed: Collection[str] = (),
    text: str | None = None,
) -> Flags:
    """Flags to override in ``profile`` before ``chat_body`` is converted and sent once more.

    ``{}``: not healable. ``healed`` names the flags already healed for this request: a token field
    that was swapped is not swapped back. Every other step goes one way only, but an upstream may
    state ever smaller limits, so the caller bounds the number of steps. ``text`` is read in the place
    of the error's own, where part of that is not to be believed.
    """
    text = error.text if text is None else text
    if not _is_refusal(error, text):
        return {}
    refusal = refusal_of(error, chat_body, text)
    for step in STEPS:
        flags = step(profile, chat_body, refusal)
        if "token_field" in flags and "token_field" in healed:
            continue
        if any(getattr(profile, name) != value for name, value in flags.items()):
            return flags
    return {}


def _is_refusal(error: UpstreamError, text: str) -> bool:
    if error.message.startswith(OVERFLOW_STARTS):
        return False
    if error.upstream_status is None:
        return error.status == 400
    words = NO_IMAGES.get(error.upstream_status)
    return error.upstream_status in (400, 422) or (words is not None and words in text)


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
    # Without tools the model does take levels, so the style is right even where it was not known.
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


def _strict(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    if not any("strict" in tool.get("function", ()) for tool in body.get("tools", ())):
        return {}
    # What strict demands of a schema and the Messages API does not.
    narrow = r"'(?:required|additionalproperties)' is required to be supplied"
    if refusal.about("strict", under="tools") or refusal.says(narrow):
        return {"strict_tools": False}
    return {}


def _named_choice(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    named = isinstance(body.get("tool_choice"), dict)
    return {"tool_choice": "required"} if named and refusal.about("tool[_ ]choice") else {}


def _response_format(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    wanted = body.get("response_format")
    if not isinstance(wanted, dict):
        return {}
    if not refusal.about(r"response[_ ]format|json_schema", complaint=WRONG_VALUE):
        return {}
    return {"structured": "json_object" if wanted.get("type") == "json_schema" else "none"}


def _developer(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    sent = any(message.get("role") == "developer" for message in body.get("messages", ()))
    if not sent or "content" in refusal.param:
        return {}
    refused = refusal.about("developer", under="messages")
    return {"system_role": "system"} if refused else {}


def _images(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    sent = any(
        part.get("type") == "image_url"
        for message in body.get("messages", ())
        if isinstance(message.get("content"), list)
        for part in message["content"]
    )
    return {"vision": False} if sent and refusal.says(TEXT_ONLY) else {}


def _grammar(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    if "tools" not in body or not refusal.says(r"failed to (?:parse|compile) (?:the )?grammar"):
        return {}
    missing = [word for word in GRAMMAR_BREAKERS if word not in profile.schema_drop]
    return {"schema_drop": (*profile.schema_drop, *missing)}


TEXT_ONLY = (
    r"unknown variant [`'\"]image_url"
    r"|image_url is only supported by certain models"
    r"|image inputs? (?:is |are )?not (?:supported|enabled)"
    r"|(?:images?|vision|multi-?modal) (?:inputs? |content )?(?:is |are )?not supported (?:by|for|with)"
    r" (?:this|the) model"
    r"|(?:not|n't) support (?:image_url|images?|vision|multi-?modal)(?: inputs?| content)?\b(?! url)"
    r"|support image input|not a (?:multi-?modal|vision)|at most 0 image"
    r"|content.{0,12} must be a string|content.{0,24}\['text'\]"
)
"""Words of servers whose model sees no images (edge case 125); not those about one bad image."""

Step = Callable[[Profile, Body, Refusal], Flags]
STEPS: tuple[Step, ...] = (
    _output_limit,
    _forced_choice,
    _effort_with_tools,
    _reasoning_effort,
    _token_field,
    _stream_options,
    _parallel_tool_calls,
    _sampling,
    _strict,
    _named_choice,
    _response_format,
    _developer,
    _images,
    _grammar,
)
"""In the order in which a refusal that names several items is understood."""


def as_yaml(flags: Mapping[str, object]) -> str:
    """``flags`` as one line to paste into a registry file: ``profile: {max_output: 8192}``."""
    entries = ", ".join(f"{name}: {_scalar(flags[name])}" for name in sorted(flags))
    return f"profile: {{{entries}}}"


def _scalar(value: object) -> str:
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(_scalar(entry) for entry in value)}]"
    if isinstance(value, str) and re.fullmatch("[a-z_]{4,}", value) and value not in YAML_WORDS:
        return value
    # JSON is YAML: true, null, numbers and quoted strings.
    return json.dumps(value)


YAML_WORDS = frozenset({"true", "false", "null"})
