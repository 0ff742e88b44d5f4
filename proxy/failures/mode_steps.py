"""Refusals of a way to ask: streamed or whole, a forced tool, thinking with a prefill, GLM's field.

Rule: as of every step (``proxy.failures.healing_steps``). The modes that an upstream refuses in a
status of its own choice are patterns here, which ``proxy.failures.other_statuses`` reads too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from proxy.failures.complaints import UNKNOWN_FIELD, Refusal
from proxy.providers.profiles import Profile

Body = Mapping[str, Any]
Flags = dict[str, object]

STREAM_WANTED = re.compile(
    r"\bstream(?:ing)?[`'\"]? ?(?:=|:|must be|should be|needs to be|has to be|is not|to)(?: set to)?"
    r" ?[`'\"]?true"
    r"|\bonly (?:\w+ ){0,2}?(?:supports?|supported|available|allowed|works?|accepts?|served)"
    r"(?: (?:in|as|the|a|with|via|for)){0,2} [`'\"]?stream(?:ing|ed)?\b|\b(?:supports?|accepts?|allows?) only stream(?:ing|ed)?\b"
    r"|\b(?:please|must|should|need to|have to) (?:enable|use|set) (?:the )?[`'\"]?stream(?:ing)?\b"
    r"|\bnon[- ]?stream(?:ing|ed)? (?:\w+ ){0,3}?(?:not|unsupported|disabled)\b"
    r"|\bfor non[- ]?stream(?:ing|ed)? (?:calls?|requests?|mode|responses?)"
    r"|(?:not|n't)(?: \w+){0,6} [`'\"(]{0,2}stream ?= ?[`'\"]?false"
    r"|\bstream(?:ing)? (?:mode )?is (?:strongly )?(?:required|recommended|mandatory)"
    r"|\b(?:requires?|must be|must use) [`'\"]?stream(?:ing|ed)?\b"
    r"|(?:仅|只)支持流式|非流式"
)
"""A whole answer is refused, or thinking in one."""
STREAM_REFUSED = re.compile(
    r"\bstream[`'\"]? does not support true|\bstreaming (?:mode )?(?:is |are )?(?:not|un)[- ]?"
    r"(?:yet |currently )?(?:supported|available|allowed)|(?:not|n't) support stream(?:ing|ed)\b"
)
"""A stream is refused."""


def stream_flags(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    """Ask for a stream, which the proxy puts together for the client."""
    wanted = body.get("stream") is not True and STREAM_WANTED.search(refusal.text)
    return {"stream_only": True} if wanted else {}


def no_stream_flags(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    """Ask for a whole answer, which the client gets as a stream."""
    refused = body.get("stream") is True and STREAM_REFUSED.search(refusal.text)
    return {"unsupported": (*profile.unsupported, "stream")} if refused else {}


CHOICE_REFUSED = re.compile(
    r"\bno (?:endpoints?|providers?)[^\n.]{0,40} supports?\b[^\n.]{0,40}\btool_choice"
    r"|\btool_choices?\b[^\n]{0,60}?(?:not |n't |un)(?:yet |currently |be )?support"
    r"|(?:not|n't) (?:yet |currently )?support[^\n]{0,40}\btool_choice"
    r"|\bonly\b[^\n.]{0,30}\btool_choice\b[^\n.]{0,30}\b(?:supported|allowed)"
    r"|\btool choices other than"
)
"""A choice of a tool is refused; ``tool choice`` was written as ``tool_choice`` before."""
_AUTO_ONLY = re.compile(
    r"\bno (?:endpoints?|providers?) |\btool choices other than"
    r"|\bonly\b[^\n]{0,40}\bauto\b(?![^\n]{0,40}\brequired)"
    r"|\b(?:one of|must be|should be|supported|allowed)\b(?![^\n]{0,80}\b(?:required|any)\b)[^\n]{0,60}\bauto\b"
)
"""The upstream states that it takes no forced choice at all."""


def tool_choice_flags(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    """A named tool becomes ``required``, and what is refused even so is left to the model."""
    sent = body.get("tool_choice")
    if sent is None or refusal.says("--enable-auto-tool-choice"):
        return {}
    if not refusal.about("tool[_ ]choice") and not CHOICE_REFUSED.search(refusal.text):
        return {}
    if sent == "auto" and not refusal.about("tool[_ ]choice", complaint=UNKNOWN_FIELD):
        return {}
    named = isinstance(sent, dict) and profile.tool_choice == "any"
    if named and not _AUTO_ONLY.search(refusal.text):
        return {"tool_choice": "required"}
    return {"tool_choice": "auto_only"}


def tool_stream_flags(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    """Without GLM's ``tool_stream``."""
    refused = "tool_stream" in body and refusal.about("tool_stream")
    return {"tool_stream": False} if refused else {}


_THINKING_FIELDS = ("thinking", "enable_thinking", "reasoning")
_NO_THINKING = re.compile(
    r"(?:not|n't) support (?:thinking|reasoning)(?! ?(?:budget|effort|level)|_)"
)


def thinking_flags(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    """Without the parameters of thinking, where the model or the server has none."""
    if "thinking_budget" in body and refusal.about("thinking_budget", complaint=UNKNOWN_FIELD):
        return {"unsupported": (*profile.unsupported, "thinking_budget")}
    sent = [name for name in _THINKING_FIELDS if name in body]
    refused = any(refusal.about(name, complaint=UNKNOWN_FIELD) for name in sent)
    none = (sent or "reasoning_effort" in body) and _NO_THINKING.search(refusal.text)
    return {"thinking_style": "none"} if refused or none else {}


_PREFILL_AGAINST_THINKING = re.compile(
    r"pre-?fill\w{0,4}[^\n]{0,80}?(?:thinking|reasoning)|(?:thinking|reasoning)[^\n]{0,100}?"
    r"(?:pre-?fill|final [`'\"]?assistant|start with a thinking block|last message)"
    r"|(?:final|last) [`'\"]?assistant[`'\"]? message[^\n]{0,60}?(?:thinking|reasoning)"
    r"|(?:prefix|continu\w{1,8})[^\n]{0,60}? (?:thinking|reasoning) mode"
)


def prefill_flags(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    """Without thinking, where the conversation ends with a beginning of the answer."""
    messages = body.get("messages") or []
    prefilled = bool(messages) and messages[-1].get("role") == "assistant"
    refused = prefilled and _PREFILL_AGAINST_THINKING.search(refusal.text)
    return {"prefill_stops_thinking": True} if refused else {}
