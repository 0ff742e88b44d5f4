"""Providers, models and settings of a registry file, from any of its three shapes.

Rule: all problems of a file are reported at once, each with file, line and key. The result has the
same form for every shape (docs/features.md "Registry file").
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from marshmallow import ValidationError

from config.registry.checks import cross_problems, key_variables
from config.registry.fields import scalar_text
from config.registry.schema import FILE_WITH_LIST, FILE_WITH_MAPPING, ROUTER_SETTINGS, TOP_SETTINGS
from config.registry.text import Place, RegistryText, read_registry_text
from config.registry.values import Model, Price, Provider, is_anthropic, provider_name
from config.sources import Given
from config.urls import registered_base_url

ORIGIN = "registry file"
SETTINGS_BELOW: Mapping[tuple[str, ...], Mapping[str, str]] = {
    (): TOP_SETTINGS,
    ("router",): ROUTER_SETTINGS,
}
Entry = Mapping[str, Any]
_Upstream = tuple[str, bool, tuple[str, ...]]
"""Identity of the provider of models in a flat shape: base URL, native or not, keys. A server that
offers both APIs is two providers."""


@dataclass(frozen=True, slots=True)
class RegistryFile:
    """The content of a file."""

    path: str = ""
    settings: Mapping[str, Given] = field(default_factory=dict)
    """Texts by field of ``Settings``; every other source takes precedence."""
    providers: tuple[Provider, ...] = ()
    models: tuple[Model, ...] = ()
    models_from_upstream: bool = False
    key_variables: frozenset[str] = frozenset()
    """Names of the variables that contain a provider's key."""
    changed: float = field(default=0.0, compare=False)
    """When the file was last changed, in seconds since 1970."""
    problems: tuple[str, ...] = ()
    """One line each; if there are any, providers and models are empty."""


def load_registry_file(path: Path, environ: Mapping[str, str]) -> RegistryFile:
    """Read ``path``; ``environ`` has the variables with the keys.

    Raises ``ConfigError`` for a file that is not YAML; other problems are listed in the result.
    """
    text = read_registry_text(path)
    return replace(_Loading(text, environ).result(), changed=_changed(path))


def _changed(path: Path) -> float:
    """When ``path`` was last changed, in seconds since 1970; 0 if it has vanished since it was read."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


class _Loading:
    """The state while one file is loaded."""

    def __init__(self, text: RegistryText, environ: Mapping[str, str]) -> None:
        self._text = text
        self._environ = environ
        self._names: set[str] = set()
        self._name_problems: list[str] = []
        self._key_variables: set[str] = set()
        self._models: list[Model] = []
        self._flat_names: dict[_Upstream, str] = {}
        self._flat_providers: dict[_Upstream, Provider] = {}

    def result(self) -> RegistryFile:
        path, settings = str(self._text.path), self._settings()
        content, problems = self._checked()
        if problems:
            return RegistryFile(path, settings, problems=tuple(problems))
        flat = list(_flat_models(content.get("models") or ()))
        listed = content.get("providers") or ()
        # A provider without a name must not get a name that the file gives to another one.
        chosen = [*listed, *(entry for _, _, entry in flat)]
        self._names |= {entry["name"] for entry in chosen if entry.get("name")}
        providers = [self._provider_with_models(entry) for entry in listed]
        self._name_flat_providers(flat, {provider.name for provider in providers})
        for _, model_id, entry in flat:
            self._add_flat_model(model_id, entry)
        if self._name_problems:
            return RegistryFile(path, settings, problems=tuple(self._name_problems))
        providers += self._flat_providers.values()
        return RegistryFile(
            path=path,
            settings=settings,
            providers=tuple(providers),
            models=tuple(self._models),
            models_from_upstream=content.get("models_from_upstream") is True,
            key_variables=frozenset(self._key_variables),
        )

    def _checked(self) -> tuple[Entry, list[str]]:
        """The content as the schema returns it, and all problems."""
        content = self._text.content
        if isinstance(content, list):
            content = {"models": content}
        if not isinstance(content, Mapping) or not (
            content.get("providers") or content.get("models")
        ):
            phrase = "contains no provider: add providers, or models with their api_base"
            return {}, [self._text.problem((), phrase)]
        problems = cross_problems(self._text, self._environ)
        in_list = isinstance(content.get("models"), list)
        schema = FILE_WITH_LIST if in_list else FILE_WITH_MAPPING
        try:
            return schema.load(dict(content)), problems
        except ValidationError as error:
            refused = [
                self._text.problem(self._in_file(place), phrase)
                for place, phrase in _flattened(error.messages_dict, ())
            ]
            return {}, refused + problems

    def _in_file(self, place: Place) -> Place:
        """Translate a place in the schema's messages into the place in the file."""
        if isinstance(self._text.content, list) and place[:1] == ("models",):
            return place[1:]
        if place[:1] == ("models",) and place[2:3] in (("value",), ("key",)):
            return (*place[:2], *place[3:])
        return place

    def _settings(self) -> dict[str, Given]:
        """Texts of the settings at the top and below ``router``."""
        given = {}
        for above, names in SETTINGS_BELOW.items():
            values = self._text.content
            for key in above:
                values = values.get(key) if isinstance(values, Mapping) else None
            for key, setting in names.items():
                value = values.get(key) if isinstance(values, Mapping) else None
                text = scalar_text(value)
                if text:
                    where = f"{self._text.path}:{self._text.line((*above, key))}"
                    given[setting] = Given(text, ".".join((*above, key)), ORIGIN, where)
        return given

    def _provider_with_models(self, entry: Entry) -> Provider:
        name = entry.get("name") or free_name(provider_name(entry["base_url"]), self._names)
        self._names.add(name)
        provider = _provider(name, entry["base_url"], entry, self._keys(entry))
        for model in entry.get("models") or ():
            self._models.append(_model(model["id"], model.get("remote_id"), provider, model))
        return provider

    def _name_flat_providers(
        self, flat: Iterable[tuple[Place, str, Entry]], named: set[str]
    ) -> None:
        """Store the name of each upstream that one of its models gives.

        ``named`` are the names of other providers.
        """
        for place, _, entry in flat:
            name = entry.get("name")
            if not name:
                continue
            upstream = _upstream(self._flat_provider(entry))
            known = self._flat_names.get(upstream)
            if known is None and name not in named:
                self._flat_names[upstream] = name
                named.add(name)
            elif known != name:
                phrase = f"{name!r} is the name of another provider"
                if known is not None:
                    phrase = f"the provider with this api_base and key is already named {known!r}"
                self._name_problems.append(
                    self._text.problem(self._in_file((*place, "name")), phrase)
                )

    def _add_flat_model(self, model_id: str, entry: Entry) -> None:
        """Models with the same base URL and key belong to the same provider."""
        own = self._flat_provider(entry)
        upstream = _upstream(own)
        shared = self._flat_providers.get(upstream)
        if shared is None:
            name = self._flat_names.get(upstream)
            name = name or free_name(provider_name(own.base_url), self._names)
            self._names.add(name)
            shared = self._flat_providers[upstream] = replace(own, name=name)
        provider = replace(own, name=shared.name)
        self._models.append(_model(model_id, entry.get("model_name"), provider, _as_listed(entry)))

    def _flat_provider(self, entry: Entry) -> Provider:
        """The provider of a flat model, without a name."""
        # The protocol and the profile flags of a flat model apply to that model, not to its provider.
        return _provider(
            "", entry["api_base"], {**entry, "profile": None, "api": None}, self._keys(entry)
        )

    def _keys(self, entry: Entry) -> tuple[str, ...]:
        variables = key_variables(entry)
        self._key_variables.update(variables)
        if variables:
            return tuple(self._environ[variable].strip() for variable in variables)
        return entry.get("api_key") or entry.get("api_keys") or ()


def _flat_models(models: Any) -> Iterator[tuple[Place, str, Entry]]:
    if isinstance(models, Mapping):
        yield from ((("models", name), name, entry) for name, entry in models.items())
    else:
        for number, entry in enumerate(models):
            yield ("models", number), entry["model_id"], entry


def _upstream(provider: Provider) -> _Upstream:
    return provider.base_url, provider.native, provider.api_keys


def _provider(name: str, base_url: str, entry: Entry, keys: tuple[str, ...]) -> Provider:
    direct = entry.get("direct")
    direct = is_anthropic(base_url) if direct is None else direct
    return Provider(
        name=name,
        base_url=base_url if direct else registered_base_url(base_url),
        api_keys=keys,
        extra_headers=entry.get("extra_headers") or {},
        native=direct,
        proxy=entry.get("proxy"),
        ca_bundle=entry.get("ca_bundle"),
        api=entry.get("api") or "auto",
        profile=entry.get("profile") or {},
        timeout_seconds=entry.get("upstream_timeout_seconds"),
        deny_betas=entry.get("deny_betas") or (),
    )


def _model(model_id: str, remote_id: str | None, provider: Provider, entry: Entry) -> Model:
    price = entry.get("price")
    return Model(
        id=model_id,
        remote_id=remote_id or model_id,
        provider=provider,
        display_name=entry.get("display_name"),
        aliases=entry.get("aliases") or (),
        max_tokens=entry.get("max_tokens"),
        max_input_tokens=entry.get("max_input_tokens"),
        encoding=entry.get("encoding"),
        temperature=entry.get("temperature"),
        reasoning_effort=entry.get("reasoning_effort"),
        extra_body=entry.get("extra_body") or {},
        fallbacks=entry.get("fallbacks") or (),
        price=Price(**price) if price else None,
        api=entry.get("api") or "auto",
        profile=entry.get("profile") or {},
    )


def free_name(wanted: str, taken: Collection[str]) -> str:
    """``wanted``, with a number appended if another provider has that name."""
    numbers = (f"{wanted}-{number}" for number in range(2, len(taken) + 3))
    return next(name for name in (wanted, *numbers) if name not in taken)


def _as_listed(entry: Entry) -> Entry:
    """A flat model in the form of a model below its provider."""
    per_million = {
        way: entry.get(f"{way}_cost_per_million_tokens") or _per_million(entry, way)
        for way in ("input", "output")
    }
    price = {way: cost for way, cost in per_million.items() if cost is not None}
    profile = dict(entry.get("profile") or {})
    if entry.get("can_stream") is False:
        profile.setdefault("unsupported", ["stream"])
    return {
        **entry,
        "max_input_tokens": entry.get("max_input_tokens") or entry.get("context"),
        "price": entry.get("price") or price or None,
        "profile": profile,
    }


def _per_million(entry: Entry, way: str) -> float | None:
    cost = entry.get(f"{way}_cost_per_token")
    return None if cost is None else cost * 1_000_000


def _flattened(messages: Any, place: Place) -> Iterator[tuple[Place, str]]:
    """Each phrase of marshmallow's nested messages with its place."""
    if isinstance(messages, Mapping):
        for key, below in messages.items():
            yield from _flattened(below, place if key == "_schema" else (*place, key))
        return
    for phrase in messages:
        yield place, phrase
