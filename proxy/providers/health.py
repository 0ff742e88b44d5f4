"""What a worker remembers of its providers: whether each one rests, and which of its keys.

Rule: one breaker and one key ring for each provider, shared by all of its models and by all
requests of the worker; kept in memory only.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from config.registry.values import Provider
from proxy.providers.circuit_breaker import Breaker, BreakerRule
from proxy.providers.key_ring import KeyRing


class ProviderHealth:
    """Breakers and key rings, made when they are first asked for.

    A host that the client named stands for itself alone, so nothing of it is remembered.
    """

    def __init__(
        self,
        rule: BreakerRule | None = None,
        *,
        changed: Callable[[str, float | None], None] | None = None,
    ) -> None:
        """``changed`` is told a provider's name and until when it rests, each time that changes."""
        self._rule = rule
        self._changed = changed
        self._states: dict[tuple[str, str], tuple[Breaker, KeyRing]] = {}

    def breaker(self, provider: Provider) -> Breaker:
        """The provider's breaker."""
        return self._of(provider)[0]

    def keys(self, provider: Provider) -> KeyRing:
        """The server's own keys for the provider."""
        return self._of(provider)[1]

    def _of(self, provider: Provider) -> tuple[Breaker, KeyRing]:
        name = (provider.name, provider.base_url)
        state = self._states.get(name)
        if state is None:
            state = (Breaker(self._rule), KeyRing(provider.api_keys))
            if not provider.dynamic:
                self._states[name] = state
                if self._changed is not None:
                    state[0].on_change = partial(self._changed, provider.name)
        return state
