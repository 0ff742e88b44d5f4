"""The upstream's own list of models, remembered for five minutes.

Rule: a list belongs to the credential it was fetched with; only a digest of that is kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

from proxy.convert.models import models_to_entries
from proxy.relay.call import MAX_ANSWER_BYTES, decoded, raise_for_refusal
from proxy.relay.cancellation import Exchange
from proxy.upstream.session import UpstreamClient

CACHE_SECONDS = 300.0
CACHED_LISTS = 200
LIST_SECONDS = 30.0


class ModelList:
    """Cached model entries, one list for each credential."""

    def __init__(self) -> None:
        self._lists: dict[bytes, tuple[float, list[dict[str, Any]]]] = {}

    def entries(
        self, key: str | None, fetch: Callable[[], list[dict[str, Any]]]
    ) -> list[dict[str, Any]]:
        """The entries for ``key``: the remembered ones, or what ``fetch`` returns."""
        digest = hashlib.sha256((key or "").encode()).digest()
        known = self._lists.get(digest)
        if known is not None and monotonic() - known[0] < CACHE_SECONDS:
            return known[1]
        entries = fetch()
        if len(self._lists) >= CACHED_LISTS:
            self._lists.clear()
        # Most upstreams tell everybody the same, and credentials can be made up.
        entries = next((each for _, each in self._lists.values() if each == entries), entries)
        self._lists[digest] = (monotonic(), entries)
        return entries


def fetch_entries(
    client: UpstreamClient,
    url: str,
    headers: Mapping[str, str],
    exchange: Exchange,
    *,
    secrets: tuple[str, ...],
) -> list[dict[str, Any]]:
    """The upstream's models as Anthropic entries (docs/protocol.md section 7).

    Raises ``UpstreamError``, ``UpstreamTimeout`` or ``ClientGone``.
    """
    exchange.limit(LIST_SECONDS, f"the upstream did not list its models within {LIST_SECONDS:g} s")
    response = exchange.run(client.get, url, headers)
    raise_for_refusal(response, exchange, secrets=secrets)
    try:
        body = exchange.run(response.read_all, MAX_ANSWER_BYTES)
    finally:
        response.close()
    return models_to_entries(decoded(body))
