"""The upstream call that asks for a list of models, and lists that are asked for beside a request.

Rule: a list that decides or explains something is asked for at most once for a request, within
ASK_SECONDS and the request's own limits, and its failure is never the request's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from gevent.event import Event

from config.registry.values import Provider
from config.urls import models_url
from proxy.concurrency import yield_if_slice_used
from proxy.convert.models import models_to_entries
from proxy.providers.routing import Route
from proxy.relay.call import Call, sent_secrets
from proxy.relay.cancellation import Exchange
from proxy.relay.model_list import CACHE_SECONDS, ModelList, place_of
from proxy.relay.protocol import upstream_headers
from proxy.relay.upstream_call import UpstreamCall, decoded, fetch
from proxy.telemetry.request_record import RequestRecord
from proxy.upstream.session import UpstreamClient

LIST_SECONDS = 30.0
"""Longest wait for a list that a client asked for."""
ASK_SECONDS = 4.0
"""Longest wait for a list that decides about a model or explains an error."""
LIST_BYTES = 8_000_000
"""Longest list that is read; OpenRouter's has half a megabyte."""

Entry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ListCall:
    """Where and how the list of one upstream is asked for."""

    provider: Provider
    url: str
    key: str | None = field(repr=False)
    client: UpstreamClient
    exchange: Exchange
    record: RequestRecord

    @property
    def place(self) -> bytes:
        """Its place in the cache."""
        return place_of(self.provider, self.url, self.key)

    def fetch(self, seconds: float, headers: Mapping[str, str] | None = None) -> list[Entry]:
        """The upstream's models as Anthropic entries (docs/protocol.md section 7).

        ``headers``: those to send, if they are not the usual ones. Raises ``UpstreamError``,
        ``UpstreamTimeout`` or ``ClientGone``.
        """
        provider = self.provider
        if headers is None:
            headers = upstream_headers(provider, self.key, self.record.correlation_id)
        call = UpstreamCall(
            method="GET",
            url=self.url,
            headers=headers,
            body=None,
            client=self.client,
            exchange=self.exchange,
            record=self.record,
            first_byte_seconds=seconds,
            silence_seconds=seconds,
            secrets=sent_secrets(provider, self.key),
        )
        body, _ = fetch(call, "list its models", LIST_BYTES)
        return models_to_entries(decoded(body), yield_if_slice_used)

    def ask(self, lists: ModelList, max_age: float = CACHE_SECONDS) -> list[Entry] | None:
        """The list, from ``lists`` if it is not older than ``max_age`` seconds; None: not to be had.

        Raises ``ClientGone`` or ``RequestTimeout``.
        """
        until = monotonic() + ASK_SECONDS

        def wait(asking: Event) -> None:
            self.exchange.limit(until - monotonic(), "another request waits for the list as well")
            self.exchange.run(asking.wait)

        def asked() -> list[Entry]:
            return self.fetch(max(until - monotonic(), 0.0))

        try:
            return lists.quietly(self.place, asked, wait, max_age)
        finally:
            self.exchange.limit(None)


def list_call(call: Call) -> ListCall:
    """The call for the list of the present route's upstream, with the present key."""
    return ListCall(
        provider=call.route.provider,
        url=list_url(call.route),
        key=call.key,
        client=call.client,
        exchange=call.exchange,
        record=call.record,
    )


def list_url(route: Route) -> str:
    """The URL of the model list of the upstream of ``route``."""
    return models_url(route.provider, route.base_path)
