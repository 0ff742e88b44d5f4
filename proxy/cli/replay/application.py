"""The real application with the settings of a recording.

Rule: no key is needed, no socket is opened, and nothing of the operator's configuration is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from flask import Flask

from config.errors import ConfigError
from config.registry.values import Model, Price, Provider, Registry, RouterRules
from config.settings import Settings
from proxy.app import create_app
from proxy.cli.replay.recorded import Recorded, Unusable
from proxy.relay.recorded_setup import LOCAL
from proxy.telemetry.recording.masking import AUTH_KEY

SERVER_KEY = "replayed-key-"


def application(recorded: Recorded) -> Flask:
    """The application as it was configured; raises ``Unusable`` if this version has no such setting."""
    auth = (AUTH_KEY,) if recorded.setup["auth"] else ()
    try:
        registry = _registry(recorded)
        settings = _settings(recorded.setup["settings"], auth)
        return create_app(settings, registry)
    except ConfigError as error:
        raise Unusable(f"its configuration is not valid in this version: {error}") from error


def _settings(chosen: Mapping[str, Any], auth: tuple[str, ...]) -> Settings:
    known = {each.name for each in fields(Settings)} - LOCAL - {"registry", "warnings"}
    kept = {name: _frozen(value) for name, value in chosen.items() if name in known}
    # Limits protect a server from its clients.
    return Settings(**{**kept, "auth_keys": auth, "workers": 1})


def _registry(recorded: Recorded) -> Registry:
    base = recorded.setup["registry"]
    routes = recorded.routes
    providers = {
        entry["name"]: _provider(entry) for part in (base, *routes) for entry in part["providers"]
    }
    models = {
        entry["id"]: _model(entry, providers)
        for part in (base, *routes)
        for entry in part["models"]
    }
    default = providers[base["default"]]
    kept = tuple(provider for provider in providers.values() if not provider.dynamic)
    if base["native"] and not any(provider.native for provider in kept):
        # A native upstream elsewhere in the registry: requests are then read in another order.
        kept += (
            Provider(name="another native upstream", base_url="http://native.invalid", native=True),
        )
    if base["keys"] and not any(provider.api_keys for provider in kept):
        kept += (
            Provider(
                name="another upstream", base_url="http://keyed.invalid", api_keys=(SERVER_KEY,)
            ),
        )
    return Registry(
        providers=kept,
        default=default,
        models=tuple(models.values()),
        rules=RouterRules(**_known(RouterRules, base["rules"])),
        strict_models=base["strict_models"],
        models_from_upstream=base["models_from_upstream"],
        from_file=base["from_file"],
        default_is_registered=base["default_is_registered"],
    )


def _provider(entry: Mapping[str, Any]) -> Provider:
    keys = tuple(f"{SERVER_KEY}{number}" for number in range(entry["keys"]))
    made = Provider(**{"base_url": entry["url"], **_known(Provider, entry)})
    return replace(made, api_keys=keys, extra_headers=dict(entry["headers"]))


def _model(entry: Mapping[str, Any], providers: Mapping[str, Provider]) -> Model:
    price = entry["price"]
    own = {
        "provider": providers[entry["provider"]],
        "price": None if price is None else Price(**_known(Price, price)),
    }
    return Model(**{**_known(Model, entry), **own})


def _known(kind: Any, entry: Mapping[str, Any]) -> dict[str, Any]:
    """The members of ``entry`` that this version knows."""
    names = {each.name for each in fields(kind) if each.init}
    return {name: _frozen(value) for name, value in entry.items() if name in names}


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
