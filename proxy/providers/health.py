"""The health of providers within one worker: circuit breakers and key cooldowns.

Rule: one breaker and one key ring for each provider, shared by all of its models and by all requests
of the worker; kept in memory only.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from config.registry.values import Provider
from proxy.providers.circuit_breaker import Breaker, BreakerRule
from proxy.providers.key_ring import KeyRing


class ProviderHealth:
    """Breakers and key rings, created on first use.

    Nothing is kept for a dynamic provider: clients choose its host, so the number is not limited.
    """

    def __init__(
        self,
        rule: BreakerRule | None = None,
        *,
        changed: Callable[[str, float | None], None] | None = None,
    ) -> None:
        """``changed`` is called with a provider's name and its breaker's ``open_until`` (monotonic
        seconds; None: closed) each time that changes."""
        self._rule = rule
        self._changed = changed
        self._states: dict[tuple[str, str], tuple[Breaker, KeyRing]] = {}

    def breaker(self, provider: Provider) -> Breaker:
        """The provider's circuit breaker."""
        return self._state(provider)[0]

    def keys(self, provider: Provider) -> KeyRing:
        """The server's own keys for the provider."""
        return self._state(provider)[1]

    def _state(self, provider: Provider) -> tuple[Breaker, KeyRing]:
        name = (provider.name, provider.base_url)
        state = self._states.get(name)
        if state is None:
            state = (Breaker(self._rule), KeyRing(provider.api_keys))
            if not provider.dynamic:
                self._states[name] = state
                if self._changed is not None:
                    state[0].on_change = partial(self._changed, provider.name)
        return state
