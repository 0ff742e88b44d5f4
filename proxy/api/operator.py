"""Access to the statistics: with a key, or from the same machine."""

from __future__ import annotations

from ipaddress import ip_address

from flask import request

from proxy.api.context import runtime
from proxy.errors import PermissionDenied

FORWARDED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
"""Headers that a reverse proxy on this machine adds to requests of clients on other machines."""


def require_operator() -> None:
    """If requests need no key, raise ``PermissionDenied`` for clients on other machines."""
    shared = runtime()
    if shared.auth_keys or shared.settings.public_metrics:
        return
    try:
        # A dual-stack socket reports IPv4 addresses as IPv6 ones.
        local = ip_address((request.remote_addr or "").removeprefix("::ffff:")).is_loopback
    except ValueError:
        # A Unix socket has no address; file permissions decide who may open it.
        local = True
    if not local or any(name in request.headers for name in FORWARDED):
        raise PermissionDenied(
            "without an auth key statistics are for loopback clients only;"
            " CLAUDE_PROXY_PUBLIC_METRICS=true opens them"
        )
