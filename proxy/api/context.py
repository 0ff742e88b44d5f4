"""What a view may ask of the application and of the present request."""

from __future__ import annotations

from typing import cast

from flask import current_app, g, request

from proxy.logs import AccessRecord
from proxy.runtime import Runtime

EXTENSION = "claude_proxy"


def runtime() -> Runtime:
    """The worker's runtime."""
    return cast(Runtime, current_app.extensions[EXTENSION])


def record() -> AccessRecord:
    """The present request's record for the log."""
    return cast(AccessRecord, g.record)


def credential_headers() -> dict[str, str]:
    """The headers by which the client shows a key, under their lower-case names."""
    sent = {name: request.headers.get(name) for name in ("x-api-key", "authorization")}
    return {name: value for name, value in sent.items() if value is not None}
