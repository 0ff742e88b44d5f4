"""The model list entry for a name that this proxy maps: registered names, tier words, Claude's names.

Rule: the name is routed like the model of a message. The entry has the limits of the model at the end of
the route (docs/protocol.md section 7).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from config.registry.values import ALIAS_PREFIX
from proxy.api.context import runtime
from proxy.api.created import creation_times
from proxy.api.default_model import decided
from proxy.api.listed_window import listed_window
from proxy.api.upstream_models import upstream_entries
from proxy.convert.models import model_to_entry, registered_entry
from proxy.errors import AuthenticationFailed, NotFound, UpstreamError
from proxy.providers.routing import Route

Entry = dict[str, Any]


def routed_entry(model_id: str) -> tuple[Entry, Route] | tuple[None, None]:
    """The entry and route of ``model_id``, which may be percent-encoded; None if no mapping applies."""
    for name in dict.fromkeys((model_id, unquote(model_id))):
        route = _mapped(name)
        if route is not None:
            return _entry(name, route), route
    return None, None


def _mapped(name: str) -> Route | None:
    """The route of ``name`` for a message of size 0; None if the name is passed on unchanged."""
    router = runtime().router
    try:
        route = router.resolve(name)
    except NotFound:
        return None
    if route.reason != "tier" and route.registered is None:
        return None
    return decided(router.choose({"model": name}, lambda: 0))


def _entry(name: str, route: Route) -> Entry:
    shown = name if _is_registered(name) else name.removeprefix(ALIAS_PREFIX)
    entry = _of_target(shown, route) or {}
    return {
        **entry,
        "id": shown,
        "max_input_tokens": entry.get("max_input_tokens")
        or route.profile.max_input
        or (None if _was_listed(route) else listed_window(route)),
        "max_tokens": entry.get("max_tokens") or route.profile.max_output,
    }


def _is_registered(name: str) -> bool:
    return any(name in (model.id, *model.aliases) for model in runtime().registry.models)


def _of_target(shown: str, route: Route) -> Entry | None:
    if route.registered is not None:
        return registered_entry(route.registered, shown, creation_times()(route.registered))
    listed = (entry for entry in _listed_beside(route) if entry["id"] == route.model)
    stated = {"id": route.model, "owned_by": route.provider.name}
    return next(listed, None) or model_to_entry(stated)


def _was_listed(route: Route) -> bool:
    """Whether clients may see the upstream's list, so that the entry is made from it."""
    registry = runtime().registry
    shown = registry.models_from_upstream and route.provider is registry.default
    return shown and route.registered is None


def _listed_beside(route: Route) -> list[Entry]:
    """The model list of the route's upstream if clients may see it; empty if it is not available."""
    if not _was_listed(route):
        return []
    try:
        return upstream_entries()
    except (UpstreamError, AuthenticationFailed):
        return []
