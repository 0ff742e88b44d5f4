"""One application in this process and one scripted upstream, for all examples of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from config.settings import Settings
from proxy.api.context import EXTENSION
from proxy.app import create_app
from tests.fuzz.foreign_greenlets import ForeignGreenlets
from tests.upstream_stub import UpstreamStub


@pytest.fixture(scope="module")
def foreign_greenlets() -> ForeignGreenlets:
    """To be asked for before anything that belongs to the module is made."""
    return ForeignGreenlets()


@pytest.fixture(scope="module")
def stub(foreign_greenlets: ForeignGreenlets) -> Iterator[UpstreamStub]:
    server = UpstreamStub()
    yield server
    server.close()


@pytest.fixture(scope="module")
def app(stub: UpstreamStub) -> Iterator[Flask]:
    made = create_app(Settings(openai_base_url=stub.base_url, openai_api_key="sk-server"))
    yield made
    made.extensions[EXTENSION].close()


@pytest.fixture(scope="module")
def client(app: Flask) -> FlaskClient:
    return app.test_client()
