"""Choose the route of a request: provider, upstream model, profile.

Rule: a route is a value that is chosen before the request is converted, by the model name and the smart
routes (docs/features.md "Model choice"). Answers contain the client's own model name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlsplit

from config.errors import ConfigError
from config.registry.values import ALIAS_PREFIX, Model, Provider, Registry
from config.settings import Settings
from config.urls import models_url, names_responses
from proxy.errors import NotFound
from proxy.providers.default_models import (
    DEFAULT_TIERS,
    ROUTES,
    tiers_in_force,
    undecided_tiers,
    variables_of,
)
from proxy.providers.model_names import (
    Tiers,
    is_haiku_class,
    tier_of,
    upstream_model,
    without_context,
    without_date,
)
from proxy.providers.profiles import base_path_for, overridden, profile_for, vendor_for
from proxy.providers.profiles.base import Profile
from proxy.tokens.encodings import encoding_for

REMEMBERED_ROUTES = 1000
_SAFE = "/:@+,[]!$&'()*~.-_"
"""Characters of names that are not escaped in a header, besides letters and digits."""
_PLAIN_NAME = re.compile(rf"[a-zA-Z0-9{re.escape(_SAFE)}]*")
HEAVY_EFFORTS = frozenset({"xhigh", "max"})
"""Efforts that select the think route if thinking is ``adaptive``, which Claude Code always sends."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where and how a request is sent."""

    provider: Provider
    model: str
    """The model's name at the upstream."""
    profile: Profile
    base_path: str | None
    """The path of the API at a known host; None: the base URL's path is used (``config.urls``)."""
    encoding: str
    """tiktoken's name of the encoding that counts this model's tokens."""
    reason: str
    """Why this model: ``name`` (as the client wrote it), ``registered``, ``provider`` (named by the
    client), ``tier``, or the smart route: ``think``, ``background``, ``long_context``, ``default``.
    """
    registered: Model | None = None
    fallbacks: tuple[str, ...] = ()
    """Client names of the models to try, in this order, if this one fails."""
    tier: str = ""
    """The class of a Claude name: ``big``, ``middle`` or ``small``; empty if the name is no such name."""
    undecided: bool = False
    """Whether the upstream's list decides about the model if it holds one (``default_models``)."""

    @property
    def native(self) -> bool:
        """Whether the upstream speaks the Messages API itself."""
        return self.provider.native

    @property
    def header(self) -> str:
        """The value of ``x-claude-proxy-route``."""
        return f"{_ascii(self.provider.name)}/{_ascii(self.model)};reason={self.reason}"


@dataclass(frozen=True, slots=True)
class _Target:
    """The part of a route that depends on the model's name alone."""

    provider: Provider
    model: str
    reason: str
    registered: Model | None = None
    tier: str = ""


class Router:
    """Chooses routes according to a registry, and caches them by model name."""

    def __init__(self, settings: Settings, registry: Registry) -> None:
        """Raises ``ConfigError`` that names every invalid profile flag and encoding."""
        self.registry = registry
        self._encoding = settings.tiktoken_model
        self._tiers = tiers_in_force(settings, registry)
        self.undecided = undecided_tiers(settings, registry)
        """The model classes about which the default upstream's list decides."""
        self._variables = variables_of(settings, registry)
        self._undated = {
            without_date(name): model
            for model in reversed(registry.models)
            for name in (model.id, *model.aliases)
        }
        self._remembered: dict[str, Route] = {}
        default = registry.default
        self._on_openrouter = _is_openrouter(default)
        base = urlsplit(default.base_url)
        self.models_url = models_url(default, base_path_for(base.netloc, base.path))
        self._check()

    @property
    def tiers(self) -> Tiers:
        return self._tiers

    @property
    def encodings(self) -> frozenset[str]:
        """The encodings of all models that the configuration names, except at native upstreams.

        Those count themselves. Models that only clients name may have others.
        """
        named = {*self._tiers, *(model.id for model in self.registry.models)}
        routes = (self.resolve(name) for name in named if not self._unroutable("", name))
        return frozenset(route.encoding for route in routes if not route.native)

    def resolve(self, name: str) -> Route:
        """The route for a client's model name; raises ``NotFound`` under strict models."""
        route = self._remembered.get(name)
        if route is None:
            if len(self._remembered) >= REMEMBERED_ROUTES:
                self._remembered.clear()
            route = self._remembered[name] = self._route(self._target(name))
        return route

    def with_model(self, route: Route, model: str) -> Route:
        """``route`` with ``model`` as the decision about an undecided one."""
        target = _Target(route.provider, model, route.reason, tier=route.tier)
        return self._route(target, decided=True)

    def variable_of(self, route: Route) -> str:
        """The variables that set the model of ``route``, ``A or B``; empty if the client named it."""
        if route.registered is not None:
            return ""
        return self._variables.get(route.tier) or ROUTES.get(route.reason, "")

    def choose(self, request: Mapping[str, Any], estimate: Callable[[], int]) -> Route:
        """The route for a request: a smart route if one applies, else the route of its model name.

        ``estimate`` returns the input tokens; it is called only if a route depends on them. A model
        that the client named as ``provider/model`` is never replaced. Raises ``NotFound``.
        """
        rules = self.registry.rules
        route = self.resolve(request["model"])
        if not rules or route.reason == "provider":
            return route
        route = self._chosen(request, route)
        if rules.long_context and _is_long(route, rules.long_context_threshold, estimate):
            return self._by_rule(rules.long_context, "long_context")
        return route

    def _chosen(self, request: Mapping[str, Any], route: Route) -> Route:
        rules = self.registry.rules
        if rules.think and asks_for_thinking(request):
            return self._by_rule(rules.think, "think")
        if rules.background and is_haiku_class(request["model"]):
            return self._by_rule(rules.background, "background")
        if rules.default and route.reason == "tier":
            return self._by_rule(rules.default, "default")
        return route

    def _by_rule(self, name: str, reason: str) -> Route:
        return replace(self.resolve(name), reason=reason)

    def _target(self, name: str) -> _Target:
        named = self._named(name)
        if named is not None:
            return named
        model, reason = upstream_model(name, self._tiers, on_openrouter=self._on_openrouter)
        if reason == "tier":
            tier, named = tier_of(name), self._named(model)
            if named is not None:
                return replace(named, reason="tier", tier=tier)
            if self.registry.default.native and model in DEFAULT_TIERS:
                # A native upstream accepts Claude's own names.
                model, reason = without_context(name).removeprefix(ALIAS_PREFIX), "name"
                tier = ""
            return _Target(self.registry.default, model, reason, tier=tier)
        if not model or (self.registry.strict_models and model not in self._tiers):
            # ``model`` is empty if the name is only a suffix or a prefix.
            raise NotFound(f"model: {name}")
        return _Target(self.registry.default, model, reason)

    def _named(self, name: str) -> _Target | None:
        """The registered model called ``name``, or a model at the provider that ``name`` names."""
        if not self.registry.from_file:
            return None
        plain = without_context(name)
        undated = without_date(name)
        for spelling in dict.fromkeys((name, plain, undated)):
            model = self.registry.find(spelling)
            if model is not None:
                reason = "provider" if self.registry.is_qualified(spelling) else "registered"
                return _Target(model.provider, model.remote_id, reason, model)
        model = self._undated.get(plain.removeprefix(ALIAS_PREFIX))
        if model is not None:
            return _Target(model.provider, model.remote_id, "registered", model)
        return self._qualified(plain)

    def _qualified(self, name: str) -> _Target | None:
        """An unregistered model at the provider whose name ``name`` begins with."""
        for separator in ",/":
            provider_name, _, model = name.partition(separator)
            provider = self.registry.provider(provider_name) if model else None
            if provider is None:
                continue
            if self.registry.strict_models:
                raise NotFound(f"model: {name}")
            if _is_openrouter(provider) and separator == "/" and "/" not in model:
                model = name  # OpenRouter's own models have this prefix: openrouter/auto.
            return _Target(provider, model, "provider")
        return None

    def _route(self, target: _Target, *, decided: bool = False) -> Route:
        provider, model = target.provider, target.registered
        base = urlsplit(provider.base_url)
        profile = profile_for(base.netloc, target.model, path=base.path)
        profile = overridden(
            profile,
            {
                **provider.profile,
                **(model.profile if model else {}),
                **protocol_flags(provider, model),
            },
        )
        return Route(
            provider=provider,
            model=target.model,
            profile=profile,
            base_path=base_path_for(base.netloc, base.path),
            encoding=encoding_for(target.model, (model and model.encoding) or self._encoding),
            reason=target.reason,
            registered=model,
            fallbacks=model.fallbacks if model else (),
            tier=target.tier,
            undecided=not decided and target.tier in self.undecided and self._is_default(target),
        )

    def _is_default(self, target: _Target) -> bool:
        return target.registered is None and target.provider is self.registry.default

    def _check(self) -> None:
        """Check profile flags, encodings and model names, which the registry's loader cannot."""
        problems = []
        for provider in self.registry.providers:
            problems += _bad_flags(f"provider {provider.name}", provider.profile)
        for model in self.registry.models:
            problems += _bad_flags(f"model {model.id}", model.profile)
            problems += _bad_encoding(model)
            for name in model.fallbacks:
                problems += self._unroutable(f"model {model.id}: fallbacks", name)
        rules = self.registry.rules
        for rule in ("default", "think", "background", "long_context"):
            problems += self._unroutable(f"router: {rule}", getattr(rules, rule))
        if problems:
            raise ConfigError(problems)

    def _unroutable(self, place: str, name: str | None) -> list[str]:
        try:
            if name is not None:
                self._target(name)
        except NotFound:
            return [f"{place}: no model {name!r} is registered (strict_models)"]
        return []


def protocol_flags(provider: Provider, model: Model | None = None) -> Mapping[str, object]:
    """The profile flags by which the operator, or a base URL, chose the protocol; may be empty."""
    api = model.api if model else "auto"
    if api == "auto":
        api = provider.api
    if api == "auto" and names_responses(provider.base_url):
        api = "responses"
    return {} if api == "auto" else {"api": api, "api_switch": False}


def _bad_flags(owner: str, flags: Mapping[str, object]) -> list[str]:
    problems = []
    for name, value in flags.items():
        try:
            overridden(Profile(), {name: value})
        except ValueError as error:
            problems.append(f"{owner}: profile: {error}")
    return problems


def _bad_encoding(model: Model) -> list[str]:
    try:
        encoding_for("", model.encoding)
    except ValueError as error:
        return [f"model {model.id}: encoding: {error}"]
    return []


def asks_for_thinking(request: Mapping[str, Any]) -> bool:
    """Whether the think route applies to the request (docs/features.md "Smart routing")."""
    kind = (request.get("thinking") or {}).get("type")
    effort = (request.get("output_config") or {}).get("effort")
    return kind == "enabled" or (kind == "adaptive" and effort in HEAVY_EFFORTS)


def _is_long(route: Route, threshold: int | None, estimate: Callable[[], int]) -> bool:
    model = route.registered
    limits = [threshold, model.max_input_tokens if model else None]
    known = [limit for limit in limits if limit is not None]
    return bool(known) and estimate() > min(known)


def _is_openrouter(provider: Provider) -> bool:
    return vendor_for(urlsplit(provider.base_url).netloc).name == "openrouter"


def _ascii(name: str) -> str:
    return name if _PLAIN_NAME.fullmatch(name) else quote(name, safe=_SAFE)
