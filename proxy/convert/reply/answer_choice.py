"""Reads the choices, errors and usage report of an upstream's answer or chunk, before its content.

Rule: an error counts in every place, also with status 200 and also as a finish reason
(docs/protocol.md sections 3 and 5). Several choices are parts of one answer, since this proxy never
requests more than one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from proxy.convert.reply.context import ReplyContext
from proxy.convert.reply.limits import MOST_CHOICES, too_many
from proxy.convert.reply.stop_reasons import (
    STATUS_FOR_FAILED_FINISH,
    failed_status,
    finish_of,
)
from proxy.errors import Complaint, UpstreamError
from proxy.failures.bare_error import reports_failure
from proxy.failures.classify import failure_from_chunk
from proxy.failures.error_body import one_line


def answer_object(payload: object) -> dict[str, Any] | None:
    """The object in a decoded answer or chunk; Gemini wraps its errors in a list of one."""
    if isinstance(payload, list) and len(payload) == 1:
        payload = payload[0]
    return payload if isinstance(payload, dict) else None


def choices_in(payload: Mapping[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    """The choices with their numbers, sorted by number.

    Raises ``UpstreamError`` for more than MOST_CHOICES.
    """
    choices = payload.get("choices")
    if not isinstance(choices, list):
        return []
    if len(choices) > MOST_CHOICES:
        raise too_many("choices", MOST_CHOICES)
    numbered = [
        (_number(choice, place), choice)
        for place, choice in enumerate(choices)
        if isinstance(choice, dict)
    ]
    return sorted(numbered, key=itemgetter(0)) if len(numbered) > 1 else numbered


def failure_in_choices(
    choices: Iterable[tuple[int, Mapping[str, Any]]], reply: ReplyContext
) -> UpstreamError | None:
    """The failure that the finish reason of a choice reports; None if there is none."""
    for _, choice in choices:
        word = finish_of(choice)
        failure = failure_in_finish(word, choice, reply) if word else None
        if failure is not None:
            return failure
    return None


def _number(choice: Mapping[str, Any], place: int) -> int:
    number = choice.get("index")
    return number if number.__class__ is int and 0 <= number < MOST_CHOICES else place


def failure_in(payload: Mapping[str, Any], reply: ReplyContext) -> UpstreamError | None:
    """The failure in ``payload``, which has an ``error`` member or is itself an error object.

    Vendors' own forms count only if there are no choices: ``base_resp``, ``error_code``, ``code``.
    """
    error = payload.get("error")
    if error or (isinstance(error, dict | list) and "choices" not in payload):
        return _failure(payload, reply)
    if payload.get("object") == "error":
        return _failure({"error": payload}, reply)
    if not payload.get("choices") and reports_failure(payload):
        return _failure(payload, reply)
    return None


def failure_in_finish(
    word: str, choice: Mapping[str, Any], reply: ReplyContext
) -> UpstreamError | None:
    """The failure that the finish reason ``word`` reports, with the error in the choice if it has one."""
    status = failed_status(word)
    if status is None:
        return None
    error = choice.get("error")
    if error and isinstance(error, dict):
        return _failure({"error": error}, reply)
    ended = "the upstream ended its answer with finish_reason"
    named = repr(word) if word in STATUS_FOR_FAILED_FINISH else "of a failure"
    return UpstreamError(
        Complaint(f"{ended} {word!r}{_reason_in(choice)}", f"{ended} {named}"),
        status=status,
    )


def _reason_in(choice: Mapping[str, Any]) -> str:
    """The upstream's message about the finish reason (Gemini: ``finish_message``)."""
    reason = choice.get("finish_message")
    return f": {one_line(reason)[:1000]}" if reason and isinstance(reason, str) else ""


def _failure(chunk: Mapping[str, Any], reply: ReplyContext) -> UpstreamError:
    return failure_from_chunk(chunk, model=reply.model, secrets=reply.secrets)


def matched_stop(choice: Mapping[str, Any]) -> object:
    """The stop string or token that ended the choice (vLLM: ``stop_reason``, SGLang: ``matched_stop``)."""
    matched = choice.get("stop_reason")
    return choice.get("matched_stop") if matched is None else matched


def usage_report(
    payload: Mapping[str, Any], choices: Sequence[tuple[int, Mapping[str, Any]]]
) -> object:
    """The usage report of an answer or chunk; None without one. Kimi puts it into the choice."""
    report = payload.get("usage")
    for _, choice in choices:
        report = report or choice.get("usage")
    if not report:
        groq = payload.get("x_groq")
        report = groq.get("usage") if isinstance(groq, dict) else None
    return report or None
