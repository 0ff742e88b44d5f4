"""One proxy for the examples of the documents; behind it is a strict upstream that answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.claude_code.strict_upstream import StrictUpstream
from tests.frameworks.obedient_model import obey
from tests.live import LiveProxy, live_proxy

DOCUMENTED = "http://127.0.0.1:8085"
"""The proxy's address in the documents."""


@pytest.fixture(scope="package")
def service() -> Iterator[StrictUpstream]:
    upstream = StrictUpstream()
    upstream.play(obey)
    yield upstream
    upstream.close()


@pytest.fixture(scope="package")
def proxy(service: StrictUpstream) -> Iterator[LiveProxy]:
    """The proxy with a key upstream and no auth keys, as in the examples."""
    environ = {
        "OPENAI_BASE_URL": service.url,
        "OPENAI_API_KEY": "sk-upstream-key",
        "CLAUDE_PROXY_BIG_MODEL": "big-model",
        "CLAUDE_PROXY_SMALL_MODEL": "small-model",
    }
    with live_proxy(environ) as running:
        yield running
    assert service.complaints == []
