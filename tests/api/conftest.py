"""The application in this process, in front of the scripted upstream."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from config.settings import Settings
from proxy.api.context import EXTENSION
from proxy.app import create_app
from tests.upstream_stub import UpstreamStub

KEY = {"x-api-key": "client-key"}
Connect = Callable[..., FlaskClient]


@pytest.fixture
def connect(upstream: UpstreamStub) -> Iterator[Connect]:
    """A client of a proxy with the given settings; fixed-key mode unless told otherwise."""
    apps: list[Flask] = []

    def connected(**changes: Any) -> FlaskClient:
        settings = Settings(
            openai_base_url=upstream.base_url,
            openai_api_key="sk-server",
            big_model="big-model",
            middle_model="middle-model",
            small_model="small-model",
        )
        apps.append(create_app(replace(settings, **changes)))
        return apps[-1].test_client()

    yield connected
    for app in apps:
        app.extensions[EXTENSION].close()


@pytest.fixture
def client(connect: Connect) -> FlaskClient:
    return connect()


def message_request(text: str = "Hi", **fields: Any) -> dict[str, Any]:
    """A minimal Messages request."""
    return {
        "model": "claude-sonnet-5",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": text}],
    } | fields
