"""Which proxy is tested, and with which key.

Rule: a key never comes from the command line. A key of the configuration is sent only to this machine's
own proxy: to another host goes the key that ``--key-env`` names, or none.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from config.registry.values import registry_in_force
from config.settings import Settings
from proxy.cli.environment import current_settings, operator_variables
from proxy.cli.errors import UsageError
from proxy.cli.server_urls import client_url

ANY_KEY = "any"
"""For a proxy that asks for no key; one in passthrough answers it with its upstream's 401."""
UPSTREAM_KEY = "OPENAI_API_KEY"


def tested_url(url: str | None, chosen: Mapping[str, object]) -> str:
    """The proxy's URL without ``/v1``: ``url``, or the configured one.

    Raises ``UsageError`` for what is not a URL, ``ConfigError``.
    """
    if url is None:
        settings = current_settings(chosen)
        if settings.port == 0:
            raise UsageError("PORT=0 selects any free port: name the URL of the running proxy")
        return client_url(settings.host, settings.port)
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


def key_for(url: str, key_env: str | None, chosen: Mapping[str, object]) -> str:
    """The key to send to ``url``.

    From the variable ``key_env``, else for this machine's proxy the auth key or, in passthrough, the
    upstream's key, else a placeholder. Raises ``UsageError``, ``ConfigError``.
    """
    environ, dotenv = operator_variables()
    if key_env is not None:
        key = (environ.get(key_env) or dotenv.get(key_env) or "").strip()
        if not key:
            raise UsageError(f"--key-env {key_env}: this variable is not set")
        return key
    if not _is_here(urlsplit(url).hostname or ""):
        return ANY_KEY
    settings = current_settings(chosen)
    return _configured(settings) or ANY_KEY


def _configured(settings: Settings) -> str | None:
    if settings.auth_keys:
        return settings.auth_keys[0]
    return None


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
