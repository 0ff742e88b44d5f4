"""The Flask class of this application, without work that no request here needs.

Rule: only methods that Flask and Werkzeug offer for this are overridden (docs/performance.md, "Shortcuts").
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, Request, Response
from werkzeug.datastructures import Headers
from werkzeug.routing import MapAdapter, Rule

from proxy.api.declaration import DeclaredRule


class WholeResponse(Response):
    """A response whose headers already contain the length of its body (set by Werkzeug's constructor)."""

    def get_wsgi_headers(self, environ: Any) -> Headers:
        """The headers themselves, unless the status allows no body; Werkzeug would copy and check them."""
        return self.headers if self.status_code == 200 else super().get_wsgi_headers(environ)


class App(Flask):
    """The application; its routes are declared (``proxy.api.declaration``)."""

    url_rule_class: type[Rule] = DeclaredRule

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """``func``: no view is a coroutine, so Flask need not check each function at each request."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """The adapter for a request; no route depends on the host, which Flask would read and check."""
        if request is None:
            return super().create_url_adapter(request)
        environ = request.environ
        return MapAdapter(
            self.url_map,
            server_name="localhost",
            script_name=environ.get("SCRIPT_NAME", ""),
            subdomain="",
            url_scheme="http",
            path_info=_decoded(environ["PATH_INFO"]),
            default_method=environ["REQUEST_METHOD"],
            query_args=_decoded(environ.get("QUERY_STRING", "")),
        )


def _decoded(text: str) -> str:
    """Text of a WSGI environ, whose characters are bytes (PEP 3333)."""
    return text if text.isascii() else text.encode("latin-1").decode(errors="replace")


def no_content() -> Response:
    """A 204 response without the ``content-type`` that Flask would add although there is no body."""
    response = Response(status=204)
    del response.headers["content-type"]
    return response
