"""The routes that may answer a request, and the credential that is sent to each.

Rule: the chosen route is first, then the fallbacks of its model, each with the keys of its provider. A
client's key is sent only to the provider of the chosen route. A credential of Anthropic is sent only to
native providers, including fallbacks.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from config.registry.values import Provider
from proxy.access.auth import ANTHROPIC_START, anthropic_key, upstream_key
from proxy.api.context import credential_headers, runtime
from proxy.errors import NotFound, UpstreamError
from proxy.failures.policy import Candidate
from proxy.providers.key_ring import KeyRing
from proxy.providers.routing import Route

FALLBACK = "fallback"
"""``Route.reason`` of a fallback."""
WITHHELD = (
    f"A client's credential that begins with {ANTHROPIC_START} is sent to native upstreams only:"
    " send the key of this upstream, or set it here (OPENAI_API_KEY, or api_key in the registry)"
)


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


@contextmanager
def withheld_key_named(provider: Provider) -> Iterator[None]:
    """Within the block, the error for a 401 of ``provider`` says if the client's key was not sent to it."""
    try:
        yield
    except UpstreamError as error:
        if error.status == 401 and _is_withheld(provider):
            error.message = f"{error.message}. {WITHHELD}"
        raise


def _is_withheld(provider: Provider) -> bool:
    return not (provider.native or provider.api_keys) and _anthropic_key() is not None


def _anthropic_key() -> str | None:
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
        return KeyRing((_anthropic_key() if provider.native else None,))
    return _keys(provider)
