"""Fixtures of all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.upstream_stub import UpstreamStub


@pytest.fixture
def upstream() -> Iterator[UpstreamStub]:
    """A real loopback Chat Completions server, scripted by the test."""
    stub = UpstreamStub()
    yield stub
    stub.close()
