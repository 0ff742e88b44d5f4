"""Whether a refusal says something about the key or the provider, or only about the refused request.

Rule: the status alone does not tell. Upstreams answer 401, 402 and 429 also where one request is too
large, names a model that the key may not use or holds what a filter refuses, and 500 where they cannot
read what it holds. Such a refusal must not take the key or the provider from other clients.
"""

from __future__ import annotations

import re

from proxy.errors import UpstreamError
from proxy.failures.classify import CONTEXT_OVERFLOW
from proxy.failures.complaints import LONGEST_TEXT
from proxy.failures.context_overflow import overflow_message
from proxy.failures.error_body import ErrorFacts
from proxy.failures.healing import is_refusal
from proxy.failures.limit_steps import LEAST_WORTHWHILE, affordable_tokens
from proxy.failures.other_statuses import NEVER
from proxy.failures.refused_media import is_unreadable_image

_SIZE = (
    r"\b(?:request|payload|body|entity|prompt|messages?|conversation|input|context|content|output"
    r"|max_tokens)(?: body| entity| tokens?| size| length)?(?: is| are)? too (?:large|big|long|high|many)\b"
    r"|\btokens must be reduced\b|\blong[- ]context (?:requests?|beta|prompts?|window)\b"
    r"|\btokens? limit exceeded: \d|\b(?:maximum|max) (?:context|prompt|input) length\b"
    r"|\btoo many (?:images|files|documents|tools)\b"
)
_MODEL = (
    r"\bmodels?\b.{0,120}?(?:does not exist|not exist|not found|not (?:allowed|permitted|enabled|supported"
    r"|included|open)|(?:is|are) not a valid|requires? (?:a |an )?(?:\w+ ){0,3}(?:plan|tier|subscription))"
    r"|\b(?:not|n't) (?:allowed|permitted|authori[sz]ed|entitled|have (?:\w+ )?(?:access|permission))"
    r"[^.\n]{0,40}\bmodels?\b"
    r"|\b(?:key|team|user|project|org)_model_access_denied\b|\bmodel_not_(?:found|allowed|available)\b"
    r"|\bunknown model|\bno such model|\binvalid model\b|\blimit: 0\b(?![.\d])|模型不存在|无权访问.{0,6}模型"
)
_CONTENT = (
    r"\bcontent[_ -]?(?:filter|polic|management|moderation|safety|inspection)|\bdata.?inspection"
    r"|\bflagged (?:as|by|for)\b|\b(?:blocked|rejected|refused)\b.{0,40}\b(?:moderation|safety|polic(?:y|ies)"
    r"|high.risk|inappropriate|sensitive)"
    r"|\b(?:inappropriate|sensitive|harmful|unsafe|prohibited|high.risk) (?:content|words?|information|input)\b"
    r"|\bviolat\w+ (?:\w+ ){0,4}(?:usage |content |safety )?polic(?:y|ies)\b"
    r"|\bsafety (?:system|settings|filter|check)\b|敏感|违规|不当内容"
)
_PLACE = r"\bunsupported_country_region_territory\b|\b(?:country|region|territory)\b.{0,40}\bnot supported\b"
_OF_REQUEST = re.compile(f"{_SIZE}|{_MODEL}|{_CONTENT}|{_PLACE}", re.IGNORECASE)
"""Words by which an upstream refuses one request for its size, its model, its content or its origin."""
_SMALLER = re.compile(
    r"\breduce (?:the |your )?(?:\w+ ){0,3}(?:size|length|tokens?|prompt|messages?|input|output|max_tokens)\b"
    r"|\blower (?:the |your )?(?:max_tokens|number of tokens)\b|\bshorten (?:the |your )"
    r"|\bfewer (?:max_|input |output |prompt )?tokens\b|\bcontext (?:length|window)\b"
    r"|\bmax_tokens\b.{0,80}\b(?:exceeds?|larger than|greater than|more than|at most)\b",
    re.IGNORECASE,
)
"""Advice that also accompanies a limit of the key; then the upstream states when to try again."""


def concerns_request(error: UpstreamError, *, wait_stated: bool) -> bool:
    """Whether ``error`` is about what the refused request is or holds.

    True: with the same key, a smaller or another request would not have been refused. False where this
    is not known. ``wait_stated``: the upstream says when to try again.
    """
    if error.code == CONTEXT_OVERFLOW:
        return True
    text = f"{error.code or ''} {error.text}"[:LONGEST_TEXT]
    if (error.upstream_status or error.status) >= 500:
        return _is_unreadable(error)
    if _OF_REQUEST.search(text) or _affords_less(text):
        return True
    return not wait_stated and _SMALLER.search(text) is not None


def _affords_less(text: str) -> bool:
    """Whether the account has credit for an answer, but not for one of the requested length."""
    return (affordable_tokens(text.lower()) or 0) >= LEAST_WORTHWHILE


def _is_unreadable(error: UpstreamError) -> bool:
    """Whether a server could not process what the request holds, which it reports as its own failure."""
    if (error.upstream_status or error.status) in NEVER:
        return False
    facts = ErrorFacts(message=error.text[:LONGEST_TEXT])
    return (
        is_unreadable_image(facts)
        or overflow_message(facts) is not None
        or is_refusal(error, error.text)
    )
