"""Where a request goes: provider, upstream model, profile.

Rule: a route is decided from the model name alone, before anything is converted, and is a value
(docs/features.md "Model choice"). Clients see their own model name again in every answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from config.registry import Provider
from config.settings import Settings
from config.urls import chat_url, models_url
from proxy.errors import NotFound
from proxy.profiles import base_path_for, profile_for, provider_for
from proxy.profiles.base import Profile
from proxy.tokens.encodings import encoding_for

TIER_WORDS = frozenset({"haiku", "sonnet", "opus", "opusplan"})
ALIAS_PREFIX = "anthropic/"
"""Models are listed to Claude Code as ``anthropic/ID``; both names mean the same."""
REMEMBERED_ROUTES = 1000
_CONTEXT_SUFFIX = re.compile(r"\[\w+\]$")


@dataclass(frozen=True, slots=True)
class Route:
    """Where and how one request is sent."""

    provider: Provider
    model: str
    """The model name that the upstream knows."""
    profile: Profile
    chat_url: str
    encoding: str
    """tiktoken's name of the encoding by which this model's tokens are counted."""
    reason: str
    """Why this model: ``name`` (as the client wrote it) or ``tier``."""


@dataclass(frozen=True, slots=True)
class Tiers:
    """Upstream models for Claude's three model classes."""

    big: str
    middle: str
    small: str

    def model_for(self, name: str) -> str:
        """The tier that a Claude model name asks for; unknown ones are big."""
        lowered = name.lower()
        if "haiku" in lowered:
            return self.small
        return self.middle if "sonnet" in lowered else self.big


def upstream_model(name: str, tiers: Tiers, *, on_openrouter: bool) -> tuple[str, str]:
    """``(model, reason)`` for a client's model name, rules 3 and 4 of "Model choice"."""
    name = _CONTEXT_SUFFIX.sub("", name)
    if name.startswith(ALIAS_PREFIX):
        bare = name.removeprefix(ALIAS_PREFIX)
        if on_openrouter and "/" not in bare:
            return name, "name"
        name = bare
    lowered = name.lower()
    if "claude" in lowered and not (on_openrouter and "/" in name):
        return tiers.model_for(name), "tier"
    if lowered in TIER_WORDS:
        return tiers.model_for(name), "tier"
    return name, "name"


class Router:
    """Routes for the environment's one provider; remembers what it decided."""

    def __init__(self, settings: Settings, provider: Provider) -> None:
        self.provider = provider
        base = urlsplit(provider.base_url)
        base_path = base_path_for(base.netloc, base.path)
        self._host = base.netloc
        self._path = base.path
        self._tiers = Tiers(
            big=settings.big_model, middle=settings.middle_model, small=settings.small_model
        )
        self._strict_models = settings.strict_models
        self._encoding = settings.tiktoken_model
        self._chat_url = chat_url(provider, base_path)
        self.models_url = models_url(provider, base_path)
        self._remembered: dict[str, Route] = {}

    @property
    def tiers(self) -> Tiers:
        return self._tiers

    def resolve(self, name: str) -> Route:
        """The route for a client's model name; raises ``NotFound`` under STRICT_MODELS."""
        route = self._remembered.get(name)
        if route is None:
            if len(self._remembered) >= REMEMBERED_ROUTES:
                self._remembered.clear()
            route = self._remembered[name] = self._decide(name)
        return route

    def _decide(self, name: str) -> Route:
        on_openrouter = provider_for(self._host).name == "openrouter"
        model, reason = upstream_model(name, self._tiers, on_openrouter=on_openrouter)
        tiers = (self._tiers.big, self._tiers.middle, self._tiers.small)
        if self._strict_models and reason == "name" and model not in tiers:
            raise NotFound(f"model: {name}")
        return Route(
            provider=self.provider,
            model=model,
            profile=profile_for(self._host, model, path=self._path),
            chat_url=self._chat_url,
            encoding=encoding_for(model, self._encoding),
            reason=reason,
        )
