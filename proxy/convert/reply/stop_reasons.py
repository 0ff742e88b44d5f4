"""``finish_reason`` -> ``stop_reason``.

Rule: the table of docs/protocol.md section 3 is this table. Values compare without case. A reason
that says the upstream failed is no stop reason: callers ask ``failed_status`` first. Words that the
table does not hold are a refusal or a failure by their meaning, else unknown.
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
    """How a message ended, as the Messages API names it."""

    reason: str
    sequence: str | None = None
    details: dict[str, Any] | None = None


def finish_word(value: object) -> str:
    """``finish_reason`` in lower case; ``""`` for null, missing and blank (docs/protocol.md 11).

    Anything else that is not a string counts as an unknown reason.
    """
    if isinstance(value, str):
        word = value.strip().lower()
        return word if word in STOP_REASON_FOR_FINISH else _without_prefix(word[:200])
    return "" if not value else "?"


def finish_of(choice: Mapping[str, Any]) -> str:
    """The finish word of a choice; the model's own where only that says failure or refusal.

    OpenRouter reports a failed answer as ``stop`` with the cause in ``native_finish_reason``.
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
    """The stop reason of a ``finish_word``; None for an unknown one and for a failure."""
    return STOP_REASON_FOR_FINISH.get(word) or ("refusal" if _is_refusal(word) else None)


@lru_cache(maxsize=256)
def failed_status(word: str) -> int | None:
    """The status of the error that a ``finish_word`` stands for; None where it is no failure."""
    known = STATUS_FOR_FAILED_FINISH.get(word)
    if known or word in STOP_REASON_FOR_FINISH or _is_refusal(word) or not _FAILED.search(word):
        return known
    return next((status for part, status in _STATUS_FOR_FAILED_WORD if part in word), 502)


@lru_cache(maxsize=256)
def _is_refusal(word: str) -> bool:
    return word not in STATUS_FOR_FAILED_FINISH and _REFUSED.search(word) is not None


@lru_cache(maxsize=256)
def _without_prefix(word: str) -> str:
    """``word`` without a gateway's prefix where what remains means something.

    Prefixes such as ``function_call_filter: ``, ``FinishReason.`` and ``finish_reason_``.
    """
    end = max(word.rfind(":"), word.rfind("."))
    bare = word[end + 1 :].lstrip() if end >= 0 else word.removeprefix("finish_reason_")
    return bare if bare != word and (is_known(bare) or failed_status(bare)) else word


def is_cut(word: str) -> bool:
    """True when ``word`` says that the output or the context limit ended the answer."""
    return STOP_REASON_FOR_FINISH.get(word) in ("max_tokens", "model_context_window_exceeded")


def joint_finish(words: Collection[str]) -> str:
    """The ``finish_word`` of an answer whose choices have ``words``; ``""`` without any.

    A limit or a refusal in one of them decides; else the last known word does.
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
    """The stop for a ``finish_word``, which may be unknown or ``""``.

    ``refusal`` is the text of the upstream's refusal, ``matched`` what it says stopped the answer
    (a string, or a token id, which is ignored). ``call_cut``: the output limit ended a tool call
    amid its arguments.
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
