"""The models that clients may list: the registered ones, and those of the default upstream.

Rule: the upstream is called with the credential of the present request.
"""

from __future__ import annotations

from typing import Any

from config.registry.values import Provider
from proxy.api.candidates import credential
from proxy.api.context import credential_headers, record, runtime
from proxy.api.created import creation_times
from proxy.api.refused_key import refused_key_named
from proxy.api.responses import watched
from proxy.convert.models import registered_entries, unique
from proxy.errors import AuthenticationFailed, UpstreamError
from proxy.failures.policy import failure_kind
from proxy.relay.cancellation import Exchange
from proxy.relay.list_call import LIST_SECONDS, ListCall
from proxy.relay.model_list import place_of
from proxy.relay.native.request import Sent, native_headers


def listed_entries() -> list[dict[str, Any]]:
    """The registered models in file order, then the upstream's models if the operator enabled this.

    Each id occurs once. If the upstream fails to list its models, they are left out; if the list would
    then be empty, the error of ``upstream_entries`` is raised.
    """
    registry = runtime().registry
    listed: list[dict[str, Any]] = []
    if registry.models_from_upstream:
        try:
            listed = upstream_entries()
        except (UpstreamError, AuthenticationFailed):
            if not registry.models:
                raise
    # After the list was read, which says when its models were made.
    return unique([*registered_entries(registry.models, creation_times()), *listed])


def upstream_entries() -> list[dict[str, Any]]:
    """Every model of the upstream as an Anthropic entry, cached."""
    shared = runtime()
    key = credential(shared.provider)
    url = shared.router.models_url
    place = place_of(shared.provider, url, key)
    return shared.models.entries(place, lambda: provider_entries(shared.provider, url, key))


def provider_entries(provider: Provider, url: str, key: str | None) -> list[dict[str, Any]]:
    """The models that ``provider`` lists at ``url`` for ``key``, as Anthropic entries."""
    listing = listing_of(provider, url, key)
    try:
        with watched(listing.exchange), refused_key_named(provider):
            return listing.fetch(LIST_SECONDS, _native_headers(provider, key))
    except UpstreamError as error:
        record().record_event("error", failure_kind(error))
        raise


def listing_of(provider: Provider, url: str, key: str | None) -> ListCall:
    """The call for that list, with limits of its own."""
    shared, access = runtime(), record()
    access.provider = provider.name
    return ListCall(
        provider=provider,
        url=url,
        key=key,
        client=shared.clients.for_provider(provider),
        exchange=Exchange(shared.settings.total_timeout),
        record=access,
    )


def _native_headers(provider: Provider, key: str | None) -> dict[str, str] | None:
    if not provider.native:
        return None
    sent = Sent(method="GET", headers=list(credential_headers().items()), query="")
    return native_headers(provider, key, sent, record().correlation_id, stream=False)
