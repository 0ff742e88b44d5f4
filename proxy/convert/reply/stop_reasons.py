"""``finish_reason`` -> ``stop_reason``.

Rule: this module implements the table of docs/protocol.md section 3. Case is ignored. A finish reason that
reports a failure has no stop reason; callers check ``failed_status`` first. A finish reason that is not
in the table is a refusal or a failure if it contains a word of that meaning; otherwise it is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

STOPPED = "stop"
CALLED = "tool_calls"

STOP_REASON_FOR_FINISH: Mapping[str, str] = {
    **dict.fromkeys((STOPPED, "eos", "end_turn", "completed"), "end_turn"),
    **dict.fromkeys(("length", "max_tokens"), "max_tokens"),
    **dict.fromkeys((CALLED, "function_call", "tool_use"), "tool_use"),
    **dict.fromkeys(("content_filter", "sensitive", "safety", "refusal"), "refusal"),
    **dict.fromkeys(
        ("model_context_window_exceeded", "model_length"), "model_context_window_exceeded"
    ),
}

STATUS_FOR_FAILED_FINISH: Mapping[str, int] = {
    "error": 502,
    "network_error": 502,
    "insufficient_system_resource": 529,
}
"""Finish reasons that are failures, with the status of the error they become."""

_REFUSED = re.compile(
    r"safety|prohibited|spii|recitation|block(?:ed|list)|filter(?:ed)?(?![a-z])|sensitive|guardrail"
    r"|moderat|policy|model_armor"
)
"""Gemini's ``PROHIBITED_CONTENT`` and ``RECITATION``, Bedrock's ``guardrail_intervened``."""
_FAILED = re.compile(
    r"(?:^|_)error|malformed|failed|failure|unexpected_|too_many_tool|overload|time_?d?_?out"
    r"|missing_thought_signature|(?:^|_)abort"
)
"""Gemini's ``MALFORMED_FUNCTION_CALL`` and ``UNEXPECTED_TOOL_CALL``, vLLM's ``abort``."""
_STATUS_FOR_FAILED_WORD = (("overload", 529), ("time", 504))


@dataclass(frozen=True, slots=True)
class Stop:
    """How a message ended, in terms of the Messages API."""

    reason: str
    sequence: str | None = None
    details: dict[str, Any] | None = None


def finish_word(value: object) -> str:
    """``finish_reason`` in lower case; ``""`` if null, missing or blank (docs/protocol.md 11).

    Anything else that is not a string counts as an unknown reason.
    """
    if isinstance(value, str):
        word = value.strip().lower()
        return word if word in STOP_REASON_FOR_FINISH else _without_prefix(word[:200])
    return "" if not value else "?"


def finish_of(choice: Mapping[str, Any]) -> str:
    """The finish reason of a choice, in lower case.

    If only ``native_finish_reason`` reports a failure or a refusal, it is returned instead: OpenRouter
    reports a failed answer as ``stop`` with the cause there.
    """
    word = finish_word(choice.get("finish_reason"))
    native = choice.get("native_finish_reason")
    if native and native != word:
        own = finish_word(native)
        if failed_status(own) or stop_reason_for(own) == "refusal":
            return own
    return word


def is_known(word: str) -> bool:
    return stop_reason_for(word) is not None


def stop_reason_for(word: str) -> str | None:
    """The stop reason for the finish reason ``word``; None for an unknown one and for a failure."""
    return STOP_REASON_FOR_FINISH.get(word) or ("refusal" if _is_refusal(word) else None)


@lru_cache(maxsize=256)
def failed_status(word: str) -> int | None:
    """The HTTP status for the finish reason ``word`` if it reports a failure; else None."""
    known = STATUS_FOR_FAILED_FINISH.get(word)
    if known or word in STOP_REASON_FOR_FINISH or _is_refusal(word) or not _FAILED.search(word):
        return known
    return next((status for part, status in _STATUS_FOR_FAILED_WORD if part in word), 502)


@lru_cache(maxsize=256)
def _is_refusal(word: str) -> bool:
    return word not in STATUS_FOR_FAILED_FINISH and _REFUSED.search(word) is not None


@lru_cache(maxsize=256)
def _without_prefix(word: str) -> str:
    """``word`` without a gateway's prefix, if the rest is a known finish reason.

    Prefixes such as ``function_call_filter: ``, ``FinishReason.`` and ``finish_reason_``.
    """
    end = max(word.rfind(":"), word.rfind("."))
    bare = word[end + 1 :].lstrip() if end >= 0 else word.removeprefix("finish_reason_")
    return bare if bare != word and (is_known(bare) or failed_status(bare)) else word


def is_cut(word: str) -> bool:
    """True if ``word`` says that the output or the context limit ended the answer."""
    return STOP_REASON_FOR_FINISH.get(word) in ("max_tokens", "model_context_window_exceeded")


def joint_finish(words: Collection[str]) -> str:
    """The finish reason of an answer whose choices have the finish reasons ``words``; ``""`` without any.

    A limit or a refusal in one of them takes precedence; else the last known one is returned.
    """
    last = ""
    for word in words:
        reason = stop_reason_for(word)
        if reason not in (None, "end_turn", "tool_use"):
            return word
        last = word if reason else last or word
    return last


def stop_for(
    word: str,
    *,
    tool_used: bool,
    call_cut: bool = False,
    refusal: str = "",
    matched: object = None,
    stop_sequences: Collection[str] = (),
) -> Stop:
    """The stop for the finish reason ``word``, which may be unknown or ``""``.

    ``refusal`` is the text of the upstream's refusal. ``matched`` is the stop string that the upstream
    reports (a token id is ignored). ``call_cut``: the output limit ended a tool call within its arguments.
    """
    reason = stop_reason_for(word) or "end_turn"
    if call_cut:
        return Stop(reason if is_cut(word) else "max_tokens")
    if refusal or reason == "refusal":
        details = {"type": "refusal", "category": None, "explanation": refusal or None}
        return Stop("refusal", details=details)
    if reason == "tool_use" and not tool_used:
        return Stop("end_turn")
    if reason == "end_turn":
        if tool_used:
            return Stop("tool_use")
        if is_known(word) and isinstance(matched, str) and matched in stop_sequences:
            return Stop("stop_sequence", sequence=matched)
    return Stop(reason)
