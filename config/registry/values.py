"""Providers, models and their registry, as values.

Rule: whether a provider has keys decides its mode (docs/features.md "Modes and authentication").
Without a registry file the environment describes one provider and no model.
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
"""Prefix of ids in the list for Claude Code, which shows only ids that begin with ``claude`` or
``anthropic``. In requests it is optional."""
REASONING_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""Every effort level of an upstream API, in ascending order."""
APIS = ("auto", "chat", "responses")
"""What ``api`` may be set to."""
DEFAULT_BASE_URL = "https://api.openai.com/v1"
AZURE_API_VERSION = "2024-10-21"
LONG_CONTEXT_THRESHOLD = 128_000
"""Tokens."""
_CREDENTIAL_HEADER = re.compile("auth|cookie|key|secret|token")
# Second-level labels that many registrants share, as in example.co.uk.
_SHARED_LABELS = frozenset({"ac", "co", "com", "edu", "gov", "net", "org"})


@dataclass(frozen=True, slots=True)
class Provider:
    """One upstream: its address, keys and headers."""

    name: str
    base_url: str
    api_keys: tuple[str, ...] = field(default=(), repr=False)
    """The server's keys; if empty, the client's key is passed through."""
    extra_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Names are in lower case, so that a header given here replaces the proxy's own."""
    azure_api_version: str = AZURE_API_VERSION
    native: bool = False
    """Native: speaks the Messages API (docs/protocol.md section 8)."""
    proxy: str | None = field(default=None, repr=False)
    """Forward proxy of this provider; None: the one of the settings."""
    ca_bundle: str | None = None
    """CA certificates for this provider; None: those of the settings."""
    api: str = "auto"
    """The protocol that its requests are converted to; auto: the profile decides."""
    profile: Mapping[str, object] = field(default_factory=dict)
    """Profile flags that the operator overrides."""
    timeout_seconds: float | None = None
    """Until the first byte and between bytes; None: the timeouts of the settings."""
    dynamic: bool = False
    """A client named it in the path: only hosts in ALLOWED_HOSTS are connected to, and the credential
    is always the client's."""
    deny_betas: tuple[str, ...] = ()
    """Values of ``anthropic-beta`` that are never sent to this native upstream."""

    @property
    def api_key(self) -> str | None:
        """The first of the server's keys; None: the client's key is passed through."""
        return self.api_keys[0] if self.api_keys else None

    @property
    def secrets(self) -> tuple[str, ...]:
        """Its keys and the credentials in its headers, which are masked in the log and in errors."""
        held = [
            value.rpartition(" ")[2]
            for name, value in self.extra_headers.items()
            if _CREDENTIAL_HEADER.search(name)
        ]
        return (*self.api_keys, *held)


@dataclass(frozen=True, slots=True)
class Price:
    """Price of a million tokens in any currency; None: unknown."""

    input: float | None = None
    output: float | None = None
    cache_read: float | None = None
    cache_write: float | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """One registered model."""

    id: str
    """Its name for clients."""
    remote_id: str
    """Its name at the upstream."""
    provider: Provider
    display_name: str | None = None
    aliases: tuple[str, ...] = ()
    max_tokens: int | None = None
    """Upper limit for the requested output tokens."""
    max_input_tokens: int | None = None
    """Maximum input; a longer one is refused before it is sent."""
    encoding: str | None = None
    """Name of a tiktoken encoding, or of a model that uses it."""
    temperature: float | None = None
    reasoning_effort: str | None = None
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    """Members added to the converted body."""
    fallbacks: tuple[str, ...] = ()
    """Client names of the models to try in this order if this one fails."""
    price: Price | None = None
    api: str = "auto"
    """The protocol that its requests are converted to; auto: as its provider's."""
    profile: Mapping[str, object] = field(default_factory=dict)
    """Profile flags that the operator overrides; they take precedence over the provider's."""


@dataclass(frozen=True, slots=True)
class RouterRules:
    """Smart routes: client names of models; None: no such route."""

    default: str | None = None
    think: str | None = None
    background: str | None = None
    long_context: str | None = None
    long_context_threshold: int | None = LONG_CONTEXT_THRESHOLD
    """Estimated input tokens above which a request is long; None: only the model's limit counts."""

    def __bool__(self) -> bool:
        return any((self.default, self.think, self.background, self.long_context))


@dataclass(frozen=True, slots=True)
class Registry:
    """All providers and models."""

    providers: tuple[Provider, ...]
    """In the order of the file, then the environment's; never empty."""
    default: Provider
    """For models that are not registered."""
    models: tuple[Model, ...] = ()
    rules: RouterRules = RouterRules()
    strict_models: bool = False
    models_from_upstream: bool = True
    """Whether ``/v1/models`` also lists the models of the default provider."""
    from_file: bool = False
    default_is_registered: bool = False
    """False if the environment describes the default provider."""
    changed: float = field(default=0.0, compare=False)
    """When the file was last changed, in seconds since 1970; 0: unknown."""
    _by_name: dict[str, Model] = field(init=False, repr=False, compare=False, default_factory=dict)
    _by_qualified_name: dict[str, Model] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        for model in self.models:
            for name in (model.id, *model.aliases):
                self._by_name.setdefault(name, model)
                self._add_qualified(name, model)
        # A model's client name takes precedence over another model's upstream name.
        for model in self.models:
            self._add_qualified(model.remote_id, model)

    def _add_qualified(self, name: str, model: Model) -> None:
        for separator in "/,":
            self._by_qualified_name.setdefault(f"{model.provider.name}{separator}{name}", model)

    def find(self, name: str) -> Model | None:
        """The registered model with this id or alias, or None.

        ``name`` may also be ``provider/model`` or ``provider,model``, and may begin with ``anthropic/``.
        """
        bare = name.removeprefix(ALIAS_PREFIX)
        return (
            self._by_name.get(name)
            or self._by_name.get(bare)
            or self._by_qualified_name.get(name)
            or self._by_qualified_name.get(bare)
        )

    def is_qualified(self, name: str) -> bool:
        """Whether a registered ``name`` has the form ``provider/model`` or ``provider,model``."""
        bare = name.removeprefix(ALIAS_PREFIX)
        return name not in self._by_name and bare not in self._by_name

    def provider(self, name: str) -> Provider | None:
        """The provider of that name."""
        return next((provider for provider in self.providers if provider.name == name), None)


class RegistrySettings(Protocol):
    """The attributes of ``Settings`` that a registry is built from."""

    @property
    def openai_api_key(self) -> str | None: ...
    @property
    def openai_base_url(self) -> str: ...
    @property
    def openai_api(self) -> str: ...
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


def registry_in_force(settings: RegistrySettings) -> Registry:
    """The registry of the file if there is one, else the environment's."""
    return settings.registry or environment_registry(settings)


def environment_registry(settings: RegistrySettings) -> Registry:
    """The registry without a file: one provider and no model."""
    provider = environment_provider(settings)
    return Registry(
        providers=(provider,),
        default=provider,
        rules=router_rules(settings),
        strict_models=settings.strict_models,
    )


def environment_provider(settings: RegistrySettings) -> Provider:
    """The provider that OPENAI_BASE_URL and OPENAI_API_KEY describe."""
    return Provider(
        name=provider_name(settings.openai_base_url),
        base_url=settings.openai_base_url,
        api_keys=() if settings.openai_api_key is None else (settings.openai_api_key,),
        extra_headers=MappingProxyType(
            {name.lower(): value for name, value in settings.custom_headers}
        ),
        azure_api_version=settings.azure_api_version,
        native=is_anthropic(settings.openai_base_url),
        api=settings.openai_api,
    )


def router_rules(settings: RegistrySettings) -> RouterRules:
    """The smart routes of the settings."""
    return RouterRules(
        default=settings.router_default,
        think=settings.router_think,
        background=settings.router_background,
        long_context=settings.router_long_context,
        long_context_threshold=settings.long_context_threshold,
    )


def mode(providers: Iterable[Provider]) -> str:
    """``fixed`` if every provider has a key, ``passthrough`` if none has one, else ``mixed``."""
    keyed = {provider.api_key is not None for provider in providers}
    if len(keyed) > 1:
        return "mixed"
    return "fixed" if keyed == {True} else "passthrough"


def is_anthropic(base_url: str) -> bool:
    """Whether this is a host of Anthropic, which speaks the Messages API."""
    host = (urlsplit(base_url).hostname or "").rstrip(".")
    return host == "anthropic.com" or host.endswith(".anthropic.com")


def provider_name(base_url: str) -> str:
    """The host's second-level label (``https://api.openai.com/v1``: ``openai``), or its address."""
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
