"""The retry delay that an error body states in its members or its message.

Rule: pure; a value that cannot be parsed is ignored. Sources: Google's ``RetryInfo``, OpenRouter's
``metadata.headers``, ``resets_in_seconds`` of Codex, sentences such as "try again in 7.66s".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from proxy.failures.error_body import ErrorFacts
from proxy.failures.response_headers import seconds_left

LONGEST_TEXT = 2000
"""Maximum number of characters of a message that are read."""
MEMBERS = 64
"""Maximum number of members of an object, or entries of a list, that are read."""

_WAIT_MEMBERS = frozenset(
    {
        "estimatedtime",  # Hugging Face, while it loads a model
        "quotaresetdelay",
        "quotaresettimestamp",
        "resetafterseconds",
        "resetat",
        "resetsat",
        "resetsinseconds",
        "retryafter",
        "retryafterseconds",
        "retrydelay",
        "xratelimitreset",
    }
)
"""Names of members in lower case, without ``-`` and ``_``."""
_MILLISECONDS = "retryafterms"
_NAME_JOINTS = str.maketrans("", "", "-_")

_AMOUNT = r"\d{1,9}(?:\.\d{1,9})?"
_UNIT = (
    r"(?:(?P<ms>ms|milliseconds?|毫秒)|(?P<s>s|secs?|seconds?|秒)|(?P<m>m|mins?|minutes?|分钟)"
    r"|(?P<h>h|hrs?|hours?|小时)|(?P<d>d|days?|天))(?![a-z])"
)
_PART = re.compile(rf"(?:,? (?:and )?)?(?P<amount>{_AMOUNT}) ?{_UNIT}", re.IGNORECASE)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BEFORE_AMOUNT = re.compile(
    r"(?:\b(?:re)?try(?:ing)?(?: again| your request)?|\bresets?|\bcome back|\bwait|\bavailable(?: again)?)"
    r"[ :\-]{1,3}(?:(?:in|after|for|at least)[ :]{1,2})?(?:about |approximately |another )?(?=\d)"
    r"|请(?:在|等待)? ?(?=\d)",
    re.IGNORECASE,
)
_DATE = r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(?: ?(Z|UTC|GMT|[+-]\d\d:?\d\d)\b)?"
_MOMENT = re.compile(
    rf"(?:\bresets?|\bagain|\bavailable|\brefreshe[sd]|将在|将于)\D{{0,30}}{_DATE}", re.IGNORECASE
)
_ZULU = frozenset({"Z", "UTC", "GMT"})
_GLM_ZONE = "+08:00"
"""GLM gives the time in Beijing, without a time zone."""


def stated_wait(facts: ErrorFacts, now: float) -> float | None:
    """The seconds after which a retry may succeed, according to the error; None if it states none.

    ``now``: seconds since 1970.
    """
    for error in reversed(facts.objects):
        for members in _objects_of(error):
            wait = _wait_in(members, now)
            if wait is not None:
                return wait
    text = facts.message[:LONGEST_TEXT]
    wait = _wait_in_words(text)
    return _wait_until(text, facts.code or "", now) if wait is None else wait


def _objects_of(error: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The error object, and its members in which vendors put delays."""
    details = error.get("details")
    listed = details[:MEMBERS] if isinstance(details, list) else []
    for each in (error, *listed):
        if isinstance(each, Mapping):
            yield each
            metadata = each.get("metadata")
            if isinstance(metadata, Mapping):
                yield metadata
                headers = metadata.get("headers")
                if isinstance(headers, Mapping):
                    yield headers


def _wait_in(members: Mapping[str, Any], now: float) -> float | None:
    for name, value in islice(members.items(), MEMBERS):
        plain = str(name).translate(_NAME_JOINTS).lower()
        if plain in _WAIT_MEMBERS or plain == _MILLISECONDS:
            wait = seconds_left(_as_text(value), now)
            if wait is not None:
                return wait / 1000 if plain == _MILLISECONDS else wait
    return None


def _as_text(value: object) -> str:
    """A number, a string or protobuf's ``{"seconds": 38}``, as a string."""
    if isinstance(value, Mapping):
        value = value.get("seconds")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value)[:64].strip()


def _wait_in_words(text: str) -> float | None:
    start = _BEFORE_AMOUNT.search(text)
    if start is None:
        return None
    seconds, at, read = 0.0, start.end(), False
    while part := _PART.match(text, at):
        seconds += float(part["amount"]) * _SECONDS[part.lastgroup or ""]
        at, read = part.end(), True
    return seconds if read else None


def _wait_until(text: str, code: str, now: float) -> float | None:
    found = _MOMENT.search(text)
    if found is None:
        return None
    moment, zone = found[1], found[2] or (_GLM_ZONE if _is_glm_limit(code) else "Z")
    return seconds_left(moment + ("+00:00" if zone.upper() in _ZULU else zone), now)


def _is_glm_limit(code: str) -> bool:
    """Whether ``code`` is one of GLM's codes for exhausted limits, 1300 to 1399."""
    return len(code) == 4 and code.startswith("13") and code.isdecimal()
