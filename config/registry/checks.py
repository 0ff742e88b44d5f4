"""Checks of a registry file across its entries and members: repeated names, keys, variables, URLs.

Rule: these checks read the parsed file, not the schemas' result, so that they also run if a schema
refuses a value. They ignore values of the wrong type, which the schemas report.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import ValidationError

from config.endpoints import misplaced_endpoint
from config.fields import checked_key
from config.registry.schema import KEY_SOURCES, VARIABLE_SOURCES
from config.registry.text import Place, RegistryText
from config.registry.values import is_anthropic

Found = Iterator[tuple[Place, str]]
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")


def cross_problems(text: RegistryText, environ: Mapping[str, str]) -> list[str]:
    """A line for each repeated name and each missing key; ``environ`` has the keys' variables."""
    content = text.content
    keyed = [*_entries(content, "providers"), *_flat_entries(content)]
    found = [
        *_repeated_models(text),
        *_bad_names(content),
        *(problem for entry in keyed for problem in _key_problems(*entry, environ)),
        *(problem for entry in keyed for problem in _misplaced_endpoints(*entry)),
        *(problem for entry in keyed for problem in _protocols_of_native(*entry)),
    ]
    return [text.problem(place, phrase) for place, phrase in found]


def key_variables(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """The variables that ``entry`` names for its keys."""
    for source in VARIABLE_SOURCES:
        named = entry.get(source)
        if isinstance(named, str) and named.strip():
            return (named.strip(),)
        if isinstance(named, list | tuple):
            return tuple(name.strip() for name in named if isinstance(name, str) and name.strip())
    return ()


def _entries(content: object, key: str) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    listed = content.get(key) if isinstance(content, Mapping) else None
    for number, entry in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(entry, Mapping):
            yield (key, number), entry


def _flat_entries(content: object) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    """Models with an ``api_base`` of their own."""
    if isinstance(content, list):
        yield from ((place[1:], entry) for place, entry in _entries({"models": content}, "models"))
    models = content.get("models") if isinstance(content, Mapping) else None
    if isinstance(models, Mapping):
        for name, entry in models.items():
            if isinstance(entry, Mapping):
                yield ("models", name), entry
    else:
        yield from _entries(content, "models")


def _model_names(content: object) -> Found:
    for above, provider in _entries(content, "providers"):
        for below, model in _entries(provider, "models"):
            yield from _names_of((*above, *below), model.get("id"), model)
    for place, model in _flat_entries(content):
        yield from _names_of(place, model.get("model_id", place[-1]), model)


def _names_of(place: Place, model_id: object, model: Mapping[str, Any]) -> Found:
    aliases = model.get("aliases")
    for name in (model_id, *(aliases if isinstance(aliases, list) else (aliases,))):
        if isinstance(name, str) and name.strip():
            yield place, name.strip()


def _repeated_models(text: RegistryText) -> Found:
    first: dict[str, Place] = {}
    for place, name in _model_names(text.content):
        if name in first:
            yield place, f"the name {name!r} is already registered in line {text.line(first[name])}"
        first.setdefault(name, place)


def _bad_names(content: object) -> Found:
    taken: set[str] = set()
    for place, provider in _entries(content, "providers"):
        name = provider.get("name")
        if not isinstance(name, str):
            continue
        if name.strip() in taken:
            yield (*place, "name"), f"{name.strip()!r} is the name of another provider"
        taken.add(name.strip())
    for place, entry in (*_entries(content, "providers"), *_flat_entries(content)):
        name = entry.get("name")
        if isinstance(name, str) and set("/,") & set(name):
            yield (*place, "name"), "must not contain a slash or a comma"


def _key_problems(place: Place, entry: Mapping[str, Any], environ: Mapping[str, str]) -> Found:
    given = [source for source in KEY_SOURCES if entry.get(source)]
    if len(given) > 1:
        yield (*place, given[1]), f"is given together with {given[0]}: remove one of them"
    named = [source for source in given if source in VARIABLE_SOURCES]
    for variable in key_variables(entry):
        key = environ.get(variable, "").strip()
        if not key:
            yield (*place, named[0]), f"the variable {_shown(variable)} is not set"
            continue
        try:
            checked_key(key)
        except ValidationError as error:
            yield (*place, named[0]), f"the variable {variable} {error.messages[0]}"


def _misplaced_endpoints(place: Place, entry: Mapping[str, Any]) -> Found:
    for name in ("base_url", "api_base"):
        url = entry.get(name)
        if not isinstance(url, str) or "@" in url.partition("?")[0]:
            continue
        native = _is_native(entry, url)
        phrase = None if native is None else misplaced_endpoint(url.strip(), native=native)
        if phrase is not None:
            yield (*place, name), phrase


def _protocols_of_native(place: Place, entry: Mapping[str, Any]) -> Found:
    """``api`` where the upstream is native, so that nothing is converted for it."""
    url = next((entry[name] for name in ("base_url", "api_base") if entry.get(name)), None)
    if not isinstance(url, str) or not _is_native(entry, url):
        return
    cause = "direct" if entry.get("direct") else "an Anthropic URL"
    for where, chosen in ((place, entry), *_below(place, entry)):
        if chosen.get("api") in ("chat", "responses"):
            phrase = f"is given together with {cause}, which sends requests unchanged: remove one"
            yield (*where, "api"), phrase


def _below(place: Place, provider: Mapping[str, Any]) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    yield from (((*place, *below), model) for below, model in _entries(provider, "models"))


def _is_native(entry: Mapping[str, Any], url: str) -> bool | None:
    """Whether the upstream of ``entry`` is native; None for a URL that is none."""
    direct = entry.get("direct")
    try:
        return direct if isinstance(direct, bool) else is_anthropic(url)
    except ValueError:
        return None


def _shown(variable: str) -> str:
    """``variable``, or a phrase in its place if it may be a key instead of a variable's name."""
    return variable if _VARIABLE.fullmatch(variable) else "that it names"
