"""The models that clients may list: the registered ones, and the default upstream's own.

Rule: an upstream is asked with the credential of the present request.
"""

from __future__ import annotations

from typing import Any

from config.registry.values import Provider
from proxy.api.candidates import credential
from proxy.api.context import credential_headers, record, runtime
from proxy.api.responses import watched
from proxy.convert.models import registered_entries, unique
from proxy.errors import AuthenticationFailed, UpstreamError
from proxy.failures.policy import failure_kind
from proxy.relay.call import sent_secrets, upstream_headers
from proxy.relay.cancellation import Exchange
from proxy.relay.model_list import fetch_entries
from proxy.relay.native.call import Sent, direct_headers
from proxy.telemetry.tracing import upstream_call


def listed_entries() -> list[dict[str, Any]]:
    """The registered models in file order, then, where the operator wants it, the upstream's own.

    Each id once. An upstream that cannot list its models only shortens the list; raises what
    ``upstream_entries`` raises where nothing would be left.
    """
    registry = runtime().registry
    entries = registered_entries(registry.models)
    if registry.models_from_upstream:
        try:
            entries += upstream_entries()
        except (UpstreamError, AuthenticationFailed):
            if not entries:
                raise
    return unique(entries)


def upstream_entries() -> list[dict[str, Any]]:
    """Every model of the upstream as an Anthropic entry; remembered for a while."""
    shared = runtime()
    key = credential(shared.provider)
    url = shared.router.models_url
    return shared.models.entries(key, lambda: provider_entries(shared.provider, url, key))


def provider_entries(provider: Provider, url: str, key: str | None) -> list[dict[str, Any]]:
    """What ``provider`` lists at ``url`` for the holder of ``key``, as Anthropic entries."""
    shared = runtime()
    record().provider = provider.name
    if provider.direct:
        sent = Sent(method="GET", headers=list(credential_headers().items()), query="")
        headers = direct_headers(provider, key, sent, record().correlation_id, stream=False)
    else:
        headers = upstream_headers(provider, key, record().correlation_id)
    exchange = Exchange(shared.settings.total_timeout)
    client = shared.clients.for_provider(provider)
    secrets = sent_secrets(provider, key)
    try:
        with watched(exchange), upstream_call(record(), provider.name, "", url):
            return fetch_entries(client, url, headers, exchange, secrets=secrets)
    except UpstreamError as error:
        record().record_event("error", failure_kind(error))
        raise
