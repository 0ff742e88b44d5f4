"""The upstream models of Claude's names where the operator set none, or only some.

Rule: the defaults in the table of variables are OpenAI's models. At another upstream a model class that
is not set gets the first model that is set; if BIG_MODEL is not set either, the upstream's list decides
where it holds exactly one model. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from config.registry.values import Registry
from config.settings import Settings
from config.variables.row import PREFIX
from proxy.providers.model_names import Tiers, upstream_model
from proxy.providers.profiles import vendor_for

HOSTS_OF_THE_DEFAULTS = frozenset({"openai", "azure"})
"""The vendors that have the models which are the defaults of the variables."""
FIELDS: Mapping[str, str] = {tier: f"{tier}_model" for tier in Tiers._fields}
"""The setting of each model class."""
ROUTES: Mapping[str, str] = {
    rule: f"{PREFIX}ROUTER_{rule.upper()}"
    for rule in ("default", "think", "background", "long_context")
}
"""The variable of each smart route."""

_DEFAULTS = Settings()
DEFAULT_TIERS = Tiers(_DEFAULTS.big_model, _DEFAULTS.middle_model, _DEFAULTS.small_model)


def tiers_in_force(settings: Settings, registry: Registry) -> Tiers:
    """The model of each class, before the upstream was asked for its list.

    If a registry file with models replaces the environment's upstream, a class that was not set has the
    first registered model.
    """
    chosen = Tiers(settings.big_model, settings.middle_model, settings.small_model)
    if registry.models and registry.default_is_registered:
        first = registry.models[0].id
        return Tiers(
            *(
                first if name == default and registry.find(name) is None else name
                for name, default in zip(chosen, DEFAULT_TIERS, strict=True)
            )
        )
    named = [model for tier, model in chosen._asdict().items() if _is_set(settings, tier)]
    if not named or not _is_elsewhere(registry):
        return chosen
    unset = dict.fromkeys(_unset(settings), named[0])
    return chosen._replace(**unset)


def undecided_tiers(settings: Settings, registry: Registry) -> frozenset[str]:
    """The model classes about which the default upstream's list decides if it holds one model."""
    if _is_set(settings, "big") or registry.models or not _is_elsewhere(registry):
        return frozenset()
    return frozenset(_unset(settings))


def are_routed(registry: Registry) -> bool:
    """Whether the smart route ``default`` takes the place of every class in messages."""
    default = registry.rules.default
    if default is None:
        return False
    _, reason = upstream_model(default, DEFAULT_TIERS, on_openrouter=False)
    return reason != "tier"


def variables_of(settings: Settings, registry: Registry) -> dict[str, str]:
    """By model class: the variable that sets its model, and the one that it follows if it is not set."""
    own = {tier: PREFIX + field.upper() for tier, field in FIELDS.items()}
    following = {"middle", "small"} if _is_elsewhere(registry) else {"middle"}
    return {
        tier: f"{variable} or {own['big']}"
        if tier in following and not _is_set(settings, tier)
        else variable
        for tier, variable in own.items()
    }


def only_model(entries: Sequence[Mapping[str, Any]] | None) -> str | None:
    """The id of the only model in an upstream's list; None if it is not exactly one or not known."""
    if entries is None or len(entries) != 1:
        return None
    only: str = entries[0]["id"]
    return only


def _is_set(settings: Settings, tier: str) -> bool:
    return FIELDS[tier] not in settings.unset_models


def _unset(settings: Settings) -> Iterable[str]:
    return (tier for tier in FIELDS if not _is_set(settings, tier))


def _is_elsewhere(registry: Registry) -> bool:
    """Whether the default upstream need not have the default models; a native one gets Claude's names."""
    default = registry.default
    base = urlsplit(default.base_url)
    vendor = vendor_for(base.netloc, path=base.path)
    return not default.native and vendor.name not in HOSTS_OF_THE_DEFAULTS
