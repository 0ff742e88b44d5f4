"""Which proxy is tested, and with which key.

Rule: a key never comes from the command line. A key of the configuration is sent only to this machine's
own proxy: to another host goes the key that ``--key-env`` names, or none.
"""

from __future__ import annotations

from collections.abc import Mapping

from proxy.cli.environment import current_settings
from proxy.cli.errors import UsageError
from proxy.cli.key_variables import named_key, variable_value
from proxy.cli.proxy_address import address
from proxy.cli.server_urls import client_url, is_here

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
    return address(url, "URL").url


def key_for(
    url: str, key_env: str | None, chosen: Mapping[str, object], *, configured: bool
) -> str | None:
    """The key to send to ``url``, which is the ``configured`` one or was named; None: none is known.

    From the variable ``key_env``, else the configured auth key. Raises ``UsageError``, ``ConfigError``.
    """
    if key_env is not None:
        return named_key(key_env)
    if not configured and not is_here(url):
        return None
    settings = current_settings(chosen)
    return settings.auth_keys[0] if settings.auth_keys else None


def passthrough_key(url: str) -> str | None:
    """OPENAI_API_KEY for a proxy on this machine, which in passthrough sends it on; None: not set."""
    return variable_value(UPSTREAM_KEY) if is_here(url) else None
