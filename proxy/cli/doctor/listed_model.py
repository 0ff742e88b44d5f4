"""The model that the doctor tests where BIG_MODEL is not set and the upstream's list decides.

Rule: as the service decides (``proxy/relay/default_model.py``), except that a list with several models
ends the command: the doctor would test a model that the upstream may not have.
"""

from __future__ import annotations

import gevent

from proxy.cli.errors import UsageError
from proxy.errors import UpstreamError, UpstreamTimeout
from proxy.failures.missing_model import shown_ids
from proxy.ids import new_request_id
from proxy.providers.default_models import only_model
from proxy.providers.routing import Router
from proxy.relay.cancellation import Exchange
from proxy.relay.list_call import LIST_SECONDS, Entry, ListCall
from proxy.telemetry.request_record import RequestRecord
from proxy.upstream.clients import Clients


def listed_model(router: Router, clients: Clients, key: str | None) -> str | None:
    """The only model of the default upstream; None if its list is empty or cannot be had.

    ``key`` is sent if the configuration has none. Raises ``UsageError`` for several models.
    """
    provider = router.registry.default
    key = provider.api_key or key
    try:
        entries = _fetched(router, clients, key)
    except UpstreamError:
        return None
    if len(entries) > 1:
        secrets = (*provider.secrets, *([key] if key else []))
        ids = shown_ids(router.tiers.big, [entry["id"] for entry in entries], secrets)
        raise UsageError(
            f"CLAUDE_PROXY_BIG_MODEL is not set and {provider.name} lists {len(entries)} models: "
            f"set it, or name one with --model: {ids}"
        )
    return only_model(entries)


def _fetched(router: Router, clients: Clients, key: str | None) -> list[Entry]:
    provider, url = router.registry.default, router.models_url
    record = RequestRecord(new_request_id(), "", "GET", url)
    client = clients.for_provider(provider)
    listing = ListCall(provider, url, key, client, Exchange(), record)
    late = UpstreamTimeout(f"no list of models within {LIST_SECONDS:g} s")
    with gevent.Timeout(LIST_SECONDS, late):
        return listing.fetch(LIST_SECONDS)
