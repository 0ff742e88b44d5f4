"""The upstream's own list of models, cached for five minutes.

Rule: a list is cached for the credential with which it was fetched; of that only a digest is kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from time import monotonic
from typing import Any

from proxy.concurrency import yield_if_slice_used
from proxy.convert.models import models_to_entries
from proxy.relay.upstream_call import UpstreamCall, decoded, fetch

CACHE_SECONDS = 300.0
CACHED_LISTS = 200
LIST_SECONDS = 30.0
LIST_BYTES = 8_000_000
"""Longest list that is read; OpenRouter's has half a megabyte."""


class ModelList:
    """Cached model entries, one list for each credential, for ``seconds``."""

    def __init__(self, seconds: float = CACHE_SECONDS) -> None:
        self._seconds = seconds
        self._lists: dict[bytes, tuple[float, list[dict[str, Any]]]] = {}

    def entries(
        self, key: str | None, fetch_list: Callable[[], list[dict[str, Any]]]
    ) -> list[dict[str, Any]]:
        """The entries for ``key``: the cached ones, or what ``fetch_list`` returns."""
        digest = hashlib.sha256((key or "").encode()).digest()
        known = self._lists.get(digest)
        if known is not None and monotonic() - known[0] < self._seconds:
            return known[1]
        entries = fetch_list()
        if len(self._lists) >= CACHED_LISTS:
            self._lists.clear()
        # Equal lists are kept once: most upstreams return the same list for every key, and clients can
        # send any number of keys.
        entries = next((each for _, each in self._lists.values() if each == entries), entries)
        self._lists[digest] = (monotonic(), entries)
        return entries


def fetch_entries(call: UpstreamCall) -> list[dict[str, Any]]:
    """The upstream's models as Anthropic entries (docs/protocol.md section 7).

    Raises ``UpstreamError``, ``UpstreamTimeout`` or ``ClientGone``.
    """
    body, _ = fetch(call, "list its models", LIST_BYTES)
    return models_to_entries(decoded(body), yield_if_slice_used)
