"""``finish_reason`` -> ``stop_reason``.

Rule: the table of docs/protocol.md section 3 is this table. Values compare without case. A reason
that says the upstream failed is no stop reason: callers ask ``STATUS_FOR_FAILED_FINISH`` first.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
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
        return value.strip().lower()
    return "" if not value else "?"


def is_known(word: str) -> bool:
    return word in STOP_REASON_FOR_FINISH


def joint_finish(words: Collection[str]) -> str:
    """The ``finish_word`` of an answer whose choices have ``words``; ``""`` without any.

    A limit or a refusal in one of them decides; else the last known word does.
    """
    last = ""
    for word in words:
        reason = STOP_REASON_FOR_FINISH.get(word)
        if reason not in (None, "end_turn", "tool_use"):
            return word
        last = word if reason else last or word
    return last


def stop_for(
    word: str,
    *,
    tool_used: bool,
    refusal: str = "",
    matched: object = None,
    stop_sequences: Collection[str] = (),
) -> Stop:
    """The stop for a ``finish_word``, which may be unknown or ``""``.

    ``refusal`` is the text of the upstream's refusal, ``matched`` what it says stopped the answer
    (a string, or a token id, which is ignored).
    """
    reason = STOP_REASON_FOR_FINISH.get(word, "end_turn")
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
