"""The client whose limits a request counts against.

Rule: a client is identified by its auth key, else by its key that is sent upstream, else by its
address. A key that is neither checked nor sent is ignored, since it could differ in each request. Only
a hash is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256

from proxy.access.auth import client_keys, holds_auth_key


def client_identity(
    headers: Mapping[str, str],
    auth_keys: Sequence[str],
    address: str,
    *,
    dynamic: bool = False,
    server_key: bool = False,
) -> str:
    """32 hexadecimal digits that identify the client; raises ``AuthenticationFailed``.

    ``auth_keys`` are those in force; ``server_key``: there are none, and the server's key is sent
    upstream. On ``dynamic`` routes the client's ``Authorization`` is always the key sent upstream.
    """
    keys = client_keys(headers)
    for key in keys:
        if auth_keys and holds_auth_key((key,), auth_keys):
            return _hashed("key", key)
    if keys and (dynamic or not server_key):
        return _hashed("key", keys[-1] if dynamic else keys[0])
    return _hashed("address", address)


def client_address(peer: str | None, forwarded_for: str | None) -> str:
    """The client's address: the peer's, or the one that a reverse proxy on this machine reports.

    ``forwarded_for``: the header ``x-forwarded-for``, whose last element the reverse proxy added.
    """
    # A socket that listens for IPv4 and IPv6 reports IPv4 peers as IPv4-mapped IPv6 addresses.
    local = not peer or peer in ("127.0.0.1", "::1", "::ffff:127.0.0.1")
    if local and forwarded_for:
        return forwarded_for.rpartition(",")[2].strip()
    return peer or ""


def _hashed(kind: str, value: str) -> str:
    return sha256(f"{kind}:{value}".encode()).hexdigest()[:32]
