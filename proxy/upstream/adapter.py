"""The ``requests`` adapter whose pools use the connections of ``proxy.upstream.connections``.

Rule: only the documented hooks for subclasses are overridden. ``send`` is not, so replacements of
``HTTPAdapter.send`` (the ``responses`` library in tests) work.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any, cast

from requests.adapters import HTTPAdapter
from requests.models import PreparedRequest, Response
from requests.utils import select_proxy
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
)
from urllib3.util.retry import Retry

HOSTS = 64
"""The number of upstream hosts whose pools are kept."""


class ConnectRetry(Retry):
    """No retry after a failed lookup or a connect timeout; else as urllib3's.

    The answer of a failed lookup is kept, and a timeout has already used up the operator's limit.
    """

    def increment(  # type: ignore[override]
        self,
        method: str | None = None,
        url: str | None = None,
        response: Any = None,
        error: Exception | None = None,
        _pool: Any = None,
        _stacktrace: Any = None,
    ) -> Retry:
        timed_out = isinstance(error, ConnectTimeoutError)
        if isinstance(error, NameResolutionError) or (
            timed_out and not isinstance(error, NewConnectionError)
        ):
            raise MaxRetryError(_pool, url or "", error) from error
        return super().increment(method, url, response, error, _pool, _stacktrace)


def connect_retry() -> Retry:
    """Two quick retries of a refused connection, no others (docs/features.md "Failover")."""
    return ConnectRetry(
        total=None,
        connect=2,
        read=0,
        status=0,
        other=0,
        redirect=0,
        backoff_factor=0.1,
        allowed_methods=None,
    )


class PlainResponse(Response):
    """A response without a cookie jar and without detection of its text encoding.

    ``requests`` creates a jar for every response, which takes 10 to 20 microseconds. Its ``headers`` are
    urllib3's, whose values can be read by names in any case; of repeated ones ``items`` gives each.
    """

    def __init__(self, request: PreparedRequest, raw: Any) -> None:
        self._content: Any = False
        self._content_consumed = False
        self.status_code = raw.status
        self.headers = cast(Any, raw.headers)
        self.raw = raw
        self.request = request
        self.url = str(request.url)
        self.reason = raw.reason


class EagerAdapter(HTTPAdapter):
    """Pools of connections that return data as it arrives, with one TLS context for all of them."""

    def __init__(
        self,
        *,
        pool_size: int,
        tls: ssl.SSLContext,
        pools: Mapping[str, type[HTTPConnectionPool]],
    ) -> None:
        self._tls = tls
        self._pool_classes = pools
        self._pools: dict[tuple[str, str | None], Any] = {}
        super().__init__(
            pool_connections=HOSTS,
            pool_maxsize=pool_size,
            max_retries=connect_retry(),
            pool_block=False,
        )

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any
    ) -> None:
        super().init_poolmanager(connections, maxsize, block, ssl_context=self._tls, **pool_kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pool_classes

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> Any:
        manager = super().proxy_manager_for(
            proxy, ssl_context=self._tls, proxy_ssl_context=self._tls, **proxy_kwargs
        )
        manager.pool_classes_by_scheme = self._pool_classes
        return manager

    def build_connection_pool_key_attributes(
        self, request: PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[Any, Any]:
        # Without TLS options in the key, since all pools share the context.
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {}

    def get_connection_with_tls_context(
        self, request: PreparedRequest, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        """The pool for the request's host, cached by URL: parsing it again takes 20 to 30 µs."""
        url = str(request.url)
        key = (url, select_proxy(url, proxies) if proxies else None)
        pool = self._pools.get(key)
        if pool is None:
            pool = super().get_connection_with_tls_context(request, verify, proxies, cert)
            if len(self._pools) >= 4 * HOSTS:
                self._pools.clear()
            self._pools[key] = pool
        return pool

    def close(self) -> None:
        """Close all idle connections; a pool alone closes them only when it is garbage-collected."""
        super().close()
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()

    def request_url(self, request: PreparedRequest, proxies: Any) -> str:
        return super().request_url(request, proxies) if proxies else request.path_url

    def build_response(self, req: PreparedRequest, resp: Any) -> Response:
        """The response as a ``PlainResponse``."""
        return PlainResponse(req, resp)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Do nothing: the TLS context holds the CA certificates; requests' hook would reload them."""
