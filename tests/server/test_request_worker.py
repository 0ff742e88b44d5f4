"""What the worker adds to gunicorn's responses and settings."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http.wsgi import Response

from proxy.server.cached_settings import cache_settings
from proxy.server.request_worker import Application


class Wire:
    """A socket that keeps what is sent."""

    def __init__(self) -> None:
        self.sent = b""

    def sendall(self, data: bytes) -> None:
        self.sent += data


@pytest.mark.parametrize(("keeps", "connection"), [(True, b"keep-alive"), (False, b"close")])
def test_the_head_says_whether_the_connection_is_kept(keeps: bool, connection: bytes) -> None:
    def application(environ: Any, start_response: Any) -> list[bytes]:
        # Read only now: an upstream may have taken minutes to answer.
        policy.keeps_connections = keeps
        start_response("200 OK", [("Content-Length", "3")])
        return [b"abc"]

    policy = SimpleNamespace(keeps_connections=not keeps)
    wire: Any = Wire()
    request: Any = SimpleNamespace(method="GET", version=(1, 1), should_close=lambda: False)
    response = Response(request, wire, Config())
    for part in Application(policy, application)({}, response.start_response):
        response.write(part)
    response.close()
    head, _, body = wire.sent.partition(b"\r\n\r\n")
    assert b"\r\nConnection: " + connection in head
    assert body == b"abc"
    assert response.should_close() is not keeps


def test_a_cached_configuration_has_the_same_values() -> None:
    plain, cached = Config(), Config()
    cache_settings(cached)
    for name in plain.settings:
        found = getattr(cached, name)
        assert callable(found) or found == getattr(plain, name), name
        assert (name in vars(cached)) != hasattr(Config, name), name
    assert cached.pre_request is cached.settings["pre_request"].get()
