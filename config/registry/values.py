"""The upstreams that this proxy can send to, and the models it knows there.

Rule: all of it is values. A provider's own keys decide its mode (docs/features.md "Modes and
authentication"). Without a registry file the environment describes one provider and no model.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from types import MappingProxyType
from typing import Any, Protocol
from urllib.parse import urlsplit

ALIAS_PREFIX = "anthropic/"
"""Models are listed to Claude Code as ``anthropic/ID``; both names mean the same."""
DEFAULT_BASE_URL = "https://api.openai.com/v1"
"""The environment's upstream where OPENAI_BASE_URL is not set."""
LONG_CONTEXT_THRESHOLD = 128_000
# Second-level labels that many registrants share, as in example.co.uk.
_CREDENTIAL_HEADER = re.compile("auth|cookie|key|secret|token")
_SHARED_LABELS = frozenset({"ac", "co", "com", "edu", "gov", "net", "org"})


@dataclass(frozen=True, slots=True)
class Provider:
    """One upstream: where it is and how it is called."""

    name: str
    base_url: str
    api_keys: tuple[str, ...] = field(default=(), repr=False)
    """The server's own keys; without any the client's key is passed through."""
    extra_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Lower-case names, so that one given here replaces ours instead of standing beside it."""
    azure_api_version: str = "2024-10-21"
    direct: bool = False
    """Speaks the Messages API itself (docs/protocol.md section 8)."""
    proxy: str | None = field(default=None, repr=False)
    """Forward proxy of this provider alone; None is the one for all."""
    ca_bundle: str | None = None
    """Certificates for this provider alone; None are those for all."""
    profile: Mapping[str, object] = field(default_factory=dict)
    """Profile flags that the operator knows better."""
    timeout_seconds: float | None = None
    """To the first byte and between bytes; None are the settings' own."""
    dynamic: bool = False
    """Named by a client in its path: only addresses that ALLOWED_HOSTS allows are connected to, and
    the credential is always the client's."""
    deny_betas: tuple[str, ...] = ()
    """Values of ``anthropic-beta`` that never go to this native upstream."""

    @property
    def api_key(self) -> str | None:
        """The first of the server's own keys; None passes the client's key through."""
        return self.api_keys[0] if self.api_keys else None

    @property
    def secrets(self) -> tuple[str, ...]:
        """Its keys and the credentials among its headers: nobody but the provider may see them."""
        held = [
            value.rpartition(" ")[2]
            for name, value in self.extra_headers.items()
            if _CREDENTIAL_HEADER.search(name)
        ]
        return (*self.api_keys, *held)


@dataclass(frozen=True, slots=True)
class Price:
    """What a million tokens cost, in the currency of the operator's choice; None is unknown."""

    input: float | None = None
    output: float | None = None
    cache_read: float | None = None
    cache_write: float | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """One registered model."""

    id: str
    """The name that clients use."""
    remote_id: str
    """The name that the upstream knows."""
    provider: Provider
    display_name: str | None = None
    aliases: tuple[str, ...] = ()
    max_tokens: int | None = None
    """Most output tokens that are asked for."""
    max_input_tokens: int | None = None
    """Longest input; a longer one is refused before it is sent."""
    encoding: str | None = None
    """tiktoken's name of an encoding, or of a model that has it."""
    temperature: float | None = None
    reasoning_effort: str | None = None
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    """Members added to the converted body."""
    fallbacks: tuple[str, ...] = ()
    """Models to try in this order when this one cannot answer, as clients name them."""
    price: Price | None = None
    profile: Mapping[str, object] = field(default_factory=dict)
    """Profile flags that the operator knows better; they win over the provider's."""


@dataclass(frozen=True, slots=True)
class RouterRules:
    """Smart routes: models as clients name them; None switches that route off."""

    default: str | None = None
    think: str | None = None
    background: str | None = None
    long_context: str | None = None
    long_context_threshold: int | None = LONG_CONTEXT_THRESHOLD
    """Estimated input tokens above which a request is long; None: the model's own limit alone."""

    def __bool__(self) -> bool:
        return any((self.default, self.think, self.background, self.long_context))


@dataclass(frozen=True, slots=True)
class Registry:
    """Every provider and model that requests can go to."""

    providers: tuple[Provider, ...]
    """In file order, the environment's behind them; never empty."""
    default: Provider
    """Where a model goes that nobody registered."""
    models: tuple[Model, ...] = ()
    rules: RouterRules = RouterRules()
    strict_models: bool = False
    models_from_upstream: bool = True
    """Whether ``/v1/models`` also lists what the default provider has."""
    from_file: bool = False
    default_is_registered: bool = False
    """False where the environment describes the default provider."""
    _by_name: dict[str, Model] = field(init=False, repr=False, compare=False, default_factory=dict)

    _by_address: dict[str, Model] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        for model in self.models:
            for name in (model.id, *model.aliases):
                self._by_name.setdefault(name, model)
                self._add_address(name, model)
        # A name that clients know means more than the same name at the upstream.
        for model in self.models:
            self._add_address(model.remote_id, model)

    def _add_address(self, name: str, model: Model) -> None:
        for separator in "/,":
            self._by_address.setdefault(f"{model.provider.name}{separator}{name}", model)

    def find(self, name: str) -> Model | None:
        """The model that ``name`` means: its id, an alias, ``provider/model``, ``provider,model``,
        any of them behind ``anthropic/``; None where nobody registered it."""
        bare = name.removeprefix(ALIAS_PREFIX)
        return (
            self._by_name.get(name)
            or self._by_name.get(bare)
            or self._by_address.get(name)
            or self._by_address.get(bare)
        )

    def is_address(self, name: str) -> bool:
        """Whether ``find`` knows ``name`` as ``provider/model`` or ``provider,model`` only."""
        bare = name.removeprefix(ALIAS_PREFIX)
        return name not in self._by_name and bare not in self._by_name

    def provider(self, name: str) -> Provider | None:
        """The provider of that name."""
        return next((provider for provider in self.providers if provider.name == name), None)


class Chosen(Protocol):
    """What of ``Settings`` a registry is made with."""

    @property
    def openai_api_key(self) -> str | None: ...
    @property
    def openai_base_url(self) -> str: ...
    @property
    def custom_headers(self) -> tuple[tuple[str, str], ...]: ...
    @property
    def azure_api_version(self) -> str: ...
    @property
    def strict_models(self) -> bool: ...
    @property
    def router_default(self) -> str | None: ...
    @property
    def router_think(self) -> str | None: ...
    @property
    def router_background(self) -> str | None: ...
    @property
    def router_long_context(self) -> str | None: ...
    @property
    def long_context_threshold(self) -> int | None: ...
    @property
    def registry(self) -> Registry | None: ...


def registry_in_force(settings: Chosen) -> Registry:
    """That of the registry file where there is one, else the environment's."""
    return settings.registry or environment_registry(settings)


def environment_registry(settings: Chosen) -> Registry:
    """The registry where no file is given: one provider, its own list of models."""
    provider = environment_provider(settings)
    return Registry(
        providers=(provider,),
        default=provider,
        rules=router_rules(settings),
        strict_models=settings.strict_models,
    )


def environment_provider(settings: Chosen) -> Provider:
    """The provider that OPENAI_BASE_URL and OPENAI_API_KEY describe."""
    return Provider(
        name=provider_name(settings.openai_base_url),
        base_url=settings.openai_base_url,
        api_keys=() if settings.openai_api_key is None else (settings.openai_api_key,),
        extra_headers=MappingProxyType(
            {name.lower(): value for name, value in settings.custom_headers}
        ),
        azure_api_version=settings.azure_api_version,
        direct=is_anthropic(settings.openai_base_url),
    )


def router_rules(settings: Chosen) -> RouterRules:
    """The smart routes that the operator chose."""
    return RouterRules(
        default=settings.router_default,
        think=settings.router_think,
        background=settings.router_background,
        long_context=settings.router_long_context,
        long_context_threshold=settings.long_context_threshold,
    )


def mode(providers: Iterable[Provider]) -> str:
    """``fixed`` when every provider has its own key, ``passthrough`` when none has, or ``mixed``."""
    own_key = {provider.api_key is not None for provider in providers}
    if len(own_key) > 1:
        return "mixed"
    return "fixed" if own_key == {True} else "passthrough"


def is_anthropic(base_url: str) -> bool:
    """Whether the Messages API itself answers there."""
    host = (urlsplit(base_url).hostname or "").rstrip(".")
    return host == "anthropic.com" or host.endswith(".anthropic.com")


def provider_name(base_url: str) -> str:
    """The host's second-level label: ``https://api.openai.com/v1`` is ``openai``."""
    host = urlsplit(base_url).hostname or ""
    try:
        ip_address(host)
    except ValueError:
        labels = host.rstrip(".").split(".")
    else:
        return host
    if len(labels) > 2 and labels[-2] in _SHARED_LABELS:
        return labels[-3]
    return labels[-2] if len(labels) > 1 else labels[0]
