"""One proxy for the frameworks; behind it is a strict upstream that does what it is asked for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.claude_code.strict_upstream import StrictUpstream
from tests.frameworks.obedient_model import obey
from tests.live import LiveProxy, live_proxy

CLIENT_KEY = "frameworks-tests"


@pytest.fixture(scope="session")
def strict_service() -> Iterator[StrictUpstream]:
    service = StrictUpstream()
    yield service
    service.close()


@pytest.fixture(scope="session")
def proxy(strict_service: StrictUpstream) -> Iterator[LiveProxy]:
    environ = {
        "OPENAI_BASE_URL": strict_service.url,
        "OPENAI_API_KEY": "sk-upstream-key",
        "CLAUDE_PROXY_AUTH_KEY": CLIENT_KEY,
        "CLAUDE_PROXY_BIG_MODEL": "big-model",
        "CLAUDE_PROXY_MIDDLE_MODEL": "middle-model",
        "CLAUDE_PROXY_SMALL_MODEL": "small-model",
    }
    with live_proxy(environ) as running:
        yield running


@pytest.fixture
def upstream(strict_service: StrictUpstream) -> Iterator[StrictUpstream]:
    """The obedient service; what it refused fails the test."""
    strict_service.play(obey)
    yield strict_service
    assert strict_service.complaints == []
