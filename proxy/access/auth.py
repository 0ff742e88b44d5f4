"""Authentication of clients, and the credential that is sent upstream.

Rule: pure functions over headers. The server's key is sent only to its own provider; an auth key of
this proxy is never sent upstream, and a credential of Anthropic's only to native upstreams
(docs/features.md "Modes and authentication").
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence

from proxy.errors import AuthenticationFailed

ANTHROPIC_START = "sk-ant-"
"""Of Anthropic's API keys and of the tokens of its subscriptions."""


def client_keys(headers: Mapping[str, str]) -> tuple[str, ...]:
    """The keys a client sent: ``x-api-key`` first, then ``Authorization: Bearer``.

    ``x-api-key: Bearer KEY`` is accepted. Raises ``AuthenticationFailed`` for a key that is not
    valid as the value of an upstream header.
    """
    keys = []
    for name in ("x-api-key", "authorization"):
        value = headers.get(name, "").strip()
        scheme, _, rest = value.partition(" ")
        if scheme.lower() == "bearer":
            value = rest.strip()
        elif name == "authorization":
            continue
        if not value:
            continue
        if not (value.isascii() and value.isprintable()) or " " in value:
            raise AuthenticationFailed(f"{name}: not a valid key")
        keys.append(value)
    return tuple(keys)


def holds_auth_key(keys: Sequence[str], auth_keys: Sequence[str]) -> bool:
    """Whether one of ``keys`` is one of ``auth_keys``, in constant time."""
    return place_of_auth_key(keys, auth_keys) > 0


def place_of_auth_key(keys: Sequence[str], auth_keys: Sequence[str]) -> int:
    """The place, from 1, of the last of ``auth_keys`` that is in ``keys``; 0 if none is.

    In constant time: all are compared.
    """
    found = 0
    for key in keys:
        for place, auth_key in enumerate(auth_keys, 1):
            found += hmac.compare_digest(key.encode(), auth_key.encode()) * (place - found)
    return found


def check_client(headers: Mapping[str, str], auth_keys: Sequence[str]) -> int:
    """The place, from 1, of the auth key that the client sent; 0 if none is in force.

    Raises ``AuthenticationFailed`` if one is in force and the client sent none.
    """
    if not auth_keys:
        return 0
    keys = client_keys(headers)
    if not keys:
        raise AuthenticationFailed("x-api-key header is required")
    place = place_of_auth_key(keys, auth_keys)
    if not place:
        raise AuthenticationFailed("invalid x-api-key")
    return place


def upstream_key(
    headers: Mapping[str, str],
    *,
    provider_key: str | None,
    auth_keys: Sequence[str],
    dynamic: bool = False,
    native: bool = False,
) -> str | None:
    """The one key that is sent upstream; None if no credential is sent.

    ``provider_key`` is the server's own (fixed-key mode). Without it the client's own key is passed
    through, ``x-api-key`` before ``Authorization``; None if the client sends only this proxy's auth
    key. On ``dynamic`` routes ``Authorization`` comes first. Only ``native`` upstreams get a
    credential of Anthropic's. Raises ``AuthenticationFailed`` when a passthrough client sent no key.
    """
    if provider_key is not None:
        return provider_key
    keys = client_keys(headers)
    if dynamic:
        keys = keys[::-1]
    own = [key for key in keys if not holds_auth_key((key,), auth_keys)]
    sent = own if native else [key for key in own if not _is_anthropic(key)]
    if sent:
        return sent[0]
    if keys:
        return None
    raise AuthenticationFailed("x-api-key header is required: it is sent on to the upstream")


def anthropic_key(headers: Mapping[str, str], auth_keys: Sequence[str]) -> str | None:
    """The client's credential at Anthropic, ``x-api-key`` first; None where it sent none."""
    keys = (key for key in client_keys(headers) if _is_anthropic(key))
    return next((key for key in keys if not holds_auth_key((key,), auth_keys)), None)


def _is_anthropic(key: str) -> bool:
    return key.lower().startswith(ANTHROPIC_START)
