"""GET /openapi.json: what this service takes and answers."""

from __future__ import annotations

import orjson
from flask import Blueprint, Response

from proxy.api.context import runtime

bp = Blueprint("openapi", __name__)

_documents: dict[tuple[bool, bool, bool], bytes] = {}
"""As they were asked for, by what distinguishes them."""


@bp.get("/openapi.json")
def openapi() -> Response:
    shared = runtime()
    providers = shared.registry.providers
    kind = (
        shared.provider.direct,
        any(provider.direct for provider in providers),
        shared.settings.default_max_tokens is None,
    )
    if kind not in _documents:
        # Not at the start: it takes a tenth of a second, and few ask for it.
        from proxy.api.openapi import openapi_document

        native_paths, native_answers, max_tokens_required = kind
        document = openapi_document(
            native_paths=native_paths,
            native_answers=native_answers,
            max_tokens_required=max_tokens_required,
        )
        _documents[kind] = orjson.dumps(document)
    return Response(_documents[kind], content_type="application/json")
