"""Refusals by which an upstream says that it serves a model by the other protocol.

Rule: a switch to Responses needs words that name it; a switch to Chat Completions, that the endpoint
or the protocol is missing, not the model. Each is made once in a request and only where the profile
allows it (docs/protocol.md 12.1).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from proxy.errors import UpstreamError
from proxy.failures.classify import MODEL_NOT_FOUND
from proxy.failures.complaints import LONGEST_TEXT, Refusal
from proxy.providers.profiles import Profile

Body = Mapping[str, Any]
Flags = dict[str, object]

API = "api"
"""The flag, and the name of the healing step."""
REFUSED_STATUSES = frozenset({400, 404, 422})
NO_ENDPOINT = frozenset({405, 501})
OPENAI_HOSTS = frozenset({"openai", "azure"})

_RESPONSES = re.compile(
    r"only (?:supported|available|accessible) (?:in|via|through|with|on) (?:the )?/?(?:v1/)?responses\b"
    r"|\buse (?:the )?[`'\"]?/?v1/responses\b|\buse (?:the )?(?:/responses|responses api)\b"
    r"|not accessible (?:via|in|through|with|on) (?:the )?/?(?:v1/)?chat/completions\b"
    r"|not (?:supported|available) (?:via|in|through|with|on) (?:the )?/?(?:v1/)?chat/completions\b"
    r"(?=.*\bresponses\b)"
    r"|/chat/completions is not supported.*/responses\b"
    r"|/responses\b.*/chat/completions is not supported",
    re.DOTALL,
)
_RESPONSES_CODE = "unsupported_api_for_model"
_NO_CHAT_MODEL = re.compile(r"\bnot a chat model\b")
_AZURE_CODE, _AZURE_WORDS = "operationnotsupported", "chatcompletion operation does not work"

_CHAT = re.compile(
    r"not (?:supported|available|accessible) (?:in|via|through|with|on) (?:the )?/?(?:v1/)?responses\b"
    r"|\bresponses (?:api|endpoint) (?:is |was )?(?:not|un)[ -]?(?:yet |currently )?(?:supported|available"
    r"|enabled|implemented)"
    r"|(?:not|n't) (?:yet |currently )?(?:support|implement)(?:ed)? (?:the )?(?:openai )?/?(?:v1/)?responses"
    r"(?: api| endpoint)?\b"
)
_NO_ROUTE = re.compile(
    r"unknown (?:request )?url|invalid url|(?:page|file|path|endpoint|resource|url) (?:was )?not found"
    r"|\bno route\b|\broute\b.{0,80}not found|\bcannot post\b|no such (?:endpoint|route|path)|^not found\.?$"
)
_NO_JSON = re.compile(r"the upstream answered \d+ with(?: a web page|out a reason)")
"""How proxy/failures/classify.py words an answer whose body is a page or empty."""


def names_responses(refusal: Refusal, vendor: str) -> bool:
    """Whether a refusal of a Chat Completions call says that Responses serves the model."""
    if refusal.code == _RESPONSES_CODE or _RESPONSES.search(refusal.text):
        return True
    if refusal.code == _AZURE_CODE and _AZURE_WORDS in refusal.text:
        return True
    return vendor in OPENAI_HOSTS and _NO_CHAT_MODEL.search(refusal.text) is not None


def responses_flags(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    """The switch from Chat Completions to Responses."""
    allowed = profile.api_switch and profile.api == "chat"
    return {API: "responses"} if allowed and names_responses(refusal, profile.name) else {}


def may_name_responses(error: UpstreamError, text: str) -> bool:
    """Whether ``error``, whatever its status, may be a refusal that ``names_responses``."""
    if error.upstream_status not in REFUSED_STATUSES:
        return False
    refusal = Refusal(text[:LONGEST_TEXT].lower(), "", (error.code or "").lower())
    return any(names_responses(refusal, vendor) for vendor in ("", *OPENAI_HOSTS))


def lacks_responses(error: UpstreamError, text: str, model: str) -> bool:
    """Whether ``error`` of a Responses call says that the upstream has no such endpoint or protocol.

    ``text``: the trusted part of its text. ``model``: the name that was sent.
    """
    status = error.upstream_status
    own = text[:LONGEST_TEXT].lower()
    if error.code == MODEL_NOT_FOUND or status is None:
        return False
    if status in REFUSED_STATUSES | NO_ENDPOINT and _CHAT.search(own):
        return True
    if model and model.lower() in own:
        return False
    if status in NO_ENDPOINT:
        return True
    if status != 404:
        return False
    missing = (error.code or "").lower() == "unknown_url" or _NO_ROUTE.search(own.strip())
    return bool(missing) or _NO_JSON.match(error.message) is not None
