"""The model of an undecided route, for requests that need it before or without a call of the route.

Rule: as for a message (``proxy/relay/default_model.py``), with the credential of the present request.
"""

from __future__ import annotations

from proxy.api.candidates import credential
from proxy.api.context import runtime
from proxy.api.responses import watched
from proxy.api.upstream_models import listing_of
from proxy.errors import AuthenticationFailed
from proxy.providers.default_models import only_model
from proxy.providers.routing import Route
from proxy.relay.default_model import decided_route
from proxy.relay.list_call import list_url
from proxy.relay.model_list import place_of


def decided(route: Route) -> Route:
    """``route`` with its model; the upstream is asked for its list if that is not known.

    Raises ``ClientGone`` or ``RequestTimeout``.
    """
    if not route.undecided:
        return route
    shared = runtime()
    try:
        key = credential(route.provider)
    except AuthenticationFailed:
        # Such a request gets an answer if it calls no upstream, such as a count of tokens.
        return route
    listing = listing_of(route.provider, list_url(route), key)
    with watched(listing.exchange):
        return decided_route(route, shared.router, shared.models, listing)


def known_decision(route: Route) -> tuple[Route, str]:
    """``route``, which is undecided, with its model if that is known, and what is known of the list.

    No upstream is called.
    """
    shared = runtime()
    try:
        key = credential(route.provider)
    except AuthenticationFailed:
        key = None
    entries = shared.models.held(place_of(route.provider, list_url(route), key))
    only = only_model(entries)
    if only is not None:
        return shared.router.with_model(route, only), "it is the only model in the upstream's list"
    if entries is None:
        words = (
            "the first request asks the upstream for its list; a single model in it is used instead"
        )
    else:
        words = f"the upstream's list holds {len(entries)} models and does not decide"
    return route, f"CLAUDE_PROXY_BIG_MODEL is not set: {words}"
