"""Which proxy is tested, and with which key.

Rule: a key never comes from the command line. A key of the configuration is sent only to this machine's
own proxy: to another host goes the key that ``--key-env`` names, or none.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from proxy.cli.environment import current_settings, operator_variables
from proxy.cli.errors import UsageError
from proxy.cli.server_urls import client_url

UPSTREAM_KEY = "OPENAI_API_KEY"


def smoke_url(url: str | None, chosen: Mapping[str, object]) -> str:
    """The proxy's URL without ``/v1``: ``url``, or the configured one.

    Raises ``UsageError`` for what is not a URL, ``ConfigError``.
    """
    if url is None:
        settings = current_settings(chosen)
        if settings.port == 0:
            raise UsageError("PORT=0 selects any free port: name the URL of the running proxy")
        return client_url(settings.host, settings.port)
    if not _is_plain(url):
        raise UsageError(f"URL {url!r} must be of ASCII characters without spaces")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"URL {url!r}: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise UsageError(f"URL {url!r} must be http://HOST[:PORT] or https://HOST[:PORT]")
    if parts.username is not None or parts.query or parts.fragment:
        raise UsageError(f"URL of {parts.hostname}: leave out credentials, '?' and '#'")
    path = parts.path.rstrip("/").removesuffix("/messages").removesuffix("/v1").rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path}"


def key_for(
    url: str, key_env: str | None, chosen: Mapping[str, object], *, configured: bool
) -> str | None:
    """The key to send to ``url``, which is the ``configured`` one or was named; None: none is known.

    From the variable ``key_env``, else the configured auth key. Raises ``UsageError``, ``ConfigError``.
    """
    if key_env is not None:
        key = _variable(key_env)
        if key is None:
            raise UsageError(f"--key-env {key_env}: this variable is not set")
        if not _is_plain(key):
            raise UsageError(f"--key-env {key_env}: its value is no key, which is ASCII text")
        return key
    if not configured and not is_here(url):
        return None
    settings = current_settings(chosen)
    return settings.auth_keys[0] if settings.auth_keys else None


def passthrough_key(url: str) -> str | None:
    """OPENAI_API_KEY for a proxy on this machine, which in passthrough sends it on; None: not set."""
    return _variable(UPSTREAM_KEY) if is_here(url) else None


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text


def _variable(name: str) -> str | None:
    environ, dotenv = operator_variables()
    return (environ.get(name) or dotenv.get(name) or "").strip() or None


def is_here(url: str) -> bool:
    """Whether ``url`` names this machine by its loopback address."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
