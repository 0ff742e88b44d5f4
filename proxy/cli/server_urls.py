"""The proxy's own address as a URL, and whether a URL is on this machine."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from config.gunicorn import bind_address


def server_url(host: str, port: int) -> str:
    """The URL of the address that the proxy listens on."""
    return f"http://{bind_address(host, port)}"


def client_url(host: str, port: int) -> str:
    """The URL for a client on this machine."""
    return server_url(reachable_host(host), port)


def reachable_host(host: str) -> str:
    """``host``, or the loopback address for 0.0.0.0 and ``::``, which clients cannot connect to."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if not address.is_unspecified:
        return host
    return "127.0.0.1" if address.version == 4 else "::1"


def is_here(url: str) -> bool:
    """Whether ``url`` names this machine by its loopback address."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
