"""Health probes: they ask nobody and need no key."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Blueprint, Response

from proxy import __version__
from proxy.api.context import runtime
from proxy.api.responses import json_response

bp = Blueprint("health", __name__)


@bp.get("/health")
@bp.get("/healthz")
@bp.get("/livez")
def health() -> Response:
    """Liveness: the worker answers."""
    shared = runtime()
    return json_response(
        {
            "status": "healthy",
            "timestamp": datetime.now(UTC).isoformat(),
            "version": __version__,
            "mode": shared.mode,
            "openai_api_configured": shared.has_server_key,
            "client_api_key_validation": bool(shared.auth_keys),
        }
    )


@bp.get("/readyz")
def readyz() -> Response:
    """Readiness: the worker takes requests, and will go on doing so."""
    if runtime().drain.stopping:
        return json_response({"status": "draining"}, 503)
    return json_response({"status": "ready"})
