"""What Claude Code's settings depend on: the proxy's mode, its key, the models and their windows.

Rule: values only. They come from a running server (``server.py``) or from a configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from config.registry.values import mode, registry_in_force
from config.settings import Settings
from proxy.providers.routing import Router
from proxy.providers.tier_models import TierModel, is_plain, tier_models

MAIN_TIERS = ("opus", "sonnet")
"""Whose windows decide: a conversation runs on one of them, and they share one setting."""
CONVERSATION = (*MAIN_TIERS, "think")
LONG_CONTEXT = "long_context"


class Listed(NamedTuple):
    """What an upstream's list says of a model."""

    window: int | None
    """Input tokens; None: not known."""
    model: str
    """Its name at the upstream; empty: not told."""


class Window(NamedTuple):
    """A context window and the model that has it."""

    tokens: int
    model: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about a proxy."""

    mode: str
    """``fixed``, ``passthrough`` or ``mixed`` (docs/features.md "Modes and authentication")."""
    key_in_force: bool
    """Whether clients must send a key of the proxy's own."""
    models: Mapping[str, TierModel] = field(default_factory=dict)
    """By tier and smart route; empty: unknown."""
    stated_window: int | None = None
    """Tokens; replaces what the models have."""
    stated_by: str = "--window"
    """Who stated it, for the user."""

    @property
    def passes_keys(self) -> bool:
        """Whether an upstream of a conversation wants a key that the client must send."""
        if not self.models:
            return self.mode == "passthrough"
        return not self.key_in_force and any(
            model.takes_client_key for name, model in self.models.items() if name in CONVERSATION
        )

    @property
    def window(self) -> Window | None:
        """The smallest window of the models that a conversation runs on; None: not all are known.

        A longer prompt than a model takes goes to the ``long_context`` route, if there is one.
        """
        if self.stated_window:
            return Window(self.stated_window, self.stated_by)
        found = [self.window_of(name) for name in CONVERSATION if self._must_be_told(name)]
        known = [window for window in found if window]
        return min(known) if known and len(known) == len(found) else None

    @property
    def client_knows(self) -> bool:
        """Whether Claude Code knows the windows of all models of a conversation itself."""
        asked = [name for name in CONVERSATION if name in self.models]
        return bool(asked) and not any(self._must_be_told(name) for name in asked)

    def _must_be_told(self, name: str) -> bool:
        model = self.models.get(name)
        return model is not None and not (model.known_to_client and not model.max_input_tokens)

    def window_of(self, name: str) -> Window | None:
        """The window of one tier or smart route."""
        if name not in self.models:
            return None
        own = _window(self.models[name])
        longer = self.models.get(LONG_CONTEXT)
        return max(own, _window(longer) or own) if own and longer else own

    def with_listed(self, listed: Mapping[str, Listed]) -> Facts:
        """These facts with what the upstreams' lists say, by tier or route."""
        models = {
            name: _as_listed(model, listed[name]) if name in listed else model
            for name, model in self.models.items()
        }
        return replace(self, models=models)


def configured_facts(
    settings: Settings, window: int | None = None, stated_by: str = "--window"
) -> Facts:
    """The facts of a server with these settings; windows only as far as they are configured.

    ``window`` in tokens, as ``stated_by`` says, replaces them. Raises ``ConfigError``.
    """
    registry = registry_in_force(settings)
    fixed = any(provider.api_keys for provider in registry.providers)
    return Facts(
        mode=mode(registry.providers),
        key_in_force=fixed and bool(settings.auth_keys),
        models=tier_models(Router(settings, registry)),
        stated_window=window,
        stated_by=stated_by,
    )


def _as_listed(model: TierModel, listed: Listed) -> TierModel:
    window = model.max_input_tokens or listed.window
    if not (model.undecided and listed.model):
        return replace(model, max_input_tokens=window)
    plain = listed.model if is_plain(listed.model) else None
    return replace(model, max_input_tokens=window, model=listed.model, name=plain)


def _window(model: TierModel) -> Window | None:
    return Window(model.max_input_tokens, model.model) if model.max_input_tokens else None
