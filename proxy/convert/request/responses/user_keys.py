"""``metadata.user_id`` -> ``prompt_cache_key`` and ``safety_identifier``.

Rule: the cache key stands for a session, the identifier for a person; both are hashes, because an upstream
must not get the client's names (docs/protocol.md 12.2). A cut ``user_id`` is no key: it begins with the
device, so that all sessions of a machine would share one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import orjson

from proxy.convert.request.drops import Drops
from proxy.providers.profiles.base import Profile

_OLDER = re.compile(
    r"user_(?P<device_id>.*)_account_(?P<account_uuid>.*)_session_(?P<session_id>.+)"
)
"""What Claude Code sent before it sent JSON."""


def user_fields(request: Mapping[str, Any], profile: Profile, drops: Drops) -> dict[str, str]:
    """Both fields, as far as the upstream takes them and the client named a user or a session."""
    user = (request.get("metadata") or {}).get("user_id")
    fields: dict[str, str] = {}
    if user and (profile.cache_key or profile.user_field):
        named = _members(user)
        session = named.get("session_id")
        if session and profile.cache_key:
            fields["prompt_cache_key"] = _hashed(session)
        if profile.user_field == "safety_identifier":
            person = named.get("account_uuid") or named.get("device_id") or user
            fields["safety_identifier"] = _hashed(person)
    if not fields and request.get("metadata"):
        drops.routine("metadata")
    return fields


def _members(user: str) -> Mapping[str, str]:
    """The named parts of ``user``; empty if it is of another form."""
    older = _OLDER.fullmatch(user)
    if older is not None:
        return older.groupdict()
    if not user.startswith("{"):
        return {}
    try:
        members = orjson.loads(user)
    except ValueError:
        return {}
    return {name: value for name, value in members.items() if isinstance(value, str)}


def _hashed(text: str) -> str:
    """64 characters, the longest that OpenAI accepts."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
