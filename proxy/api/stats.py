"""GET /v1/stats: what this worker has done, and what it learned."""

from __future__ import annotations

import os
from ipaddress import ip_address
from time import monotonic
from typing import Any

from flask import Blueprint, Response, request

from config.urls import without_query
from proxy.api.answers import json_response
from proxy.api.context import runtime
from proxy.errors import PermissionDenied

bp = Blueprint("stats", __name__)


@bp.get("/v1/stats")
def stats() -> Response:
    """Counters since the start of the worker that answers; each worker has its own."""
    _only_for_the_operator()
    shared = runtime()
    body: dict[str, Any] = {"worker": os.getpid(), **shared.stats.snapshot()}
    body["healings"] = [
        row | {"base_url": without_query(str(row["base_url"]))} for row in shared.learned.rows()
    ]
    body["providers"] = {
        provider.name: {"breaker": shared.states.breaker(provider).state(monotonic())}
        for provider in shared.registry.providers
    }
    return json_response(body)


def _only_for_the_operator() -> None:
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
