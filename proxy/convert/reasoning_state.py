"""State of a Responses upstream's reasoning and searches <-> opaque text that the client stores.

Rule: encrypted content is carried verbatim, ``cp1.r1.ORIGIN.ITEM_ID.ENCRYPTED``, in the signature of a
thinking block or in the data of a ``redacted_thinking`` block; whatever does not fit that form is packed
as JSON. ORIGIN names the host that can read it and contains neither key nor model (docs/protocol.md 12.5).
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import orjson

from proxy.convert.reply.reasoning import SIGNATURE_PREFIX

STATE_PREFIX = f"{SIGNATURE_PREFIX}r1."
ORIGIN_DIGITS = 8

_VERBATIM = re.compile(r"[A-Za-z0-9_=+/-]+")
_ITEM_ID = re.compile(r"[A-Za-z0-9_-]*")
_PORTS: Mapping[str, int] = {"http": 80, "https": 443}


class ReasoningState(NamedTuple):
    """The encrypted content of one reasoning item."""

    origin: str
    item_id: str
    """Empty if the upstream gave none."""
    encrypted: str


@lru_cache(maxsize=1024)
def origin_of(base_url: str) -> str:
    """Eight hexadecimal digits that name scheme, host and port of ``base_url``."""
    parts = urlsplit(base_url)
    scheme = parts.scheme.lower()
    port = parts.port or _PORTS.get(scheme, 0)
    place = f"{scheme}://{(parts.hostname or '').lower()}:{port}"
    return sha256(place.encode("utf-8", "surrogatepass")).hexdigest()[:ORIGIN_DIGITS]


def packed_state(origin: str, item_id: str, encrypted: str) -> str:
    """The text that carries ``encrypted``, of the reasoning item with ``item_id`` (``""``: no id)."""
    if _VERBATIM.fullmatch(encrypted) and _ITEM_ID.fullmatch(item_id):
        return f"{STATE_PREFIX}{origin}.{item_id}.{encrypted}"
    item = {"type": "reasoning", "id": item_id, "encrypted_content": encrypted}
    return packed_item(origin, item)


def unpacked_state(text: str) -> ReasoningState | None:
    """The state that ``text`` carries; None if it carries none."""
    if text.startswith(STATE_PREFIX):
        parts = text[len(STATE_PREFIX) :].split(".", 2)
        if len(parts) != 3 or not parts[2]:
            return None
        return ReasoningState(*parts)
    found = unpacked_item(text)
    if found is None:
        return None
    origin, item = found
    item_id, encrypted = item.get("id") or "", item.get("encrypted_content")
    if item.get("type") != "reasoning" or not isinstance(item_id, str):
        return None
    if not isinstance(encrypted, str) or not encrypted:
        return None
    return ReasoningState(origin, item_id, encrypted)


def packed_item(origin: str, item: Mapping[str, Any]) -> str:
    """The text that carries a whole ``item``, such as a ``web_search_call`` without its sources."""
    state = orjson.dumps({"responses_item": _writable(dict(item)), "at": origin})
    return SIGNATURE_PREFIX + urlsafe_b64encode(state).decode()


def unpacked_item(text: str) -> tuple[str, dict[str, Any]] | None:
    """Origin and item of ``packed_item``; None if ``text`` carries no item."""
    if not text.startswith(SIGNATURE_PREFIX) or text.startswith(STATE_PREFIX):
        return None
    try:
        state = orjson.loads(urlsafe_b64decode(text.removeprefix(SIGNATURE_PREFIX)))
    except ValueError:
        return None
    if not isinstance(state, dict):
        return None
    origin, item = state.get("at"), state.get("responses_item")
    return (origin, item) if isinstance(origin, str) and isinstance(item, dict) else None


def _writable(value: Any) -> Any:
    """``value`` without lone surrogates, which JSON in UTF-8 cannot contain."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {_writable(key): _writable(member) for key, member in value.items()}
    return [_writable(member) for member in value] if isinstance(value, list) else value
