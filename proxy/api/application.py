"""The Flask class of this application, and a response without a body."""

from __future__ import annotations

from flask import Flask, Response
from werkzeug.routing import Rule

from proxy.api.declaration import DeclaredRule


class App(Flask):
    """The application; its routes are declared (``proxy.api.declaration``)."""

    url_rule_class: type[Rule] = DeclaredRule


def no_content() -> Response:
    """A 204 response without the ``content-type`` that Flask would add although there is no body."""
    response = Response(status=204)
    del response.headers["content-type"]
    return response
