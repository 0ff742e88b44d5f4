"""GET /v1/models and /v1/models/{id}: the upstream's models, in both list shapes."""

from __future__ import annotations

from flask import Blueprint, Response, request

from proxy.api.answers import json_response
from proxy.api.upstream_models import upstream_entries
from proxy.convert.models import entries_to_page, entry_for, is_claude_code
from proxy.schemas import load_models_query

bp = Blueprint("models", __name__)


@bp.get("/v1/models")
def list_models() -> Response:
    query = load_models_query(request.args.to_dict(flat=False))
    page = entries_to_page(
        upstream_entries(),
        query,
        versioned="anthropic-version" in request.headers,
        claude_code=is_claude_code(request.headers.get("user-agent", "")),
    )
    return json_response(page)


@bp.get("/v1/models/<path:model_id>")
def retrieve_model(model_id: str) -> Response:
    return json_response(entry_for(upstream_entries(), model_id))
