"""Who may see what is counted."""

from __future__ import annotations

from ipaddress import ip_address

from flask import request

from proxy.api.context import runtime
from proxy.errors import PermissionDenied

FORWARDED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
"""Headers by which a server in front on this machine says that it is one: its callers are others."""


def only_for_the_operator() -> None:
    """Where no key is in force, raise ``PermissionDenied`` for callers from elsewhere."""
    shared = runtime()
    if shared.auth_keys or shared.settings.public_metrics:
        return
    try:
        # A listener for both families shows IPv4 peers as IPv6 ones.
        local = ip_address((request.remote_addr or "").removeprefix("::ffff:")).is_loopback
    except ValueError:
        # A Unix socket has no address; who may open it is the operator's choice.
        local = True
    if not local or any(name in request.headers for name in FORWARDED):
        raise PermissionDenied(
            "statistics are for loopback callers where no key is in force;"
            " CLAUDE_PROXY_PUBLIC_METRICS=true opens them"
        )
