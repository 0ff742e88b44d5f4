"""The end of a Responses answer -> a finish reason, or the failure that it reports.

Rule: this module implements the tables "Stop" and "Errors" of docs/protocol.md, Responses. The finish
reasons are those of ``proxy.convert.reply.stop_reasons``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from proxy.convert.reply.context import ReplyContext
from proxy.convert.reply.responses import event_types
from proxy.convert.reply.stop_reasons import STOPPED
from proxy.errors import UpstreamError
from proxy.failures.response_errors import failure_in

CUT = "length"
FILTERED = "content_filter"
_ENDED = frozenset({"max_messages", "steered"})
"""Reasons after which the answer counts as complete."""
_STATUS_FOR_EVENT: Mapping[str, str] = {
    event_types.COMPLETED: "completed",
    event_types.INCOMPLETE: "incomplete",
    event_types.FAILED: "failed",
    event_types.CANCELLED: "failed",
}
_UNFINISHED = frozenset({"cancelled", "queued", "in_progress"})


def status_of(event: str, answer: Mapping[str, Any]) -> str:
    """The status of the whole ``answer`` in a terminal event of the type ``event``."""
    stated = answer.get("status")
    status = stated if isinstance(stated, str) else ""
    known = _STATUS_FOR_EVENT.get(event)
    if known is None:
        return "failed" if status == "cancelled" else status or "completed"
    if known == "completed" and status in ("incomplete", "failed"):
        return status
    return known


def finish_of_answer(status: str, answer: Mapping[str, Any], warnings: Counter[str]) -> str:
    """The finish reason of an answer that did not fail."""
    if status != "incomplete":
        return STOPPED
    details = answer.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, dict) else None
    if reason == "content_filter":
        return FILTERED
    if reason in _ENDED if isinstance(reason, str) else False:
        warnings["ended_by_upstream"] += 1
        return STOPPED
    if reason not in (None, "max_output_tokens"):
        warnings["unknown_incomplete_reason"] += 1
    return CUT


def failure_of_answer(answer: Mapping[str, Any], reply: ReplyContext) -> UpstreamError:
    """The failure that an answer with the status ``failed``, or its event, reports."""
    event = {**answer, "type": event_types.FAILED}
    return failure_in(event, model=reply.model, secrets=reply.secrets)


def failure_of_status(status: str) -> UpstreamError | None:
    """The failure of a whole answer that is none, since it did not end; None for other statuses."""
    if status in _UNFINISHED:
        return UpstreamError(f"the upstream answered with a response that is {status}")
    return None


def failure_of_event(event: Mapping[str, Any], reply: ReplyContext) -> UpstreamError:
    """The failure in an event ``error``, whose error is a member or the event itself."""
    if event.get("type") not in event_types.ERRORS:
        event = {**event, "type": "error"}
    return failure_in(event, model=reply.model, secrets=reply.secrets)
