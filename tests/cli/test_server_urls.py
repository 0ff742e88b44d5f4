"""The proxy's own address as a URL."""

from __future__ import annotations

import pytest

from proxy.cli.server_urls import client_url, server_url


@pytest.mark.parametrize(
    ("host", "listening", "client"),
    [
        pytest.param("0.0.0.0", "http://0.0.0.0:1", "http://127.0.0.1:1", id="all of IPv4"),
        pytest.param("::", "http://[::]:1", "http://[::1]:1", id="all of IPv6"),
        pytest.param("10.0.0.1", "http://10.0.0.1:1", "http://10.0.0.1:1", id="one address"),
        pytest.param("box.lan", "http://box.lan:1", "http://box.lan:1", id="name"),
    ],
)
def test_urls(host: str, listening: str, client: str) -> None:
    assert (server_url(host, 1), client_url(host, 1)) == (listening, client)
