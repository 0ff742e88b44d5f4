"""Every other path of a native default upstream, such as ``/v1/files`` (docs/protocol.md 10.12).

Rule: registered only if the default upstream is native; paths with their own rule take precedence.
"""

from __future__ import annotations

from urllib.parse import quote

from flask import Blueprint, Response, request

from proxy.access.declaration import SPENDS
from proxy.api.body import any_body
from proxy.api.context import record
from proxy.api.native_responses import native_answer
from proxy.api.openapi.operation import ANYTHING, BODY, UPSTREAM, Answer, Operation
from proxy.errors import NotFound

bp = Blueprint("native", __name__)

_KEPT = "/:@!$&'()*+,;=~"


ANY_PATH = Operation(
    summary="Any other path of the native upstream",
    answers={200: Answer("The answer of the native upstream.", None, (), (ANYTHING,))},
    errors=(*UPSTREAM, *BODY),
    tag="native",
    parameters=("x-request-id",),
    passes=True,
)


@bp.route(
    "/v1/<path:path>",
    methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
    access=SPENDS,
    operation=ANY_PATH,
)
def relay(path: str) -> Response:
    """The upstream's answer to the same request."""
    if not {"", ".", ".."}.isdisjoint(path.removesuffix("/").split("/")):
        raise NotFound(f"Not found: {request.method} {record().path}")
    body = any_body() if request.method in ("POST", "PUT", "PATCH") else None
    return native_answer("/" + quote(path, safe=_KEPT), body)
