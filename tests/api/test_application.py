"""Omitted parts of Flask change nothing that clients see."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask, Response
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder

from proxy.api.application import HOSTS, App, WholeResponse


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


ENVIRONS = st.fixed_dictionaries(
    {},
    optional={
        "wsgi.url_scheme": st.sampled_from(["http", "https"]),
        "HTTP_HOST": st.sampled_from(
            ["a", "A.b:80", "a:443", "[::1]:8082", "a b", "b\xfccher", ""]
        ),
        "SERVER_NAME": st.sampled_from(["a", "127.0.0.1"]),
        "SERVER_PORT": st.sampled_from(["80", "443", "8082"]),
        "SCRIPT_NAME": st.sampled_from(["", "/below", "/caf\xc3\xa9"]),
        "PATH_INFO": st.text(st.characters(max_codepoint=255), max_size=8).map("/".__add__),
        "QUERY_STRING": st.text(st.characters(max_codepoint=255), max_size=8),
        "REQUEST_METHOD": st.sampled_from(["GET", "POST", "OPTIONS"]),
    },
) | st.just({"HTTP_UPGRADE": "websocket", "HTTP_CONNECTION": "upgrade"})


@given(ENVIRONS, st.lists(ENVIRONS.map(lambda all: dict([*all.items()][:2])), max_size=4))
def test_what_is_remembered_of_one_request_is_right_for_the_next(
    first: dict[str, Any], others: list[dict[str, Any]]
) -> None:
    several = [first, *[first | changes for changes in others]]
    app = App("proxy", static_folder=None)
    for changes in [*several, *several]:
        environ = EnvironBuilder("/").get_environ()
        environ.update(changes)
        request = app.request_class(environ)
        stock = facts(Flask.create_url_adapter(app, request))
        assert facts(app.create_url_adapter(request)) == stock


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
    stock, ours = (kind(b"abc", status, headers) for kind in (Response, WholeResponse))
    for one, other in zip(
        stock.get_wsgi_response(environ), ours.get_wsgi_response(environ), strict=True
    ):
        assert (list(one), type(one)) == (list(other), type(other))
