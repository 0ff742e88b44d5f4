"""The upstream clients of one worker.

Rule: providers share a client and its connection pools unless they differ in what a client is created
with: forward proxy, certificates, connect timeout.
"""

from __future__ import annotations

from config.errors import ConfigError
from config.registry.values import Provider
from config.settings import Settings
from proxy.providers.allowed_hosts import host_rules
from proxy.upstream.connections import eager_pools
from proxy.upstream.name_lookup import NameLookup
from proxy.upstream.pinned import pinned_client
from proxy.upstream.session import UpstreamClient

_ClientKey = tuple[str | None, str | None, float]


class Clients:
    """Creates and keeps the clients; opens no connection itself."""

    def __init__(self, settings: Settings, providers: tuple[Provider, ...]) -> None:
        """Raises ``ConfigError`` for certificates that cannot be loaded."""
        self._settings = settings
        self._clients: dict[_ClientKey, UpstreamClient] = {}
        self._pinned: UpstreamClient | None = None
        self._pools = eager_pools(NameLookup())
        self.allowed_hosts = host_rules(settings.allowed_hosts)
        """The hosts that clients may name in their paths."""
        for provider in providers:
            try:
                self.for_provider(provider)
            except OSError as error:
                raise ConfigError([f"{provider.name}: ca_bundle: cannot be loaded"]) from error

    def for_provider(self, provider: Provider) -> UpstreamClient:
        """The client that reaches ``provider``."""
        if provider.dynamic:
            return self._for_dynamic()
        settings = self._settings
        connect_timeout = min(
            settings.connect_timeout, provider.timeout_seconds or settings.connect_timeout
        )
        key = (provider.proxy, provider.ca_bundle, connect_timeout)
        client = self._clients.get(key)
        if client is None:
            own = provider.proxy
            client = self._clients[key] = UpstreamClient(
                connect_timeout=connect_timeout,
                pool_size=settings.worker_connections,
                proxies=settings.proxies if own is None else {"http": own, "https": own},
                # NO_PROXY does not apply to a provider's own proxy.
                no_proxy=settings.no_proxy if own is None else None,
                ca_bundle=provider.ca_bundle or settings.ca_bundle,
                pools=self._pools,
            )
        return client

    def _for_dynamic(self) -> UpstreamClient:
        if self._pinned is None:
            self._pinned = pinned_client(self._settings, self.allowed_hosts)
        return self._pinned

    def close(self) -> None:
        """Close all idle connections."""
        if self._pinned is not None:
            self._pinned.close()
        for client in self._clients.values():
            client.close()
