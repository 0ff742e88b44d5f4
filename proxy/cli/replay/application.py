"""The real application with the settings of a recording.

Rule: no key is needed, no socket is opened, and nothing of the operator's configuration is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

from config.errors import ConfigError
from config.registry.values import Model, Price, Provider, Registry, RouterRules
from config.settings import Settings
from proxy.api.cleanup import WsgiApp
from proxy.api.context import EXTENSION
from proxy.api.observed import Observer
from proxy.app import create_app
from proxy.cli.replay.recorded import Recorded, Unusable
from proxy.errors import UpstreamError
from proxy.relay.model_list import ModelList
from proxy.relay.recorded_setup import PROVIDER_LOCAL, RECORDED
from proxy.runtime import Runtime
from proxy.telemetry.recording.masking import AUTH_KEY
from proxy.upstream.clients import Clients
from proxy.upstream.session import UpstreamClient, UpstreamResponse

SERVER_KEY = "replayed-key-"
MOST_KEYS = 10_000
LONG_SECONDS = 3600.0


class NoConnections(Clients):
    """Clients that refuse every call: a replayed call needs none."""

    def for_provider(self, provider: Provider) -> UpstreamClient:
        """A client that opens no connection."""
        return _NoClient()


class _NoClient(UpstreamClient):
    def __init__(self) -> None:
        """Without a session."""

    def send(self, *_: Any) -> UpstreamResponse:
        raise UpstreamError("a replay opens no connection")


def application(recorded: Recorded, observer: Callable[[], Observer]) -> tuple[WsgiApp, Runtime]:
    """The application as it was configured, and its parts; raises ``Unusable`` if this version cannot be so."""
    auth = (AUTH_KEY,) if recorded.setup["auth"] else ()
    try:
        registry = _registry(recorded)
        settings = _settings(recorded.setup["settings"], auth)
        app = create_app(settings, registry, observer=observer)
    except ConfigError as error:
        raise Unusable(f"its configuration is not valid in this version: {error}") from error
    shared: Runtime = app.extensions[EXTENSION]
    shared = app.extensions[EXTENSION] = replace(
        shared,
        clients=NoConnections(settings, ()),
        # As while it was recorded: each list that is needed is asked for.
        models=ModelList(0.0),
    )
    return app, shared


def _settings(chosen: Mapping[str, Any], auth: tuple[str, ...]) -> Settings:
    kept = {name: _frozen(value) for name, value in chosen.items() if name in RECORDED}
    settings = Settings(**{**kept, "auth_keys": auth, "workers": 1})
    if settings.early_start is None:
        return settings
    # The recording says when the answer begins, not the time that a slow machine takes here.
    return replace(settings, early_start=LONG_SECONDS)


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
        changed=base.get("changed", 0.0),
        default_is_registered=base["default_is_registered"],
    )


def _provider(entry: Mapping[str, Any]) -> Provider:
    if not 0 <= entry["keys"] <= MOST_KEYS:
        raise ValueError("keys")
    keys = tuple(f"{SERVER_KEY}{number}" for number in range(entry["keys"]))
    known = _known(Provider, entry).items()
    kept = {name: value for name, value in known if name not in PROVIDER_LOCAL}
    made = Provider(**{**kept, "base_url": entry["url"]})
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
