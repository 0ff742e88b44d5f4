"""Health probes, which need no key and make no upstream call."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Blueprint, Response

from proxy import __version__
from proxy.access.declaration import PROBE
from proxy.api.context import runtime
from proxy.api.openapi.answers import always
from proxy.api.openapi.operation import Answer, Operation, json_answer
from proxy.api.responses import json_response
from proxy.schemas.fields import Choice, Flag, Text, WireSchema

bp = Blueprint("health", __name__)


class Health(WireSchema):
    status = always(Choice, "healthy")
    timestamp = always(Text)
    version = always(Text)
    mode = always(Choice, "fixed", "passthrough", "mixed")
    openai_api_configured = always(Flag)
    client_api_key_validation = always(Flag)


class Readiness(WireSchema):
    status = always(Choice, "ready", "draining")


LIVENESS = Operation(
    summary="Liveness", answers=json_answer("The worker answers.", Health), listed="health"
)
READINESS = Operation(
    summary="Readiness",
    answers={
        200: Answer("The worker takes requests.", Readiness),
        503: Answer("It is stopping.", Readiness),
    },
    listed="readiness",
)


@bp.get("/livez", access=PROBE, operation=LIVENESS)
@bp.get("/healthz", access=PROBE, operation=LIVENESS)
@bp.get("/health", access=PROBE, operation=LIVENESS)
def health() -> Response:
    """Liveness: the worker can answer."""
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


@bp.get("/readyz", access=PROBE, operation=READINESS)
def readyz() -> Response:
    """Readiness: the worker accepts requests and is not shutting down."""
    if runtime().drain.stopping:
        return json_response({"status": "draining"}, 503)
    return json_response({"status": "ready"})
