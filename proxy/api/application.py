"""The Flask class of this application, and a response without a body."""

from __future__ import annotations

from flask import Flask, Response


class App(Flask):
    """Flask for this API."""


def no_content() -> Response:
    """A 204 response; Flask alone would add a content-type for a body that is not there."""
    response = Response(status=204)
    del response.headers["content-type"]
    return response
