"""Access to the statistics: with a key, or from this machine."""

from __future__ import annotations

from ipaddress import ip_address

from flask import request

from proxy.api.context import runtime
from proxy.errors import PermissionDenied

FORWARDED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
"""Headers of a reverse proxy on this machine, whose clients are not on this machine."""


def require_operator() -> None:
    """Where no key is in force, raise ``PermissionDenied`` for clients of other machines."""
    shared = runtime()
    if shared.auth_keys or shared.settings.public_metrics:
        return
    try:
        # A listener for both families shows IPv4 peers as IPv6 ones.
        local = ip_address((request.remote_addr or "").removeprefix("::ffff:")).is_loopback
    except ValueError:
        # A Unix socket has no address; file permissions decide who may open it.
        local = True
    if not local or any(name in request.headers for name in FORWARDED):
        raise PermissionDenied(
            "without an auth key statistics are for loopback clients only;"
            " CLAUDE_PROXY_PUBLIC_METRICS=true opens them"
        )
