"""When registered models were made, as ``GET /v1/models`` says it.

Rule: what the upstream's list says, if that was read with the credential of the present request; else
when the registry file was last changed. No upstream is called.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from config.registry.values import Model, Provider
from config.urls import models_url
from proxy.api.candidates import credential
from proxy.api.context import runtime
from proxy.errors import AuthenticationFailed
from proxy.providers.profiles import base_path_for
from proxy.relay.model_list import place_of


def creation_times() -> Callable[[Model], float]:
    """The function that returns when a registered model was made, in seconds since 1970."""
    listed: dict[str, dict[str, int]] = {}
    changed = runtime().registry.changed

    def made(model: Model) -> float:
        provider = model.provider
        if provider.name not in listed:
            listed[provider.name] = _listed(provider)
        return listed[provider.name].get(model.remote_id) or changed

    return made


def _listed(provider: Provider) -> dict[str, int]:
    """When the models of ``provider`` were made, by id, as far as its list is known."""
    try:
        key = credential(provider)
    except AuthenticationFailed:
        return {}
    base = urlsplit(provider.base_url)
    url = models_url(provider, base_path_for(base.netloc, base.path))
    entries = runtime().models.held(place_of(provider, url, key)) or ()
    return {entry["id"]: entry["created"] for entry in entries}
