"""An upstream's refusal -> the error that the client gets.

Rule: everything in docs/protocol.md section 5 that depends on what the upstream said. Pure, and
whatever the upstream sent, the result is an ``UpstreamError``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from proxy.errors import NO_RETRY, UpstreamError
from proxy.failures.context_overflow import overflow_message
from proxy.failures.error_body import ErrorFacts, one_line, read_error
from proxy.failures.status import client_status, status_without_answer
from proxy.redaction import mask_secrets

CONTEXT_OVERFLOW = "context_length_exceeded"
"""``UpstreamError.code`` of every context overflow, whatever the upstream called it."""
INSUFFICIENT_QUOTA = "insufficient_quota"
MODEL_NOT_FOUND = "model_not_found"
OUTPUT_LIMIT_REACHED = "output_limit_reached"
"""``UpstreamError.code`` of a refusal because the reply did not fit into ``max_tokens``."""

FINAL = frozenset({401, 402, 403})
"""Client statuses that a repetition cannot change."""
LONGEST_WAIT = 86400.0
"""Seconds; longer waits that an upstream asks for are cut to this."""

_QUOTA_CODES = frozenset(
    {
        "1113",  # GLM
        "billing_hard_limit_reached",
        "billing_not_active",
        "exceeded_current_quota_error",  # Moonshot
        "insufficient_balance",
        "insufficient_quota",
    }
)
_MODEL_CODES = frozenset(
    {"1211", "DeploymentNotFound", "invalid_model", "model_not_exist", "model_not_found"}
)
_NO_MODEL = re.compile(
    r"\bmodels?\b.{0,200}?(?:does not exist|not exist|not found|is not a valid model)"
    r"|not a valid model|invalid model(?: name| id|:)|unknown model|no such model"
    r"|not found the model|模型不存在",
    re.IGNORECASE,
)
_WRITTEN = "failed_generation"
"""Groq rejects a tool call that its model wrote badly, and tells here what it wrote."""
_OUTPUT_ENDED = re.compile(r"could not finish the message because max_tokens", re.IGNORECASE)
_HINTS: Mapping[str, str] = {
    "--enable-auto-tool-choice": "tools need a vLLM server that was started with these options"
}


def failure_from_answer(
    status: int,
    payload: object,
    *,
    headers: Mapping[str, str] | None = None,
    model: str = "",
    now: float | None = None,
    secrets: Iterable[str] = (),
) -> UpstreamError:
    """The error for an answer other than 2xx (docs/protocol.md section 5).

    ``payload``: decoded JSON, or the body's text or bytes. ``headers``: the answer's; those for the
    client are put on the error, with ``now`` (seconds since 1970) the rate limits too. ``model``:
    the name sent upstream. ``secrets``: keys to mask besides those that look like keys.
    """
    facts = _masked(read_error(payload), secrets)
    error = _classified(facts, client_status(status), status, model)
    if headers is not None:
        answered = _lower(headers)
        error.headers |= _retry_headers(answered, now)
        error.headers |= {} if now is None else _state_headers(answered, now)
    return error


def failure_from_chunk(
    chunk: Mapping[str, object], *, model: str = "", secrets: Iterable[str] = ()
) -> UpstreamError:
    """The error for ``{"error": ...}`` where no HTTP status speaks: in a stream or a 200 body."""
    facts = _masked(read_error(chunk), secrets)
    return _classified(facts, status_without_answer(facts), None, model)


def client_headers(headers: Mapping[str, str], *, now: float) -> dict[str, str]:
    """The headers of an upstream's answer that the client gets, under the client's names.

    ``now``: seconds since 1970. Values that make no sense are left out (docs/protocol.md section 5
    "Headers to the client").
    """
    answered = _lower(headers)
    return _retry_headers(answered, now) | _state_headers(answered, now)


def _masked(facts: ErrorFacts, secrets: Iterable[str]) -> ErrorFacts:
    secrets = tuple(secrets)
    details, written = facts.details, facts.details.get(_WRITTEN)
    if isinstance(written, str):
        details = {**details, _WRITTEN: mask_secrets(one_line(written), secrets)}
    code = facts.code and mask_secrets(facts.code, secrets)
    return replace(facts, message=mask_secrets(facts.message, secrets), code=code, details=details)


def _classified(
    facts: ErrorFacts, status: int, upstream_status: int | None, model: str
) -> UpstreamError:
    """Special cases first, then the plain row of the table."""
    message, code = _message(facts, upstream_status), facts.code
    # A rate limit speaks of too many tokens too.
    overflow = overflow_message(facts) if upstream_status in (None, 400, 413, 422) else None
    if overflow is not None and status not in (402, 429):
        message, status, code = overflow, 400, CONTEXT_OVERFLOW
    elif status == 400 and _OUTPUT_ENDED.search(facts.message):
        code = OUTPUT_LIMIT_REACHED
    elif status == 402 or (status == 429 and not _QUOTA_CODES.isdisjoint((facts.code, facts.kind))):
        status, code = 402, INSUFFICIENT_QUOTA
    elif status in (400, 404) and (facts.code in _MODEL_CODES or _NO_MODEL.search(facts.message)):
        status, code = 404, MODEL_NOT_FOUND
        message = f"model: {model}" if model else message
    return UpstreamError(
        message,
        status=status,
        upstream_status=upstream_status,
        code=code,
        param=facts.param,
        text=facts.message or message,
        headers=NO_RETRY if status in FINAL else None,
    )


def _message(facts: ErrorFacts, upstream_status: int | None) -> str:
    answered = f"answered {upstream_status}" if upstream_status else "reported an error"
    if facts.page:
        return f"the upstream {answered} with a web page: {facts.message or 'without a title'}"
    if not facts.message:
        return f"the upstream {answered} without a reason"
    written = facts.details.get(_WRITTEN)
    if isinstance(written, str) and written:
        return f"{facts.message} The model wrote: {written[:1000]}"
    for word, hint in _HINTS.items():
        if word in facts.message:
            return f"{facts.message} ({hint})"
    return facts.message


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): headers[name].strip() for name in headers}


def _retry_headers(headers: Mapping[str, str], now: float | None) -> dict[str, str]:
    passed = {}
    for name, longest in (("retry-after", LONGEST_WAIT), ("retry-after-ms", LONGEST_WAIT * 1000)):
        wait = headers.get(name)
        if wait and (clamped := _clamped(wait, longest, now)):
            passed[name] = clamped
    verdict = headers.get("x-should-retry", "").lower()
    if verdict in ("true", "false"):
        passed["x-should-retry"] = verdict
    return passed


def _state_headers(headers: Mapping[str, str], now: float) -> dict[str, str]:
    """The upstream's request id and how much of its rate limits is left."""
    passed = {}
    request_id = headers.get("x-request-id", "")
    if re.fullmatch(r"[\x21-\x7e]{1,200}", request_id):
        passed["x-upstream-request-id"] = request_id
    if "x-ratelimit-" not in " ".join(headers):
        return passed
    for what in ("requests", "tokens"):
        for kind in ("limit", "remaining"):
            amount = headers.get(f"x-ratelimit-{kind}-{what}", "")
            if re.fullmatch(r"[0-9]{1,18}", amount):
                passed[f"anthropic-ratelimit-{what}-{kind}"] = amount
        left = headers.get(f"x-ratelimit-reset-{what}")
        seconds = _seconds_left(left, now) if left else None
        if seconds is not None:
            reset = datetime.fromtimestamp(math.ceil(now + seconds), UTC)
            passed[f"anthropic-ratelimit-{what}-reset"] = f"{reset:%Y-%m-%dT%H:%M:%SZ}"
    return passed


def _clamped(wait: str, longest: float, now: float | None) -> str:
    """A wait (a number or an HTTP date) as the upstream wrote it, unless beyond reason."""
    if re.fullmatch(r"[0-9]{1,18}(?:\.[0-9]{1,9})?", wait):
        return wait if float(wait) <= longest else f"{longest:.0f}"
    try:
        moment = parsedate_to_datetime(wait).timestamp() if wait.isascii() else None
    except (ValueError, OverflowError):
        return ""
    if moment is None:
        return ""
    return wait if now is None or moment - now <= longest else f"{longest:.0f}"


_DURATION = re.compile(r"(?:([\d.]+)d)?(?:([\d.]+)h)?(?:([\d.]+)m)?(?:([\d.]+)s)?(?:([\d.]+)ms)?")
_UNITS = (86400.0, 3600.0, 60.0, 1.0, 0.001)


def _seconds_left(text: str, now: float) -> float | None:
    """Seconds from now for ``6m0s``, ``12ms``, ``7.5`` and for moments (Unix time, RFC 3339)."""
    try:
        if re.fullmatch(r"[0-9]{1,14}(?:\.[0-9]{1,9})?", text):
            seconds = float(text)
            if seconds > 1e11:
                seconds /= 1000
            if seconds > 1e9:
                seconds -= now
        elif match := _DURATION.fullmatch(text):
            parts = zip(match.groups(), _UNITS, strict=True)
            seconds = sum(float(amount) * unit for amount, unit in parts if amount)
        else:
            moment = datetime.fromisoformat(text)
            aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            seconds = aware.timestamp() - now
    except (ValueError, OverflowError):
        return None
    return seconds if 0 <= seconds <= 366 * LONGEST_WAIT else None
