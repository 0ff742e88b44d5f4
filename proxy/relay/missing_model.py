"""Explains an upstream's "model not found" with what the upstream has and with the variable to set.

Rule: at most one more upstream call, for the list, within the request's limits; the error stays what it
is. A caller is told the ids that ``GET /v1/models`` would show it, or that its own key may ask for; the
log is told all, at most once a minute for each model.
"""

from __future__ import annotations

import logging
from time import monotonic

from config.registry.values import Provider
from proxy.concurrency import run_off_loop
from proxy.errors import ClientGone, ProxyError, UpstreamError
from proxy.failures.missing_model import missing_model
from proxy.providers.routing import Router
from proxy.relay.call import Call
from proxy.relay.list_call import list_call
from proxy.relay.model_list import ModelList

log = logging.getLogger(__name__)

MAX_AGE = 60.0
"""Seconds for which a list explains errors."""
DOUBTFUL_AGE = 5.0
"""The same for a list that holds the model which the upstream refuses: the model was replaced."""


def explain(call: Call, error: UpstreamError, router: Router, lists: ModelList) -> None:
    """Extend the message of ``error``, with which the upstream of ``call`` refused its model.

    Raises ``ClientGone``.
    """
    route = call.route
    ids = _ids(call, lists)
    registered = "" if route.registered is None else route.registered.id
    variable = router.variable_of(route)

    def told(listed: list[str] | None) -> str:
        return run_off_loop(
            missing_model,
            route.model,
            variable=variable,
            registered=registered,
            listed=listed,
            secrets=error.secrets,
        )

    error.message = told(ids if _may_see(call, router) else None)
    operators = variable or registered
    if operators and lists.is_news(f"missing {route.provider.name} {route.model}", MAX_AGE):
        log.warning("%s: %s", route.provider.name, told(ids))


def _ids(call: Call, lists: ModelList) -> list[str] | None:
    listing = list_call(call)
    held = lists.held(listing.place)
    doubtful = held is not None and any(entry["id"] == call.route.model for entry in held)
    if monotonic() < call.deadline:
        try:
            held = listing.ask(lists, DOUBTFUL_AGE if doubtful else MAX_AGE)
        except ClientGone:
            raise
        except ProxyError:
            # The request's own time is over, or the process stops: the refusal remains the answer.
            pass
    return None if held is None else [entry["id"] for entry in held]


def _may_see(call: Call, router: Router) -> bool:
    provider: Provider = call.route.provider
    if not provider.api_keys and call.key is not None:
        return True
    registry = router.registry
    return provider.dynamic or (provider is registry.default and registry.models_from_upstream)
