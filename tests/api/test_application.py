"""What is left out of Flask changes nothing that anybody sees."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask, Response
from werkzeug.test import EnvironBuilder

from proxy.api.application import HOSTS, App, WholeAnswer


@pytest.fixture
def app() -> App:
    return App("proxy", static_folder=None)


def facts(adapter: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(adapter).items() if name != "map"}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="plain"),
        pytest.param({"HTTP_HOST": "Proxy.Example:8080"}, id="host"),
        pytest.param({"HTTP_HOST": "a b"}, id="bad host"),
        pytest.param({"HTTP_HOST": "b\xfccher.example"}, id="foreign host"),
        pytest.param({"PATH_INFO": "/caf\xc3\xa9/\xff", "QUERY_STRING": "a=\xc3\xa9"}, id="bytes"),
        pytest.param({"PATH_INFO": "//two"}, id="slashes"),
        pytest.param({"SCRIPT_NAME": "/below"}, id="prefix"),
        pytest.param({"REQUEST_METHOD": "DELETE"}, id="method"),
        pytest.param({"HTTP_CONNECTION": "upgrade", "HTTP_UPGRADE": "websocket"}, id="websocket"),
        pytest.param({"wsgi.url_scheme": "https", "HTTP_HOST": "a:443"}, id="https"),
    ],
)
def test_adapters_are_flasks_own(app: App, changes: dict[str, Any]) -> None:
    environ = EnvironBuilder("/v1/messages?beta=true").get_environ()
    environ.update(changes)
    request = app.request_class(environ)
    stock = facts(Flask.create_url_adapter(app, request))
    first, second = app.create_url_adapter(request), app.create_url_adapter(request)
    assert facts(first) == stock
    assert facts(second) == stock


def test_names_of_the_server_are_forgotten(app: App) -> None:
    for number in range(2 * HOSTS):
        environ = EnvironBuilder("/", base_url=f"http://h{number}").get_environ()
        app.create_url_adapter(app.request_class(environ))
    assert len(app._bound) <= HOSTS


@pytest.mark.parametrize("status", [200, 204, 304, 404])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "headers", [{}, {"location": "/there"}, {"x-a": "1"}], ids=["none", "location", "another"]
)
def test_whole_answers_are_werkzeugs_own(status: int, method: str, headers: dict[str, str]) -> None:
    environ = EnvironBuilder("/", method=method).get_environ()
    stock, ours = (kind(b"abc", status, headers) for kind in (Response, WholeAnswer))
    for one, other in zip(
        stock.get_wsgi_response(environ), ours.get_wsgi_response(environ), strict=True
    ):
        assert (list(one), type(one)) == (list(other), type(other))
