"""Calls to upstreams over pooled connections.

Rule: a request is sent again only if the upstream cannot have processed it, because the connection was
refused or a pooled connection had been closed while idle.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

import requests
from requests.models import PreparedRequest
from requests.utils import DEFAULT_CA_BUNDLE_PATH, should_bypass_proxies
from urllib3 import Timeout
from urllib3.connectionpool import HTTPConnectionPool

from proxy import __version__
from proxy.errors import (
    NO_RETRY,
    AuthenticationFailed,
    Complaint,
    InvalidRequest,
    UpstreamError,
)
from proxy.upstream.adapter import EagerAdapter
from proxy.upstream.connections import EagerTlsSocket, StaleConnection, eager_pools
from proxy.upstream.faults import FAULTS, call_fault, has_cause, redirect_fault
from proxy.upstream.name_lookup import NameLookup
from proxy.upstream.response import UpstreamResponse

__all__ = ["UpstreamClient", "UpstreamResponse"]

USER_AGENT = f"claude-proxy/{__version__}"
CREDENTIALS = frozenset({"authorization", "x-api-key", "api-key"})
TARGETS = 256
"""URLs whose parsed form is cached."""

_BAD_NAME = re.compile(r"[^!#$%&'*+.^_`|~0-9A-Za-z-]|^$")
_BAD_VALUE = re.compile(r"[^\t\x20-\x7e\x80-\xff]")


class _Target(NamedTuple):
    """A normalised URL, its host and port for messages, and the forward proxies to use."""

    url: str
    host: str
    proxies: dict[str, str]


class ConnectTimeout(Timeout):
    """A limit for connecting alone, without state: urllib3's copies for each call are this object."""

    def clone(self) -> Timeout:
        """This object."""
        return self

    def start_connect(self) -> float:
        """The present time, which only a limit for all phases together would need."""
        return monotonic()


class UpstreamClient:
    """One pooled session; safe to share among all greenlets of a worker.

    ``connect_timeout`` in seconds; ``pool_size`` connections kept for each host: at least the
    number of concurrent requests. ``proxies`` maps schemes to proxy URLs; ``ca_bundle`` is a file
    or folder of CA certificates (None: certifi's), and ``OSError`` is raised if it cannot be loaded;
    ``pools`` are the classes of pools by scheme (None: with lookups of its own). Nothing is read from the
    environment or netrc, no cookies are stored, no redirects are followed.
    """

    def __init__(
        self,
        *,
        connect_timeout: float,
        pool_size: int,
        proxies: Mapping[str, str] | None,
        no_proxy: str | None,
        ca_bundle: str | None,
        pools: Mapping[str, type[HTTPConnectionPool]] | None = None,
    ) -> None:
        # No read timeout: the caller limits the time of reads; a timer for each read takes too long.
        self._timeout: Any = ConnectTimeout(connect=connect_timeout, read=None)
        self._proxies = dict(proxies or {})
        self._no_proxy = no_proxy or ""
        self._targets: dict[str, _Target] = {}
        self._adapter = EagerAdapter(
            pool_size=pool_size,
            tls=_tls_context(ca_bundle),
            pools=pools or eager_pools(NameLookup()),
        )
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.max_redirects = 0
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, self._adapter)

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> UpstreamResponse:
        """Send ``body`` and return when the head of the answer has arrived, with any status but 3xx.

        Raises ``UpstreamError`` (502: unreachable, DNS, TLS, no HTTP, a redirect),
        ``UpstreamTimeout`` (504: connect), ``AuthenticationFailed`` or ``InvalidRequest`` for a
        header value that cannot be sent.
        """
        return self._call("POST", url, headers, body)

    def get(self, url: str, headers: Mapping[str, str]) -> UpstreamResponse:
        """As ``post``, without a body."""
        return self._call("GET", url, headers, None)

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> UpstreamResponse:
        """As ``post``, by any method."""
        return self._call(method, url, headers, body)

    def close(self) -> None:
        """Close all idle connections."""
        self._session.close()

    def _call(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> UpstreamResponse:
        target = self._target(url)
        request = _prepared(method, target.url, headers, body)
        try:
            try:
                answer = self._send(request, target)
            except FAULTS as error:
                if not has_cause(error, StaleConnection):
                    raise
                # Uses a new connection: the pool is a stack with the closed one's empty slot on top.
                answer = self._send(request, target)
        except FAULTS as error:
            fault = call_fault(error, target.host)
            fault.unanswered = True
            raise fault from error
        response = UpstreamResponse(answer)
        if 300 <= response.status < 400:
            response.close()
            raise redirect_fault(response.status, target.host)
        return response

    def _send(self, request: PreparedRequest, target: _Target) -> requests.Response:
        return self._adapter.send(
            request, stream=True, timeout=self._timeout, verify=True, proxies=target.proxies
        )

    def _target(self, url: str) -> _Target:
        target = self._targets.get(url)
        if target is None:
            if len(self._targets) >= TARGETS:
                self._targets.clear()
            target = self._targets[url] = self._parsed(url)
        return target

    def _parsed(self, url: str) -> _Target:
        draft = PreparedRequest()
        try:
            draft.prepare_url(url, None)
            parts = urlsplit(str(draft.url))
            self._session.get_adapter(str(draft.url))
            host = parts.hostname or ""
            label = f"{host}:{parts.port}" if parts.port else host
        except (*FAULTS, ValueError) as error:
            raise UpstreamError("the upstream's URL is not valid", headers=NO_RETRY) from error
        direct = not self._proxies or should_bypass_proxies(str(draft.url), self._no_proxy)
        return _Target(str(draft.url), label, {} if direct else self._proxies)


def _prepared(
    method: str, url: str, headers: Mapping[str, str], body: bytes | None
) -> PreparedRequest:
    """The request for the adapter, built without ``prepare()``, which takes 150 microseconds."""
    checked = {"user-agent": ("User-Agent", USER_AGENT), "accept": ("Accept", "*/*")}
    for name, value in headers.items():
        checked[name.lower()] = (name, _checked(name, value))
    if body is not None:
        checked["content-length"] = ("Content-Length", str(len(body)))
    request = PreparedRequest()
    request.method, request.url, request.body = method, url, body
    # A plain dict: requests and urllib3 copy a ``CaseInsensitiveDict`` twice, and each copy takes as
    # long as sending the request.
    request.headers = cast(Any, dict(checked.values()))
    return request


def _checked(name: str, value: str) -> str:
    if not _BAD_NAME.search(name) and not _BAD_VALUE.search(value):
        return value
    if name.lower() in CREDENTIALS:
        raise AuthenticationFailed("the API key holds characters that cannot be sent in a header")
    shown = _BAD_NAME.sub("?", name)
    why = "header values must be printable Latin-1 text on one line"
    raise InvalidRequest(Complaint(f"{shown}: {why}", why))


def _tls_context(ca_bundle: str | None) -> ssl.SSLContext:
    # Built once: loading the certificates blocks the event loop for 16 ms.
    authorities = Path(ca_bundle or DEFAULT_CA_BUNDLE_PATH)
    folder = authorities.is_dir()
    context = ssl.create_default_context(
        cafile=None if folder else str(authorities), capath=str(authorities) if folder else None
    )
    context.sslsocket_class = EagerTlsSocket
    return context
