"""One proxy and one scripted upstream for most tests here."""

from __future__ import annotations

from collections.abc import Iterator

import anthropic
import pytest

from tests.live import LiveProxy, live_proxy
from tests.sdk.clients import BODY_SECONDS, CLIENT_KEY, UPSTREAM_KEY, sdk_client
from tests.upstream_stub import UpstreamStub


@pytest.fixture(scope="session")
def stub() -> Iterator[UpstreamStub]:
    server = UpstreamStub()
    yield server
    server.close()


@pytest.fixture
def upstream(stub: UpstreamStub) -> UpstreamStub:
    """The upstream of ``proxy``: nothing asked yet, nothing to say yet."""
    stub.requests.clear()
    stub.default = None
    return stub


@pytest.fixture(scope="session")
def proxy(stub: UpstreamStub) -> Iterator[LiveProxy]:
    environ = {
        "OPENAI_BASE_URL": stub.base_url,
        "OPENAI_API_KEY": UPSTREAM_KEY,
        "CLAUDE_PROXY_AUTH_KEY": CLIENT_KEY,
        "CLAUDE_PROXY_BIG_MODEL": "big-model",
        "CLAUDE_PROXY_MIDDLE_MODEL": "middle-model",
        "CLAUDE_PROXY_SMALL_MODEL": "small-model",
        "CLAUDE_PROXY_BODY_TIMEOUT": str(BODY_SECONDS),
    }
    with live_proxy(environ) as running:
        yield running


@pytest.fixture
def client(proxy: LiveProxy) -> Iterator[anthropic.Anthropic]:
    with sdk_client(proxy) as sdk:
        yield sdk
