"""The context window of a route's model, as its upstream's list of models states it.

Rule: only the number is used, so that clients see no model of a list that they may not see.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from config.urls import models_url
from proxy.api.candidates import credential
from proxy.api.context import runtime
from proxy.api.upstream_models import provider_entries
from proxy.errors import AuthenticationFailed, UpstreamError
from proxy.providers.profiles import base_path_for
from proxy.providers.routing import Route
from proxy.relay.model_list import place_of


def listed_window(route: Route) -> int | None:
    """Input tokens of the route's model; None if its upstream does not tell or does not answer."""
    try:
        entries = _entries(route)
    except (UpstreamError, AuthenticationFailed):
        return None
    stated = (entry["max_input_tokens"] for entry in entries if entry["id"] == route.model)
    return next(stated, None)


def _entries(route: Route) -> list[dict[str, Any]]:
    shared, provider = runtime(), route.provider
    key = credential(provider)
    base = urlsplit(provider.base_url)
    url = models_url(provider, base_path_for(base.netloc, base.path))
    place = place_of(provider, url, key)
    return shared.models.entries(place, lambda: provider_entries(provider, url, key))
