"""GET /v1/models and /v1/models/{id}: the upstream's models, in both list shapes."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, request

from proxy.access.declaration import COUNTED
from proxy.api.context import runtime
from proxy.api.native_responses import lists_itself, native_get
from proxy.api.openapi.answers import Model, ModelPage
from proxy.api.openapi.operation import LIMITS, UPSTREAM, Operation, json_answer
from proxy.api.responses import ROUTE_HEADER, json_response
from proxy.api.routed_entry import routed_entry
from proxy.api.upstream_models import listed_entries
from proxy.convert.models import entries_to_page, entry_for, is_claude_code
from proxy.schemas import load_models_query

bp = Blueprint("models", __name__)


LIST = Operation(
    summary="The models",
    answers=json_answer("One page of models; readable as OpenAI's list too.", ModelPage, LIMITS),
    errors=(*UPSTREAM, 408),
    tag="models",
    parameters=(
        "limit",
        "after_id",
        "before_id",
        "lifecycle",
        "anthropic-version",
        "x-request-id",
    ),
    passes=True,
    listed="models",
)
RETRIEVE = Operation(
    summary="One model",
    answers=json_answer("The model; readable as OpenAI's too.", Model, LIMITS),
    errors=(*UPSTREAM, 408),
    tag="models",
    parameters=("x-request-id",),
    passes=True,
    notes="The id may contain slashes, encoded or not.",
)


@bp.get("/v1/models", access=COUNTED, operation=LIST)
def list_models() -> Response:
    return native_get("/models") if lists_itself() else models_page(listed_entries())


def models_page(entries: list[dict[str, Any]], *, aliases: bool = True) -> Response:
    """The requested page of ``entries``; ``aliases``: add aliases for clients that need them."""
    query = load_models_query(request.args.to_dict(flat=False))
    page = entries_to_page(
        entries,
        query,
        versioned="anthropic-version" in request.headers,
        claude_code=aliases and is_claude_code(request.headers.get("user-agent", "")),
    )
    return json_response(page)


@bp.get("/v1/models/<path:model_id>", access=COUNTED, operation=RETRIEVE)
def retrieve_model(model_id: str) -> Response:
    if lists_itself():
        asked = runtime().router.resolve(model_id).model
        return native_get(f"/models/{quote(asked, safe='')}")
    entry, route = routed_entry(model_id)
    answer = json_response(entry or entry_for(listed_entries(), model_id))
    if route is not None:
        # Which model it is, where the upstream's list has decided.
        answer.headers[ROUTE_HEADER] = route.header
    return answer
