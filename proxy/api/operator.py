"""Who may see what is counted."""

from __future__ import annotations

from ipaddress import ip_address

from flask import request

from proxy.api.context import runtime
from proxy.errors import PermissionDenied


def only_for_the_operator() -> None:
    """Where no key is in force, raise ``PermissionDenied`` for callers from elsewhere."""
    shared = runtime()
    if shared.auth_keys or shared.settings.public_metrics:
        return
    try:
        local = ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        # A Unix socket has no address; who may open it is the operator's choice.
        local = True
    if not local or "x-forwarded-for" in request.headers:
        raise PermissionDenied(
            "statistics are for loopback callers where no key is in force;"
            " CLAUDE_PROXY_PUBLIC_METRICS=true opens them"
        )
