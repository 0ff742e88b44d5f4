"""The upstream's own models, asked for with the credential of the present request."""

from __future__ import annotations

from typing import Any

from proxy.api.answers import credential, watched
from proxy.api.context import record, runtime
from proxy.call import sent_secrets, upstream_headers
from proxy.exchange import Exchange
from proxy.model_list import fetch_entries


def upstream_entries() -> list[dict[str, Any]]:
    """Every model of the upstream as an Anthropic entry; remembered for a while."""
    shared = runtime()
    key = credential(shared.provider)
    secrets = sent_secrets(shared.provider, key)
    headers = upstream_headers(shared.provider, key, record().correlation_id)
    exchange = Exchange(shared.settings.total_timeout)

    def fetch() -> list[dict[str, Any]]:
        return fetch_entries(
            shared.client, shared.router.models_url, headers, exchange, secrets=secrets
        )

    with watched(exchange):
        return shared.models.entries(key, fetch)
