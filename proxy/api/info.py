"""What this service is, and small courtesies that keep probes out of the error log."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from config.urls import without_query
from proxy import __version__
from proxy.access.auth import check_client
from proxy.api.application import no_content
from proxy.api.context import credential_headers, runtime
from proxy.api.responses import json_response
from proxy.errors import AuthenticationFailed

bp = Blueprint("service", __name__)

ENDPOINTS = {
    "messages": "POST /v1/messages",
    "count_tokens": "POST /v1/messages/count_tokens",
    "test_conversion": "POST /v1/messages/test_conversion",
    "models": "GET /v1/models",
    "health": "GET /health",
    "readiness": "GET /readyz",
    "test_connection": "GET /test-connection",
    "stats": "GET /v1/stats",
    "metrics": "GET /metrics",
    "openapi": "GET /openapi.json",
}
FEATURES = [
    "streaming",
    "tools",
    "parallel_tools",
    "thinking",
    "images",
    "documents",
    "structured_outputs",
    "token_counting",
    "self_healing",
    "dry_run",
]


@bp.get("/")
@bp.get("/status")
def index() -> Response:
    """Service information; configuration only for a caller who holds the key."""
    body: dict[str, Any] = {
        "name": "claude-proxy",
        "message": "Anthropic Messages API for OpenAI-compatible upstreams",
        "version": __version__,
        "status": "running",
        "health": "ok",
        "endpoints": ENDPOINTS,
        "features": FEATURES,
    }
    if _may_see_configuration():
        body["configuration"] = _configuration()
    return json_response(body)


@bp.get("/favicon.ico")
def favicon() -> Response:
    return no_content()


@bp.post("/api/event_logging/batch")
def event_logging() -> Response:
    """Clients' telemetry, which is not kept."""
    return json_response({})


def _may_see_configuration() -> bool:
    try:
        check_client(credential_headers(), runtime().auth_keys)
    except AuthenticationFailed:
        return False
    return True


def _configuration() -> dict[str, Any]:
    shared = runtime()
    tiers = shared.router.tiers
    return {
        "mode": shared.mode,
        "upstream": without_query(shared.provider.base_url),
        "provider": shared.provider.name,
        "providers": [provider.name for provider in shared.registry.providers],
        "registered_models": len(shared.registry.models),
        "big_model": tiers.big,
        "middle_model": tiers.middle,
        "small_model": tiers.small,
        "api_key_configured": shared.has_server_key,
        "client_api_key_validation": bool(shared.auth_keys),
    }
