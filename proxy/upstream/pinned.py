"""Connections to hosts that clients name, opened only to addresses that were checked.

Rule: a name is resolved once for each connection, every address of the answer is checked, and the
socket is opened to one of these addresses, so that a second DNS answer has no effect (DNS rebinding).
No forward proxy is used, as it would resolve the name again (docs/features.md "Dynamic routing").
"""

from __future__ import annotations

import socket
from collections.abc import Mapping

from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError

from config.settings import Settings
from proxy.errors import PermissionDenied
from proxy.providers.allowed_hosts import HostRules
from proxy.upstream.connections import (
    EagerHTTPConnection,
    EagerHTTPPool,
    EagerHTTPSConnection,
    EagerHTTPSPool,
)
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
        pools=pinned_pools(rules),
    )


def checked_addresses(rules: HostRules, host: str, port: int) -> list[str]:
    """The IP addresses of ``host`` by one DNS lookup, all of them allowed.

    Raises ``PermissionDenied`` if the host or one of its addresses is not allowed, and ``OSError``
    if it has none.
    """
    name = f"[{host}]" if ":" in host else host
    if not rules.allows(name, port):
        raise PermissionDenied(f"the host {name} is not allowed here")
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(answer[4][0]) for answer in answers))
    if not all(rules.may_connect(name, address, port) for address in addresses):
        raise PermissionDenied(f"the host {name} has an address that is not allowed here")
    return addresses


class _Pinned(HTTPConnection):
    """Checks a host's addresses before it connects; ``pinned_pools`` sets ``allowed``."""

    allowed = HostRules()

    # urllib3 resolves names only in calls from this method, which its SOCKS support overrides too.
    def _new_conn(self) -> socket.socket:
        name = self._dns_host
        try:
            addresses = checked_addresses(self.allowed, name, self.port)
        except socket.gaierror as error:
            raise NameResolutionError(name, self, error) from error
        try:
            return self._connect_in_order(addresses)
        finally:
            self.host = name

    def _connect_in_order(self, addresses: list[str]) -> socket.socket:
        for address in addresses[:-1]:
            self.host = address
            try:
                return super()._new_conn()
            except ConnectTimeoutError:
                continue
        self.host = addresses[-1]
        return super()._new_conn()


def pinned_pools(rules: HostRules) -> Mapping[str, type[HTTPConnectionPool]]:
    """Pool classes by scheme whose connections are opened only as ``rules`` allow."""

    class PinnedHTTPConnection(_Pinned, EagerHTTPConnection):  # type: ignore[misc]
        allowed = rules

    class PinnedHTTPSConnection(_Pinned, EagerHTTPSConnection):  # type: ignore[misc]
        allowed = rules

    class PinnedHTTPPool(EagerHTTPPool):
        ConnectionCls = PinnedHTTPConnection

    class PinnedHTTPSPool(EagerHTTPSPool):
        ConnectionCls = PinnedHTTPSConnection

    return {"http": PinnedHTTPPool, "https": PinnedHTTPSPool}
