"""Headers of an upstream's answer -> headers for the client, and the retry delay that they request.

Rule: pure; a value that cannot be parsed is left out (docs/protocol.md section 5 "Headers to the
client").
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_WAIT = 86400.0
"""Maximum retry delay in seconds; a longer one is reduced to this."""

_READ = ("retry-after", "x-should-retry", "x-request-id", "x-ratelimit-")
"""How the names of headers begin that are read here."""
_NUMBER = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,9})?")
_COUNT = re.compile(r"[0-9]{1,18}")
_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,200}")
_UNIX_OR_SECONDS = re.compile(r"[0-9]{1,14}(?:\.[0-9]{1,9})?")
_DURATION = re.compile(r"(?:([\d.]+)d)?(?:([\d.]+)h)?(?:([\d.]+)m)?(?:([\d.]+)s)?(?:([\d.]+)ms)?")
_UNITS = (86400.0, 3600.0, 60.0, 1.0, 0.001)


def client_headers(headers: Mapping[str, str], *, now: float) -> dict[str, str]:
    """The headers for the client that follow from an upstream's answer.

    ``now``: seconds since 1970.
    """
    lower = {
        key: headers[name].strip() for name in headers if (key := name.lower()).startswith(_READ)
    }
    if not lower:
        return {}
    return _retry_headers(lower, now) | _request_id(lower) | _rate_limits(lower, now)


def requested_wait(headers: Mapping[str, str], now: float) -> float | None:
    """The retry delay that the upstream requests, in seconds; None if it requests none.

    ``headers`` have lower-case names. ``retry-after-ms`` is more precise than ``retry-after``.
    """
    milliseconds = headers.get("retry-after-ms", "")
    if _NUMBER.fullmatch(milliseconds):
        return float(milliseconds) / 1000
    return _wait(headers.get("retry-after", ""), now)


def _wait(text: str, now: float) -> float | None:
    """A ``Retry-After``: a number, fractions included, or an HTTP date (RFC 9110 section 10.2.3)."""
    if _NUMBER.fullmatch(text):
        return float(text)
    if not text or not text.isascii():
        return None
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def _retry_headers(headers: Mapping[str, str], now: float) -> dict[str, str]:
    found = {}
    for name, longest in (("retry-after", LONGEST_WAIT), ("retry-after-ms", LONGEST_WAIT * 1000)):
        text = headers.get(name, "")
        wait = _wait(text, now)
        if wait is not None:
            found[name] = text if wait <= longest else f"{longest:.0f}"
    retry = headers.get("x-should-retry", "").lower()
    if retry in ("true", "false"):
        found["x-should-retry"] = retry
    return found


def _request_id(headers: Mapping[str, str]) -> dict[str, str]:
    request_id = headers.get("x-request-id", "")
    return {"x-upstream-request-id": request_id} if _REQUEST_ID.fullmatch(request_id) else {}


def _rate_limits(headers: Mapping[str, str], now: float) -> dict[str, str]:
    """OpenAI's ``x-ratelimit-*`` under Anthropic's names."""
    found: dict[str, str] = {}
    if "x-ratelimit-" not in " ".join(headers):
        return found
    for what in ("requests", "tokens"):
        for kind in ("limit", "remaining"):
            amount = headers.get(f"x-ratelimit-{kind}-{what}", "")
            if _COUNT.fullmatch(amount):
                found[f"anthropic-ratelimit-{what}-{kind}"] = amount
        seconds = seconds_left(headers.get(f"x-ratelimit-reset-{what}", ""), now)
        if seconds is not None:
            reset = datetime.fromtimestamp(math.ceil(now + seconds), UTC)
            found[f"anthropic-ratelimit-{what}-reset"] = f"{reset:%Y-%m-%dT%H:%M:%SZ}"
    return found


def seconds_left(text: str, now: float) -> float | None:
    """Seconds from ``now`` for ``6m0s``, ``12ms``, ``7.5``, a Unix time or an RFC 3339 time."""
    try:
        seconds = _parsed_reset(text, now) if text else None
    except (ValueError, OverflowError):
        return None
    return seconds if seconds is not None and 0 <= seconds <= 366 * LONGEST_WAIT else None


def _parsed_reset(text: str, now: float) -> float:
    if _UNIX_OR_SECONDS.fullmatch(text):
        number = float(text)
        seconds = number / 1000 if number > 1e11 else number
        return seconds - now if seconds > 1e9 else seconds
    if match := _DURATION.fullmatch(text):
        parts = zip(match.groups(), _UNITS, strict=True)
        return sum(float(amount) * unit for amount, unit in parts if amount)
    moment = datetime.fromisoformat(text)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.timestamp() - now
