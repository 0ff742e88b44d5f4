"""A failure that a Responses upstream reports inside a 200 -> the ``UpstreamError`` for the client.

Rule: pure. ``reports_failure`` recognises a failure in an event of a stream or in a whole answer,
``failure_in`` reads it; both take the decoded JSON object. An HTTP status in the object decides, then
the table of docs/protocol.md 12.6 by code and type, then the words. Answers with another status than
200 are read as those of Chat (``classify.failure_from_answer``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

from proxy.errors import NO_RETRY, UpstreamError
from proxy.failures import bare_error
from proxy.failures.classify import failure_from_facts
from proxy.failures.error_body import ErrorFacts, read_error
from proxy.failures.status import client_status, status_without_answer

CANCELLED = ("response.cancelled", "response.canceled")
FAILED_EVENTS = ("error", "response.error", "response.failed", *CANCELLED)
RATE_LIMITS = "codex.rate_limits"
"""An event with the state of a subscription's limits; a failure only if one is reached."""
LIMIT_REACHED = "the usage limit of the account has been reached"
MOST_HEADERS = 64
_READ = (
    *("error", "message", "code", "param", "detail", "error_type", "metadata", "msg"),
    *("resets_in_seconds", "resets_at", "retry_after", "retry_after_ms"),
)
"""Members beside or in an error that are read; others belong to the event or the answer."""

STATUS_FOR_CODE: tuple[tuple[str, int], ...] = (
    (r"model_not_found|deployment_not_found|deploymentnotfound", 404),
    (r"invalid_api_key|authentication_error|invalid_authentication|unauthorized", 401),
    (r"permission_(?:error|denied)|forbidden|unsupported_country_region_territory", 403),
    (r"insufficient_quota|billing_.*|payment_required", 402),
    (r"usage_limit_(?:reached|exceeded)|usage_not_included", 429),
    (r"rate_limit.*|tokens|requests|too_many_requests", 429),
    (r"overloaded.*|slow_down|engine_overloaded|server_is_overloaded|service_unavailable", 529),
    (r".*_timeout|timeout(?:_error)?", 504),
    (r"server_error|internal_.*|upstream_error|provider_unavailable", 500),
    (
        r"invalid_.*|unsupported_.*|.*_(?:below_min|above_max)_value|.*_too_(?:large|long|small)"
        r"|image_.*|empty_image_file|failed_to_download_image|.*_policy(?:_violation)?"
        r"|content_filter|data_residency_mismatch|string_.*|array_.*|missing_required_parameter"
        r"|unknown_parameter|thinking_signature_invalid",
        400,
    ),
)
"""The client's status by a code or type, matched as a whole in lower case; the first row counts."""
HOPELESS = re.compile(
    r"usage_limit_(?:reached|exceeded)|usage_not_included|image_content_policy_violation"
    r"|(?:bio|cyber|safety)_policy(?:_violation)?|misalignment_policy_violation"
    r"|data_residency_mismatch"
)
"""Codes after which the same request fails again, so that clients are told not to repeat it."""


def reports_failure(payload: Mapping[str, Any]) -> bool:
    """Whether an event of a stream, or a whole 2xx answer, is a failure and no answer.

    ``payload``: the decoded object. ``codex.rate_limits`` with a reached limit counts; the caller
    takes it for the failure only if nothing followed it.
    """
    kind = payload.get("type")
    if kind in FAILED_EVENTS:
        return True
    if kind == RATE_LIMITS:
        return any(each.get("limit_reached") is True for each in _limits(payload))
    if isinstance(kind, str) and kind.startswith("response."):
        return False
    if payload.get("error") and (payload.get("status") == "failed" or not payload.get("output")):
        return True
    if payload.get("object") == "response" or "output" in payload:
        return payload.get("status") == "failed"
    return bare_error.reports_failure(payload)


def failure_in(
    payload: Mapping[str, Any],
    *,
    model: str = "",
    secrets: Iterable[str] = (),
    now: float = 0.0,
) -> UpstreamError:
    """The error for a ``payload`` that ``reports_failure``, in any of the forms of section 12.6.

    Forms: ``error`` flat or nested, ``response.failed``, a whole answer with the status ``failed``, an
    ``error`` object or text without a type, with a status and headers beside it. The error has no
    ``upstream_status``: a 400 can be healed and a 429 or 5xx retried while nothing was sent. ``model``:
    the name sent upstream. ``secrets``: keys to mask. ``now``: seconds since 1970, for times in
    headers.
    """
    facts = _facts(payload)
    status = _status(facts)
    error = failure_from_facts(
        facts, status=status, model=model, secrets=secrets, headers=_headers(payload), now=now
    )
    if any(HOPELESS.fullmatch(word) for word in _words(facts)):
        error.headers |= NO_RETRY
    return error


def _facts(payload: Mapping[str, Any]) -> ErrorFacts:
    facts = read_error(_error_of(payload))
    named = payload.get("error_type")
    if isinstance(named, str) and named:
        # OpenRouter's codes are those of another protocol; this member says what happened.
        facts = replace(facts, code=named[:100], kind=named[:100])
    return facts


def _error_of(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """What says that the request failed and why, without the other members of an event or answer."""
    kind, response = payload.get("type"), payload.get("response")
    status = _number(payload.get("status_code")) or _number(payload.get("status"))
    stated = {"status_code": status} if status else {}
    for holder in (response, payload):
        if isinstance(holder, Mapping) and holder.get("error"):
            return stated | {name: holder[name] for name in _READ if name in holder}
    if kind == RATE_LIMITS:
        full = [each for each in _limits(payload) if _number(each.get("used_percent")) >= 100]
        return {"message": LIMIT_REACHED, "code": "usage_limit_reached", "details": full}
    if kind in CANCELLED:
        return {"message": "the upstream cancelled the response", "status_code": 502}
    if kind not in FAILED_EVENTS and not isinstance(response, Mapping):
        return payload
    return stated | {name: payload[name] for name in _READ if name in payload}


def _number(value: object) -> int:
    """``value`` if it is an integer, or three digits; else 0."""
    if isinstance(value, str) and value.isdecimal() and len(value) == 3:
        value = int(value)
    return value if isinstance(value, int) else 0


def _limits(payload: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The event itself and the objects in it that describe a limit."""
    yield payload
    inner = payload.get("rate_limits")
    for each in (inner, *(inner.values() if isinstance(inner, Mapping) else ())):
        if isinstance(each, Mapping):
            yield each


def _words(facts: ErrorFacts) -> list[str]:
    """Code and type in lower case; the code says more."""
    return [word.lower() for word in (facts.code, facts.kind) if word]


def _status(facts: ErrorFacts) -> int:
    if facts.status is not None:
        return client_status(facts.status)
    for word in _words(facts):
        for pattern, status in STATUS_FOR_CODE:
            if re.fullmatch(pattern, word):
                return status
    return status_without_answer(facts)


def _headers(payload: Mapping[str, Any]) -> dict[str, str]:
    """The headers that an event repeats of an answer, as texts."""
    error = payload.get("error")
    holders = (payload, error) if isinstance(error, Mapping) else (payload,)
    for holder in holders:
        headers = holder.get("headers")
        if isinstance(headers, Mapping):
            listed = islice(headers.items(), MOST_HEADERS)
            return {
                str(name): str(value)[:200]
                for name, value in listed
                if isinstance(value, str | int | float)
            }
    return {}
