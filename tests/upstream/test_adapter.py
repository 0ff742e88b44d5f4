"""The shortcuts between ``requests`` and the socket give the same results as ``requests``."""

from __future__ import annotations

import ssl
from typing import Any

import requests
from hypothesis import given
from hypothesis import strategies as st
from requests.adapters import HTTPAdapter
from requests.models import PreparedRequest
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPHeaderDict, HTTPResponse

from proxy.upstream.adapter import EagerAdapter
from proxy.upstream.connections import eager_pools
from proxy.upstream.name_lookup import NameLookup
from proxy.upstream.session import USER_AGENT, _prepared

ADAPTER = EagerAdapter(
    pool_size=2, tls=ssl.create_default_context(), pools=eager_pools(NameLookup())
)
OUR_PROXY = {"http": "http://proxy.example:3128", "https": "http://proxy.example:3128"}

NAMES = st.sampled_from(
    ["Content-Type", "content-type", "X-Request-Id", "x-request-id", "Set-Cookie", "SET-COOKIE", "Retry-After",
     "User-Agent", "accept", "Content-Length", "Authorization", "\xe9", "X-A"]
)  # fmt: skip
VALUES = st.sampled_from(
    ["", "a", "a, b", "text/event-stream; charset=utf-8", "\xe9", "5", "Bearer sk-1"]
)
URLS = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["http://", "https://", "HTTP://"]),
        st.sampled_from(["a.example", "A.example", "b.example:8080", "127.0.0.1:80", "[::1]:443"]),
        st.sampled_from(["", "/", "/v1/chat", "/caf\xe9", "//two", "/v1;x"]),
        st.sampled_from(["", "?", "?beta=true&a=%20", "?q=\xe9"]),
        st.sampled_from(["", "#part"]),
    ),
)
PROXIES = st.sampled_from([None, {}, OUR_PROXY, {"https": OUR_PROXY["https"]}])


def asked(url: str) -> PreparedRequest:
    """A request for ``url``, normalised as ``UpstreamClient`` does it."""
    request = PreparedRequest()
    request.prepare_url(url, None)
    request.method, request.headers = "GET", CaseInsensitiveDict()
    return request


@given(URLS, st.integers(200, 599), st.lists(st.tuples(NAMES, VALUES), max_size=4), st.text())
def test_an_answer_is_what_requests_makes_of_it(
    url: str, status: int, headers: list[tuple[str, str]], reason: str
) -> None:
    request = asked(url)
    raw = HTTPResponse(b"", HTTPHeaderDict(headers), status, reason=reason)
    ours, stock = ADAPTER.build_response(request, raw), HTTPAdapter().build_response(request, raw)
    assert {name: ours.headers[name] for name in ours.headers} == dict(stock.headers)
    for name in ("status_code", "url", "reason", "raw", "request", "ok", "is_redirect"):
        assert getattr(ours, name) == getattr(stock, name), name


@given(URLS, PROXIES)
def test_the_same_is_asked_for(url: str, proxies: Any) -> None:
    request = asked(url)
    assert ADAPTER.request_url(request, proxies) == HTTPAdapter().request_url(request, proxies)


@given(st.lists(st.tuples(URLS, PROXIES), min_size=1, max_size=6))
def test_a_remembered_pool_is_the_one_of_its_host(calls: list[tuple[str, Any]]) -> None:
    for url, proxies in [*calls, *calls]:
        request = asked(url)
        found = ADAPTER.get_connection_with_tls_context(request, True, proxies)
        assert found is HTTPAdapter.get_connection_with_tls_context(ADAPTER, request, True, proxies)


@given(
    URLS,
    st.none() | st.binary(min_size=1, max_size=9),
    st.dictionaries(NAMES.filter(str.isascii), VALUES, max_size=5),
)
def test_a_request_is_prepared_as_by_requests(
    url: str, body: bytes | None, headers: dict[str, str]
) -> None:
    normal = str(asked(url).url)
    method = "GET" if body is None else "POST"
    ours = _prepared(method, normal, headers, body)
    ready = CaseInsensitiveDict({"User-Agent": USER_AGENT, "Accept": "*/*"})
    ready.update(headers)
    stock = requests.Request(method, normal, dict(ready), data=body).prepare()
    assert dict(ours.headers) == dict(stock.headers)
    assert (ours.method, ours.url, ours.body) == (stock.method, stock.url, stock.body)
    assert ours.path_url == stock.path_url
