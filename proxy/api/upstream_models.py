"""The models that clients may list: the registered ones, and those of the default upstream.

Rule: the upstream is called with the credential of the present request.
"""

from __future__ import annotations

from typing import Any

from config.registry.values import Provider
from proxy.api.candidates import credential, withheld_key_named
from proxy.api.context import credential_headers, record, runtime
from proxy.api.responses import watched
from proxy.convert.models import registered_entries, unique
from proxy.errors import AuthenticationFailed, UpstreamError
from proxy.failures.policy import failure_kind
from proxy.relay.call import sent_secrets
from proxy.relay.cancellation import Exchange
from proxy.relay.model_list import LIST_SECONDS, fetch_entries
from proxy.relay.native.request import Sent, native_headers
from proxy.relay.protocol import upstream_headers
from proxy.relay.upstream_call import UpstreamCall


def listed_entries() -> list[dict[str, Any]]:
    """The registered models in file order, then the upstream's models if the operator enabled this.

    Each id occurs once. If the upstream fails to list its models, they are left out; if the list would
    then be empty, the error of ``upstream_entries`` is raised.
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
    """Every model of the upstream as an Anthropic entry, cached."""
    shared = runtime()
    key = credential(shared.provider)
    url = shared.router.models_url
    return shared.models.entries(key, lambda: provider_entries(shared.provider, url, key))


def provider_entries(provider: Provider, url: str, key: str | None) -> list[dict[str, Any]]:
    """The models that ``provider`` lists at ``url`` for ``key``, as Anthropic entries."""
    shared, access = runtime(), record()
    access.provider = provider.name
    call = UpstreamCall(
        method="GET",
        url=url,
        headers=_headers(provider, key),
        body=None,
        client=shared.clients.for_provider(provider),
        exchange=Exchange(shared.settings.total_timeout),
        record=access,
        first_byte_seconds=LIST_SECONDS,
        silence_seconds=LIST_SECONDS,
        secrets=sent_secrets(provider, key),
    )
    try:
        with watched(call.exchange), withheld_key_named(provider):
            return fetch_entries(call)
    except UpstreamError as error:
        access.record_event("error", failure_kind(error))
        raise


def _headers(provider: Provider, key: str | None) -> dict[str, str]:
    correlation_id = record().correlation_id
    if not provider.native:
        return upstream_headers(provider, key, correlation_id)
    sent = Sent(method="GET", headers=list(credential_headers().items()), query="")
    return native_headers(provider, key, sent, correlation_id, stream=False)
