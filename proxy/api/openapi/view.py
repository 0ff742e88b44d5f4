"""GET /openapi.json: the description of the API."""

from __future__ import annotations

import orjson
from flask import Blueprint, Response, current_app

from proxy.access.declaration import OPEN
from proxy.api.context import runtime
from proxy.api.declaration import described
from proxy.api.openapi.answers import always
from proxy.api.openapi.operation import Operation, json_answer
from proxy.schemas.fields import Object, Text, WireSchema

bp = Blueprint("openapi", __name__)

_documents: dict[tuple[bool, bool, bool], bytes] = {}
"""The documents that were generated so far, by the settings that change them."""


class OpenApi(WireSchema):
    openapi = always(Text)
    paths = always(Object)


DESCRIBE = Operation(
    summary="This document",
    answers=json_answer("The document.", OpenApi),
    listed="openapi",
)


@bp.get("/openapi.json", access=OPEN, operation=DESCRIBE)
def openapi() -> Response:
    shared = runtime()
    providers = shared.registry.providers
    kind = (
        shared.provider.native,
        any(provider.native for provider in providers),
        shared.settings.default_max_tokens is None,
    )
    if kind not in _documents:
        # Not when the process starts, because it takes 0.1 s and few clients request it.
        from proxy.api.openapi.document import openapi_document

        _, native_answers, max_tokens_required = kind
        document = openapi_document(
            described(current_app.url_map),
            native_answers=native_answers,
            max_tokens_required=max_tokens_required,
        )
        _documents[kind] = orjson.dumps(document)
    return Response(_documents[kind], content_type="application/json")
