"""Headers of requests to native upstreams and of their answers.

Rule: only headers that docs/protocol.md section 8 names are passed on; cookies, addresses, hop-by-hop
headers and headers that intermediaries add are not. At most one credential is sent.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from proxy.access.auth import client_keys

DEFAULT_VERSION = "2023-06-01"
"""``anthropic-version`` of a request without one."""

_PASSED_UP = frozenset({"user-agent", "accept", "content-type", "idempotency-key", "x-app"})
_PASSED_UP_STARTS = ("anthropic-", "x-stainless-", "x-claude-code-")
_PASSED_DOWN = frozenset({"request-id", "x-should-retry", "content-type"})
_PASSED_DOWN_STARTS = ("anthropic-", "retry-after")
_PRINTABLE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


def request_headers(
    sent: Iterable[tuple[str, str]], *, deny_betas: Collection[str] = ()
) -> dict[str, str]:
    """The client's headers that are sent upstream, with lower-case names and without credentials.

    ``deny_betas``: values of ``anthropic-beta`` that are not sent to this upstream.
    """
    pairs = [(name.lower(), value) for name, value in sent]
    hops = {
        word.strip().lower()
        for name, value in pairs
        if name == "connection"
        for word in value.split(",")
    }
    headers: dict[str, str] = {}
    for name, value in pairs:
        if name in hops or not (name in _PASSED_UP or name.startswith(_PASSED_UP_STARTS)):
            continue
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    headers.setdefault("anthropic-version", DEFAULT_VERSION)
    if deny_betas and "anthropic-beta" in headers:
        headers["anthropic-beta"] = _allowed(headers["anthropic-beta"], deny_betas)
    if not headers.get("anthropic-beta", "").strip():
        headers.pop("anthropic-beta", None)
    return headers


def credential(key: str | None, sent: Mapping[str, str], *, own: bool) -> dict[str, str]:
    """The header with ``key`` for the upstream; empty if ``key`` is None.

    ``own``: the key is the server's and is sent as ``x-api-key``. A client's key is sent in the
    header in which it came; ``sent`` are the client's headers with lower-case names.
    """
    if key is None:
        return {}
    if own or key in client_keys({"x-api-key": sent.get("x-api-key", "")}):
        return {"x-api-key": key}
    return {"authorization": f"Bearer {key}"}


def response_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The upstream's headers that the client gets, with lower-case names."""
    passed = {}
    for given in headers:
        name = given.lower()
        wanted = name in _PASSED_DOWN or name.startswith(_PASSED_DOWN_STARTS)
        if wanted and _PRINTABLE.fullmatch(value := headers[given]):
            passed[name] = value
    return passed


def _allowed(betas: str, denied: Collection[str]) -> str:
    words = [word.strip() for word in betas.split(",")]
    return ",".join(word for word in words if word and word not in denied)
