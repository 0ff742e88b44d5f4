"""Decides the model of a route that the operator did not set, by the upstream's list of models.

Rule: a list that holds exactly one model decides; otherwise, and if the list cannot be had, the route
stays as it is. Only routes with ``Route.undecided`` ask for a list.
"""

from __future__ import annotations

import logging

from proxy.providers.default_models import only_model
from proxy.providers.routing import Route, Router
from proxy.relay.call import Call, record_route
from proxy.relay.list_call import Entry, ListCall, list_call
from proxy.relay.model_list import ModelList

log = logging.getLogger(__name__)


def decide(call: Call, router: Router, lists: ModelList) -> None:
    """Give the present attempt of ``call`` its model; raises ``ClientGone`` or ``RequestTimeout``."""
    call.route = decided_route(call.route, router, lists, list_call(call))
    record_route(call.record, call.route)


def decided_route(route: Route, router: Router, lists: ModelList, listing: ListCall) -> Route:
    """``route``, which is undecided, with its model; raises what ``ListCall.ask`` raises."""
    entries = listing.ask(lists)
    only = only_model(entries)
    if only is None:
        _log_undecided(route, entries, lists)
        return route
    if lists.is_news(f"only {route.provider.name} {only}"):
        log.info(
            "CLAUDE_PROXY_BIG_MODEL is not set: %r, the only model that %s lists, is used",
            only,
            route.provider.name,
        )
    return router.with_model(route, only)


def _log_undecided(route: Route, entries: list[Entry] | None, lists: ModelList) -> None:
    if not lists.is_news(f"undecided {route.provider.name} {route.model}"):
        return
    found = "cannot be read" if entries is None else f"holds {len(entries)} models"
    log.info(
        "CLAUDE_PROXY_BIG_MODEL is not set, and the list of models of %s %s: %s is sent",
        route.provider.name,
        found,
        route.model,
    )
