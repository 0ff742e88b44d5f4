"""The routes that may answer a request, and the credential that is sent to each.

Rule: the chosen route is first, then the fallbacks of its model, each with the keys of its provider. A
client's key is sent only to the provider of the chosen route. A credential of Anthropic is sent only to
native providers, including fallbacks.
"""

from __future__ import annotations

from dataclasses import replace

from config.registry.values import Provider
from proxy.access.auth import anthropic_key, upstream_key
from proxy.api.context import credential_headers, runtime
from proxy.errors import NotFound
from proxy.failures.policy import Candidate
from proxy.providers.key_ring import KeyRing
from proxy.providers.routing import Route

FALLBACK = "fallback"
"""``Route.reason`` of a fallback."""


def candidates_for(route: Route) -> tuple[Candidate[Route], ...]:
    """``route`` and its fallbacks; raises ``AuthenticationFailed`` if there is no key for ``route``."""
    found = [_candidate(route, _keys(route.provider))]
    seen = {(route.provider.name, route.model)}
    for name in route.fallbacks:
        try:
            fallback = runtime().router.resolve(name)
        except NotFound:
            continue
        if (fallback.provider.name, fallback.model) in seen:
            continue
        seen.add((fallback.provider.name, fallback.model))
        keys = _fallback_keys(fallback.provider, route.provider)
        found.append(_candidate(replace(fallback, reason=FALLBACK), keys))
    return tuple(found)


def credential(provider: Provider) -> str | None:
    """The key that is sent to ``provider`` (docs/features.md "Modes and authentication")."""
    return upstream_key(
        credential_headers(),
        provider_key=provider.api_key,
        auth_keys=runtime().settings.auth_keys,
        dynamic=provider.dynamic,
        native=provider.native,
    )


def anthropic_credential() -> str | None:
    """The client's credential if it is one of Anthropic, which is sent to native providers only."""
    return anthropic_key(credential_headers(), runtime().settings.auth_keys)


def _candidate(route: Route, keys: KeyRing) -> Candidate[Route]:
    return Candidate(route, runtime().states.breaker(route.provider), keys)


def _keys(provider: Provider) -> KeyRing:
    if provider.api_keys:
        return runtime().states.keys(provider)
    return KeyRing((credential(provider),))


def _fallback_keys(provider: Provider, asked: Provider) -> KeyRing:
    if not provider.api_keys and (asked.api_keys or provider.base_url != asked.base_url):
        # A local server, such as Ollama, needs no key. The client's key belongs to another provider,
        # unless it is a key of Anthropic.
        return KeyRing((anthropic_credential() if provider.native else None,))
    return _keys(provider)
