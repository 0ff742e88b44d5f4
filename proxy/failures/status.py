"""An upstream's failure -> the HTTP status for the client.

Rule: the status column of docs/protocol.md section 5. The upstream's HTTP status decides. Its text decides
only if there is no status, so a 500 stays a 500 (section 11).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from proxy.failures.error_body import ErrorFacts

STATUS_FOR_UPSTREAM: Mapping[int, int] = {
    401: 401,
    402: 402,
    403: 403,
    404: 404,
    408: 504,
    409: 409,
    413: 413,
    429: 429,
    502: 502,
    503: 529,
    504: 504,
    529: 529,
}
"""Status for the client; other 4xx are 400, other 5xx 500, anything else 502."""

KIND_PATTERN_FOR_STATUS: Mapping[int, str] = {
    402: r"insufficient.?(?:user.?)?(?:quota|balance)|billing|payment|base_resp 1008",
    429: r"rate.?limit|too.?many.?requests|resource.?exhausted|throttl|\b1302\b"
    r"|base_resp (?:1002|1039|1041|2056)",
    529: r"overload|capacity|unavailable|busy|insufficient.system.resource|\b1305\b",
    401: r"authenti|unauthori[sz]ed|invalid.?api.?key|base_resp (?:1004|2049)",
    403: r"permission|forbidden",
    404: r"not.?found",
    504: r"time.?out|deadline.?exceeded|base_resp 1001",
    413: r"too.?large",
    409: r"conflict",
    400: r"invalid|bad.?request|validation|failed.?precondition|tool_use_failed|inspection"
    r"|content.?filter|content.?policy|policy.?violation|moderation|base_resp (?:1026|1027|1042|2013)",
}
"""Patterns for an error's type and code; the first match is used. The numbers are GLM's; those after
``base_resp`` are MiniMax's."""
MESSAGE_PATTERN_FOR_STATUS: Mapping[int, str] = {
    402: r"insufficient (?:quota|balance|credits?)|exceeded your current quota",
    429: r"rate.?limit|too many requests|requests? limit reached",
    529: r"overloaded|capacity|(?:temporarily|service) unavailable",
    401: r"(?:invalid|incorrect|expired) (?:api key|access token)|unauthorized"
    r"|access token (?:is )?(?:invalid|expired|no longer valid)",
    504: r"timed out|timeout",
    400: r"inappropriate content|content (?:management )?policy|content filter|flagged as",
}


def client_status(upstream_status: int) -> int:
    """The client's status for an answer with ``upstream_status``."""
    known = STATUS_FOR_UPSTREAM.get(upstream_status)
    if known is not None:
        return known
    if 400 <= upstream_status < 500:
        return 400
    return 500 if 500 <= upstream_status < 600 else 502


def status_without_answer(facts: ErrorFacts) -> int:
    """The client's status for an error in a stream or a 200 body; 500 if the error indicates none."""
    if facts.status is not None:
        return client_status(facts.status)
    by_kind = _matching(f"{facts.kind or ''} {facts.code or ''}", KIND_PATTERN_FOR_STATUS)
    if by_kind is not None:
        return by_kind
    if facts.quoted_status is not None:
        return client_status(facts.quoted_status)
    return _matching(facts.message, MESSAGE_PATTERN_FOR_STATUS) or 500


def _matching(text: str, patterns: Mapping[int, str]) -> int | None:
    for status, pattern in patterns.items():
        if re.search(pattern, text, re.IGNORECASE):
            return status
    return None
