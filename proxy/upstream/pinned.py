"""Connections to hosts that clients name, opened only to addresses that were checked.

Rule: every address of the answer for a name is checked for each connection, and the socket is opened to
one of these addresses, so that another DNS answer has no effect (DNS rebinding).
No forward proxy is used, as it would resolve the name again (docs/features.md "Dynamic routing").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from urllib3.connectionpool import HTTPConnectionPool

from config.settings import Settings
from proxy.errors import PermissionDenied
from proxy.providers.allowed_hosts import HostRules
from proxy.upstream.connections import pools_of
from proxy.upstream.name_lookup import NameLookup
from proxy.upstream.session import UpstreamClient


def pinned_client(settings: Settings, rules: HostRules) -> UpstreamClient:
    """A client that connects only to hosts that ``rules`` allow.

    Its calls also raise ``PermissionDenied``, before anything is sent.
    """
    return UpstreamClient(
        connect_timeout=settings.connect_timeout,
        pool_size=settings.worker_connections,
        proxies=None,
        no_proxy=None,
        ca_bundle=settings.ca_bundle,
        # Its own lookups: the names that clients choose delay no configured provider.
        pools=pinned_pools(rules, NameLookup()),
    )


def checked_addresses(
    rules: HostRules, names: NameLookup, host: str, port: int, seconds: float
) -> Sequence[str]:
    """The IP addresses of ``host`` by one lookup of at most ``seconds``, all of them allowed.

    Raises ``PermissionDenied`` if the host or one of its addresses is not allowed, and ``OSError``
    if it has none.
    """
    name = f"[{host}]" if ":" in host else host
    if not rules.allows(name, port):
        raise PermissionDenied(f"the host {name} is not allowed here")
    addresses = names.addresses(host, seconds)
    if not all(rules.may_connect(name, address, port) for address in addresses):
        raise PermissionDenied(f"the host {name} has an address that is not allowed here")
    return addresses


def pinned_pools(rules: HostRules, names: NameLookup) -> Mapping[str, type[HTTPConnectionPool]]:
    """Pool classes by scheme whose connections are opened only as ``rules`` allow."""
    return pools_of(partial(checked_addresses, rules, names))
