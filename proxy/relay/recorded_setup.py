"""What a replay needs of the configuration and of a worker's state, as JSON values.

Rule: of a registry only the parts are recorded that concern the exchange; no key is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict, fields
from time import monotonic
from typing import Any

from config.registry.values import Model, Provider, Registry
from config.settings import Settings
from config.variables.table import VARIABLES
from proxy.failures.policy import Candidate
from proxy.providers.routing import Route
from proxy.relay.call import Call

LOCAL = frozenset(
    {
        *("config", "https_proxy", "http_proxy", "no_proxy", "ca_bundle"),
        *("host", "port", "workers", "worker_connections", "max_concurrency", "public_metrics"),
        *("graceful_timeout", "drain_delay", "write_timeout", "body_timeout"),
        *("redis_url", "rate_limit_rpm", "rate_limit_tpm", "rate_limit_streams", "rate_limit_fail"),
        *("log_level", "log_format", "log_file", "record", "otel_endpoint", "otel_traces_endpoint"),
        *("log_body_max_chars", "log_stream_text_preview_chars", "otel_service_name"),
    }
)
"""Settings that say where and how the service runs; they do not change what is sent to whom."""
RECORDED = frozenset(
    {row.field for row in VARIABLES if not row.secret and row.field not in LOCAL} | {"unset_models"}
)
"""Settings that a recording holds. A replay takes no others from a file: one might name an address."""
PROVIDER_LOCAL = frozenset({"api_keys", "extra_headers", "proxy", "ca_bundle", "base_url"})
"""Members of a provider that are recorded in another form or not at all."""
_DEFAULTS = Settings()


def recorded_settings(settings: Settings) -> dict[str, Any]:
    """The settings that differ from the defaults, without secrets and those in ``LOCAL``."""
    chosen = {name: getattr(settings, name) for name in sorted(RECORDED)}
    return {name: value for name, value in chosen.items() if value != getattr(_DEFAULTS, name)}


def recorded_registry(registry: Registry, *, whole: bool = False) -> dict[str, Any]:
    """What of ``registry`` concerns every exchange: its default provider, first model and rules.

    ``whole``: all models, for an exchange that lists them.
    """
    ruled = (
        getattr(registry.rules, name) for name in ("default", "think", "background", "long_context")
    )
    models = [registry.models[0]] if registry.models else []
    if whole:
        models = list(registry.models)
    models += filter(None, (registry.find(name) for name in ruled if name is not None))
    return {
        "default": registry.default.name,
        "providers": _providers([registry.default, *(model.provider for model in models)]),
        "models": [_model(model, fallbacks=()) for model in models],
        "rules": asdict(registry.rules),
        "strict_models": registry.strict_models,
        "models_from_upstream": registry.models_from_upstream,
        "from_file": registry.from_file,
        "changed": registry.changed,
        "default_is_registered": registry.default_is_registered,
        "native": any(provider.native for provider in registry.providers),
        "keys": any(provider.api_keys for provider in registry.providers),
    }


def recorded_route(call: Call) -> dict[str, Any]:
    """The candidates of ``call`` in order, with the registered models and the state of each."""
    routes = [candidate.target for candidate in call.candidates]
    registered = [route.registered for route in routes]
    models = [
        _model(model, fallbacks=model.fallbacks if number == 0 else ())
        for number, model in enumerate(registered)
        if model is not None
    ]
    return {
        "providers": _providers([route.provider for route in routes]),
        "models": models,
        "candidates": [_candidate(call, candidate) for candidate in call.candidates],
    }


def _candidate(call: Call, candidate: Candidate[Route]) -> dict[str, Any]:
    route, now = candidate.target, monotonic()
    place = (route.provider.base_url, route.model)
    refused = () if call.refused_images is None else call.refused_images.of(*place)
    available = candidate.keys.available(now)
    return {
        "provider": route.provider.name,
        "model": route.model,
        "reason": route.reason,
        "profile": route.profile.name,
        "learned": dict(call.learned.flags_for(*place)),
        "refused_images": list(refused),
        "breaker": candidate.breaker.state(now),
        "resting_keys": [
            number for number, key in enumerate(candidate.keys.keys) if key not in available
        ],
    }


def _providers(providers: Iterable[Provider]) -> list[dict[str, Any]]:
    by_name = {provider.name: provider for provider in providers}
    return [_provider(provider) for provider in by_name.values()]


def _provider(provider: Provider) -> dict[str, Any]:
    kept = _members(provider, besides=PROVIDER_LOCAL)
    return {
        **kept,
        "url": provider.base_url,
        "keys": len(provider.api_keys),
        "headers": list(provider.extra_headers.items()),
    }


def _model(model: Model, *, fallbacks: Iterable[str]) -> dict[str, Any]:
    price = None if model.price is None else asdict(model.price)
    return _members(model, besides={"provider", "price", "fallbacks"}) | {
        "provider": model.provider.name,
        "price": price,
        "fallbacks": list(fallbacks),
    }


def _members(value: Any, besides: Collection[str]) -> dict[str, Any]:
    found = {
        each.name: getattr(value, each.name) for each in fields(value) if each.name not in besides
    }
    return {name: dict(each) if hasattr(each, "items") else each for name, each in found.items()}
