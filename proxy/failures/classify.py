"""An upstream's error -> the ``UpstreamError`` that the client gets.

Rule: pure; for any answer the result is an ``UpstreamError``. Implements the parts of docs/protocol.md
section 5 that depend on the upstream's text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from proxy.errors import NO_RETRY, UpstreamError
from proxy.failures.context_overflow import overflow_message, rate_overflow_message
from proxy.failures.error_body import ErrorFacts, one_line, read_error
from proxy.failures.refused_media import is_unreadable_image, refused_media
from proxy.failures.response_headers import LONGEST_WAIT, client_headers, requested_wait
from proxy.failures.stated_wait import stated_wait
from proxy.failures.status import client_status, status_without_answer
from proxy.failures.unpaid import is_unpaid
from proxy.redaction import mask_secrets

CONTEXT_OVERFLOW = "context_length_exceeded"
"""``UpstreamError.code`` of every context overflow, independent of the upstream's code."""
INSUFFICIENT_QUOTA = "insufficient_quota"
MODEL_NOT_FOUND = "model_not_found"
OUTPUT_LIMIT_REACHED = "output_limit_reached"
"""``UpstreamError.code`` of a refusal because the answer did not fit into ``max_tokens``."""

FINAL = frozenset({401, 402, 403})
"""Statuses for the client after which a retry cannot succeed."""
HOPELESS_WAIT = 3600.0
"""Retry delay in seconds from which clients are told not to retry, since SDKs ignore longer delays."""

_MODEL_CODES = frozenset(
    {"1211", "DeploymentNotFound", "invalid_model", "model_not_exist", "model_not_found"}
)
_NO_MODEL = re.compile(
    r"\bmodels?\b.{0,200}?(?:does not exist|not exist|not found|is not a valid model)"
    r"|not a valid model|invalid model(?: name| id|:)|unknown model|no such model"
    r"|not found the model|模型不存在",
    re.IGNORECASE,
)
_GENERATED = "failed_generation"
"""The member in which Groq quotes a malformed tool call of its model."""
GENERATED_CHARACTERS = 4000
"""Characters of it that are read; a quarter of them is shown."""
_OUTPUT_ENDED = re.compile(r"could not finish the message because max_tokens", re.IGNORECASE)
_HINT_FOR_TEXT: Mapping[str, str] = {
    "--enable-auto-tool-choice": "tools need a vLLM server that was started with these options"
}


def failure_from_answer(
    status: int,
    payload: object,
    *,
    headers: Mapping[str, str] | None = None,
    model: str = "",
    now: float = 0.0,
    secrets: Iterable[str] = (),
) -> UpstreamError:
    """The error for an answer other than 2xx (docs/protocol.md section 5).

    ``payload``: decoded JSON, or the body's text or bytes. ``headers``: those of the answer; the error
    gets those for the client. ``now``: seconds since 1970, for times in the headers. ``model``: the name
    sent upstream. ``secrets``: keys to mask in addition to texts that look like keys.
    """
    secrets = tuple(secrets)
    facts = _masked(read_error(payload), secrets)
    error = _classified(facts, client_status(status), status, model)
    error.secrets = secrets
    error.headers |= client_headers(headers or {}, now=now)
    _note_wait(error, facts, now)
    return error


def failure_from_chunk(
    chunk: Mapping[str, object], *, model: str = "", secrets: Iterable[str] = ()
) -> UpstreamError:
    """The error for ``{"error": ...}`` in a stream or in a 200 body, without an HTTP status."""
    facts = read_error(chunk)
    return failure_from_facts(
        facts, status=status_without_answer(facts), model=model, secrets=secrets
    )


def failure_from_facts(
    facts: ErrorFacts,
    *,
    status: int,
    model: str = "",
    secrets: Iterable[str] = (),
    headers: Mapping[str, str] | None = None,
    now: float = 0.0,
) -> UpstreamError:
    """The error for ``facts`` of a failure inside a 200; ``status`` is the client's.

    The other arguments are those of ``failure_from_answer``; ``headers`` stand in the body.
    """
    secrets = tuple(secrets)
    facts = _masked(facts, secrets)
    error = _classified(facts, status, None, model)
    error.secrets = secrets
    error.headers |= client_headers(headers or {}, now=now)
    _note_wait(error, facts, now)
    return error


def _note_wait(error: UpstreamError, facts: ErrorFacts, now: float) -> None:
    """Add the retry delay that the error states, if its headers contain none."""
    if error.code == CONTEXT_OVERFLOW:
        # A request that is larger than the whole rate limit never succeeds, so there is no delay.
        for name in ("retry-after", "retry-after-ms"):
            error.headers.pop(name, None)
    if error.status != 429 and error.status < 500:
        return
    wait = requested_wait(error.headers, now)
    if wait is None:
        wait = stated_wait(facts, now)
        if wait is None:
            return
        error.headers["retry-after"] = f"{math.ceil(min(wait, LONGEST_WAIT)):d}"
    if wait >= HOPELESS_WAIT:
        error.headers.setdefault("x-should-retry", "false")


def _masked(facts: ErrorFacts, secrets: tuple[str, ...]) -> ErrorFacts:
    details, written = facts.details, facts.details.get(_GENERATED)
    if isinstance(written, str):
        shown = one_line(written[:GENERATED_CHARACTERS])
        details = {**details, _GENERATED: mask_secrets(shown, secrets)}
    code = facts.code and mask_secrets(facts.code, secrets)
    return replace(facts, message=mask_secrets(facts.message, secrets), code=code, details=details)


def _classified(
    facts: ErrorFacts, status: int, upstream_status: int | None, model: str
) -> UpstreamError:
    """The error by the special cases, else by the table's row for ``status``."""
    message, code = _message(facts, upstream_status), facts.code
    overflow = _overflow(facts, status, upstream_status)
    if overflow is not None:
        message, status, code = overflow, 400, CONTEXT_OVERFLOW
    elif status == 400 and _OUTPUT_ENDED.search(facts.message):
        code = OUTPUT_LIMIT_REACHED
    elif status == 402 or is_unpaid(facts):
        status, code = 402, INSUFFICIENT_QUOTA
    elif status in (400, 404) and (facts.code in _MODEL_CODES or _NO_MODEL.search(facts.message)):
        status, code = 404, MODEL_NOT_FOUND
        message = f"model: {model}" if model else message
    elif status in (400, 413) or (status == 500 and is_unreadable_image(facts)):
        refused = refused_media(facts)
        if refused is not None:
            message, status = refused, 400
    return UpstreamError(
        message,
        status=status,
        upstream_status=upstream_status,
        code=code,
        param=facts.param,
        text=facts.message or message,
        headers=NO_RETRY if status in FINAL else None,
    )


def _overflow(facts: ErrorFacts, status: int, upstream_status: int | None) -> str | None:
    message = None
    # The text of a rate limit may contain "too many tokens" as well.
    if upstream_status in (None, 400, 413, 422) and status not in (402, 429):
        message = overflow_message(facts)
    if message is None and upstream_status in (None, 400, 413, 422, 429):
        message = rate_overflow_message(facts)
    return message


def _message(facts: ErrorFacts, upstream_status: int | None) -> str:
    answered = f"answered {upstream_status}" if upstream_status else "reported an error"
    if facts.page:
        return f"the upstream {answered} with a web page: {facts.message or 'without a title'}"
    if not facts.message:
        return f"the upstream {answered} without a reason"
    written = facts.details.get(_GENERATED)
    if isinstance(written, str) and written:
        return f"{facts.message} The model wrote: {written[:1000]}"
    for text, hint in _HINT_FOR_TEXT.items():
        if text in facts.message:
            return f"{facts.message} ({hint})"
    return facts.message
