"""Refusals of reasoning that a Responses upstream gave before: its encrypted content, its ids.

Rule: whether a content can be decrypted depends on the key, the organisation and the model of an
earlier turn, so a refusal of it sets no flag. The repetition has no reasoning, and the contents are
remembered by their hash (docs/protocol.md 12.5).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from proxy.errors import UpstreamError
from proxy.failures.complaints import LONGEST_TEXT, UNKNOWN_FIELD, Refusal
from proxy.failures.response_view import items
from proxy.providers.profiles import Profile

Body = Mapping[str, Any]
Flags = dict[str, object]

REFUSED_STATE = "refused_state"
"""The name of the step whose flags are passing: they change one request."""
CODES = frozenset(
    {"invalid_encrypted_content", "thinking_signature_invalid", "encrypted_content_invalid"}
)
STATUSES = frozenset({400, 404, 422})

_CONTENT = r"encrypted[ _](?:reasoning[ _])?content"
_UNREADABLE = re.compile(
    rf"{_CONTENT}\b[^\n]{{0,200}}?(?:could not|can ?not|can't|couldn't|unable to|failed to) (?:be )?"
    r"(?:verif|decrypt|decod|pars|read|process)"
    rf"|(?:could not|can ?not|can't|couldn't|unable to|failed to|failure to) (?:verify|decrypt|decode"
    rf"|parse|read|process)[^\n]{{0,80}}{_CONTENT}"
    rf"|{_CONTENT}[^\n]{{0,80}}(?:organization_id )?(?:did|does) not match|invalid[ _]{_CONTENT}"
    rf"|{_CONTENT}\W{{0,3}} is invalid|thinking[ _]signature[ _]invalid"
)
_HALF = re.compile(r"without its required [^\n]{0,12}(?:following|reasoning)")
"""A reasoning item without the item that followed it, or the other way round."""
_NOT_FOUND = re.compile(r"\bitem with id\b[^\n]{0,120}? not found|items are not persisted when")
_ID_WANTED = re.compile(r"(?:missing|required)[^\n]{0,60}\binput\[\d+\]\.id\b"
                        r"|\binput(?:\[\d+\]|\.\d+)\.id\b[^\n]{0,60}(?:missing|required)")  # fmt: skip
_ID_PARAM = re.compile(r"input(?:\[\d+\]|\.\d+)\.id")
_NOT_SUPPORTED = re.compile(
    rf"{_CONTENT}\W{{0,3}}(?: \w+){{0,3}}? (?:not|n't|un)[ -]?(?:yet |currently )?support"
    rf"|(?:not|n't) (?:yet |currently )?support[^\n]{{0,40}}{_CONTENT}|unsupported {_CONTENT}"
)


def refuses_state(error: UpstreamError, text: str) -> bool:
    """Whether ``error`` refuses reasoning of an earlier turn, whatever its status.

    ``text``: the trusted part of its text.
    """
    if (error.upstream_status or error.status) not in STATUSES:
        return False
    own = text[:LONGEST_TEXT].lower()
    patterns = (_UNREADABLE, _HALF, _NOT_FOUND)
    return (error.code or "") in CODES or any(pattern.search(own) for pattern in patterns)


def state_flags(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    """Without reasoning, where its content cannot be decrypted or it stands without its other half."""
    refused = refusal.code in CODES or any(
        pattern.search(refusal.text) for pattern in (_UNREADABLE, _HALF)
    )
    # A call may be refused for want of reasoning that was left out before.
    return {"reasoning_items": "drop"} if refused and items(body, "reasoning") else {}


def id_flags(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    """Without the ids of reasoning, where the upstream looks them up; with them, where it wants them."""
    reasoning = items(body, "reasoning")
    if any("id" in item for item in reasoning) and _NOT_FOUND.search(refusal.text):
        return {"reasoning_ids": "omit"}
    if any("id" not in item for item in reasoning) and _wants_ids(refusal):
        return {"reasoning_ids": "send"}
    return {}


def lost_flags(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    """Without reasoning, where neither form of its ids is accepted."""
    refused = _NOT_FOUND.search(refusal.text) or _wants_ids(refusal)
    return {"reasoning_items": "drop"} if refused and items(body, "reasoning") else {}


def include_flags(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    """Without encrypted reasoning, where the model or the server has none."""
    included = body.get("include") or ()
    if not included and not any("encrypted_content" in i for i in items(body, "reasoning")):
        return {}
    if included and refusal.about("include", complaint=UNKNOWN_FIELD):
        if refusal.says("web_search_call") or "reasoning.encrypted_content" not in included:
            return without(profile, "include")
        return {"reasoning_items": "drop"}
    named = included and refusal.about(r"reasoning\.encrypted_content")
    return {"reasoning_items": "drop"} if named or _NOT_SUPPORTED.search(refusal.text) else {}


def without(profile: Profile, name: str) -> Flags:
    """The flags with which the field ``name`` is not sent."""
    unsupported = profile.unsupported
    return {} if name in unsupported else {"unsupported": (*unsupported, name)}


def state_key(encrypted: str) -> str:
    """The name under which a refused content is remembered: its SHA-256 in hexadecimal digits."""
    return sha256(encrypted.encode("utf-8", "surrogatepass")).hexdigest()


def state_keys(body: Body) -> set[str]:
    """The keys of the encrypted contents that ``body`` sends."""
    contents = (item.get("encrypted_content") for item in items(body, "reasoning"))
    return {state_key(content) for content in contents if isinstance(content, str) and content}


def _wants_ids(refusal: Refusal) -> bool:
    missing = _ID_PARAM.fullmatch(refusal.param) and refusal.says("missing|required")
    return bool(missing) or _ID_WANTED.search(refusal.text) is not None
