"""The requests adapter that puts prompt connections under ``requests``.

Rule: ``send`` is not overridden, so whatever stands in for ``HTTPAdapter.send`` (the ``responses``
library in tests) works; only the documented hooks for subclasses are.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from time import monotonic
from typing import Any, cast

from requests.adapters import HTTPAdapter
from requests.models import PreparedRequest, Response
from requests.utils import select_proxy
from urllib3 import HTTPHeaderDict, Timeout
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError
from urllib3.util.retry import Retry

from proxy.upstream.connections import POOL_CLASSES

HOSTS = 64
"""Upstream hosts whose pools are kept."""


class ConnectRetry(Retry):
    """Two quick repetitions of a refused connection, of nothing else.

    A connect timeout is not repeated: it has already used up the operator's limit.
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
        if isinstance(error, ConnectTimeoutError) and not isinstance(error, NewConnectionError):
            raise MaxRetryError(_pool, url or "", error) from error
        return super().increment(method, url, response, error, _pool, _stacktrace)


def connect_retry() -> Retry:
    """The retry rule of docs/features.md "Failover": connects only, no status, no read."""
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


class SteadyTimeout(Timeout):
    """A limit for connects alone. It holds no state, so all calls share it.

    urllib3 makes and checks three copies for each call, in which it would note when the connect
    began; that matters where all phases together have a limit (7 to 10 microseconds).
    """

    def __init__(self, connect: float) -> None:
        super().__init__(connect=connect, read=None)

    def clone(self) -> Timeout:
        """Itself."""
        return self

    def start_connect(self) -> float:
        """The present moment, which is not noted."""
        return monotonic()


class JoinedHeaders(Mapping[str, str]):
    """The headers of an answer by their names in any case; repeated ones joined by commas.

    ``requests`` copies them into a dictionary of its own, six of them in 7 to 10 microseconds.
    """

    __slots__ = ("_held",)

    def __init__(self, held: HTTPHeaderDict) -> None:
        self._held = held

    def __getitem__(self, name: str) -> str:
        return self._held[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)


class PlainAnswer(Response):
    """Without the cookie jar and the guess at a text encoding, which nobody reads.

    ``requests`` makes a jar even for its empty response; its answer takes 15 to 20 microseconds
    more.
    """

    def __init__(self, request: PreparedRequest, raw: Any) -> None:
        self._content: Any = False
        self._content_consumed = False
        self.status_code = raw.status
        self.headers = cast(Any, JoinedHeaders(raw.headers))
        self.raw = raw
        self.request = request
        self.url = str(request.url)
        self.reason = raw.reason


class EagerAdapter(HTTPAdapter):
    """Pools of prompt connections, one TLS context for all of them."""

    def __init__(
        self,
        *,
        pool_size: int,
        tls: ssl.SSLContext,
        pools: Mapping[str, type[HTTPConnectionPool]] = POOL_CLASSES,
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
        # Without TLS keys: the pools have the context.
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {}

    def get_connection_with_tls_context(
        self, request: PreparedRequest, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        """The pool for the request's host, remembered by URL: parsing it again costs 30 µs."""
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
        """Close all idle connections: a pool does it by itself only once nobody refers to it."""
        super().close()
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()

    def request_url(self, request: PreparedRequest, proxies: Any) -> str:
        return super().request_url(request, proxies) if proxies else request.path_url

    def build_response(self, req: PreparedRequest, resp: Any) -> Response:
        """The answer with what is read of it."""
        return PlainAnswer(req, resp)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Nothing: the context knows the authorities; the stock hook reloads them per connection."""
