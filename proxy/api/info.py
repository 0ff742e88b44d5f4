"""Service information, the icon of browsers, and the telemetry of clients."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, current_app

from config.urls import without_query
from proxy import __version__
from proxy.access.auth import check_client
from proxy.access.declaration import OPEN, PROBE
from proxy.api.application import no_content
from proxy.api.context import credential_headers, runtime
from proxy.api.declaration import described
from proxy.api.default_model import known_decision
from proxy.api.openapi.answers import always, sometimes
from proxy.api.openapi.operation import Answer, Operation, json_answer
from proxy.api.responses import json_response
from proxy.errors import AuthenticationFailed
from proxy.providers.model_names import NAME_OF_TIER
from proxy.providers.tier_models import tier_models
from proxy.schemas.fields import Choice, Items, Object, Text, WireSchema

bp = Blueprint("service", __name__)

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


class Service(WireSchema):
    name = always(Choice, "claude-proxy")
    message = always(Text)
    version = always(Text)
    status = always(Choice, "running")
    health = always(Choice, "ok")
    endpoints = always(Object)
    features = always(Items, Text())
    configuration = sometimes(Object)


class Nothing(WireSchema):
    """An empty object."""


SERVICE = Operation(
    summary="The service",
    answers=json_answer(
        "Version and endpoints; the configuration only for a caller with the key.", Service
    ),
)
NO_ICON = Operation(summary="No icon", answers={204: Answer("There is none.", None)})
TELEMETRY = Operation(
    summary="Clients' telemetry, which is discarded",
    answers=json_answer("Accepted.", Nothing),
)


@bp.get("/status", access=OPEN, operation=SERVICE)
@bp.get("/", access=OPEN, operation=SERVICE)
def index() -> Response:
    """Service information; the configuration only for a caller with the key."""
    body: dict[str, Any] = {
        "name": "claude-proxy",
        "message": "claude-proxy",
        "version": __version__,
        "status": "running",
        "health": "ok",
        "endpoints": _listed(),
        "features": FEATURES,
    }
    if _may_see_configuration():
        body["configuration"] = _configuration()
    return json_response(body)


@bp.get("/favicon.ico", access=PROBE, operation=NO_ICON)
def favicon() -> Response:
    return no_content()


@bp.post("/api/event_logging/<path:kind>", access=OPEN, operation=TELEMETRY)
def event_logging(kind: str) -> Response:
    """Accept and discard telemetry of clients of any ``kind``, such as ``v2/batch``."""
    return json_response({})


def _listed() -> dict[str, str]:
    """The named endpoints, each with its first path."""
    found: dict[str, str] = {}
    for method, path, _, operation, _ in described(current_app.url_map):
        if operation.listed:
            found.setdefault(operation.listed, f"{method} {path}")
    return found


def _may_see_configuration() -> bool:
    try:
        check_client(credential_headers(), runtime().auth_keys)
    except AuthenticationFailed:
        return False
    return True


def _configuration() -> dict[str, Any]:
    shared = runtime()
    return {
        "mode": shared.mode,
        "upstream": without_query(shared.provider.base_url),
        "provider": shared.provider.name,
        "providers": [provider.name for provider in shared.registry.providers],
        "registered_models": len(shared.registry.models),
        "tiers": {name: tier.as_json() for name, tier in tier_models(shared.router).items()},
        **_models(),
        "api_key_configured": shared.has_server_key,
        "client_api_key_validation": bool(shared.auth_keys),
    }


def _models() -> dict[str, str]:
    """The model of each class, and what is known of the choice where the upstream's list decides."""
    router = runtime().router
    shown = {f"{tier}_model": model for tier, model in router.tiers._asdict().items()}
    for tier in sorted(router.undecided):
        route, choice = known_decision(router.resolve(NAME_OF_TIER[tier]))
        shown |= {f"{tier}_model": route.model, "model_choice": choice}
    return shown
