"""Precedence of the sources of a setting.

Rule: the order is command line, prefixed variable, bare variable, ``.env`` file, registry file,
default. An empty text counts as unset (docs/features.md "Configuration"). Pure: sources are passed as
mappings.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from marshmallow import Schema, ValidationError

from config.file_fields import FileField
from config.headers import CLIENT_SET_HEADERS, is_header_name, is_header_value
from config.hosts import is_ip_or_localhost
from config.variables.links import is_service_link
from config.variables.misnamed import Misnamed, misnamed_variables
from config.variables.row import PREFIX, Variable
from config.variables.table import CUSTOM_HEADER_PREFIX, VARIABLES
from config.wrapping import COMMENT, has_comment, unwrapped, wrapping_problem

SCHEMA: Schema = Schema.from_dict({v.field: v.form for v in VARIABLES})()
_SECRET = frozenset(v.field for v in VARIABLES if v.secret or v.mistaken_for_secret)
_EXACT = _SECRET | {v.field for v in VARIABLES if isinstance(v.form, FileField)}
"""The settings whose values may contain what looks like a comment."""

Checks = Mapping[str, Callable[[Any], object]]
"""Further checks of a parsed value, by field; each raises ValueError with a phrase for the message."""

REGISTRY_FIELD = "config"
"""The setting that names the registry file."""


@dataclass(frozen=True, slots=True)
class Given:
    """A text and its origin."""

    text: str
    name: str
    """Name of the variable or the option."""
    origin: str
    """``command line``, ``environment``, ``.env`` or ``registry file``."""
    place: str = ""
    """``FILE:LINE`` in a registry file."""


@dataclass(slots=True)
class Resolution:
    """The values from all sources."""

    given: dict[str, Given] = field(default_factory=dict)
    """The text with the highest precedence, by field; fields that are not set are absent."""
    values: dict[str, Any] = field(default_factory=dict)
    """Parsed values by field, derived ones included."""
    derived: dict[str, str] = field(default_factory=dict)
    """Fields that get the value of another field -> that field."""
    headers: dict[str, Given] = field(default_factory=dict)
    """Additional upstream headers by name."""
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    misnamed: tuple[Misnamed, ...] = ()
    """Variables that seem to be meant and are not read."""
    links: list[Given] = field(default_factory=list)
    """Values that are ignored because the container platform set them."""


def resolve(
    environ: Mapping[str, str],
    dotenv: Mapping[str, str],
    arguments: Mapping[str, object],
    checks: Checks,
    registry: Mapping[str, Given] | None = None,
    key_variables: Collection[str] = (),
) -> Resolution:
    """Choose and parse every value; problems are listed, not raised.

    ``registry``: texts by field from the registry file; every other source takes precedence.
    ``key_variables``: names that the registry file reads.
    """
    found = Resolution(misnamed=misnamed_variables(environ, dotenv, key_variables))
    for variable in VARIABLES:
        candidates = _candidates(variable, environ, dotenv, arguments)
        last = [registry[variable.field]] if registry and variable.field in registry else []
        _choose(found, variable, (*candidates, *last))
    _parse(found)
    _check(found, checks)
    _derive(found)
    _add_headers(found, environ, dotenv)
    return found


def _choose(found: Resolution, variable: Variable, candidates: Iterable[Given]) -> None:
    listed = tuple(candidates)
    for given in listed:
        if given.origin == "environment" and is_service_link(given.name, given.text):
            found.links.append(given)
        elif _is_foreign(variable, given):
            found.warnings.append(
                f"{given.name}={given.text!r} in the environment is ignored: "
                f"it seems to be for another program (use {variable.names[0]})"
            )
        else:
            found.given[variable.field] = given
            found.warnings += _outdone(variable, given, listed)
            return


def _outdone(variable: Variable, chosen: Given, candidates: Iterable[Given]) -> Iterator[str]:
    """A warning if the other name of a setting has another value."""
    # PORT and HOST often are the platform's, and proxies and certificates those of all programs.
    two_names = variable.names[0] == f"{PREFIX}{variable.names[-1]}"
    if not two_names or variable.bare_may_be_foreign or chosen.origin == "command line":
        return
    for other in candidates:
        if other.origin in ("environment", ".env") and other.name != chosen.name:
            if other.text != chosen.text:
                yield (
                    f"{_named(other)} is ignored, because {_named(chosen)} has precedence: "
                    "remove one of them"
                )
            return


def _named(given: Given) -> str:
    return f"{given.name}{' (.env)' if given.origin == '.env' else ''}"


def chosen_file(
    environ: Mapping[str, str], dotenv: Mapping[str, str], arguments: Mapping[str, object]
) -> str | None:
    """Path of the registry file; None if no readable one is named."""
    variable = next(variable for variable in VARIABLES if variable.field == REGISTRY_FIELD)
    first = next(_candidates(variable, environ, dotenv, arguments), None)
    try:
        return variable.form.deserialize(first.text) if first else None
    except ValidationError:
        return None


def _candidates(
    variable: Variable,
    environ: Mapping[str, str],
    dotenv: Mapping[str, str],
    arguments: Mapping[str, object],
) -> Iterator[Given]:
    argument = arguments.get(variable.field)
    if argument is not None:
        yield Given(str(argument).strip(), f"--{variable.field.replace('_', '-')}", "command line")
    for source, origin in ((environ, "environment"), (dotenv, ".env")):
        for name in variable.names:
            text = source.get(name, "").strip()
            if origin == "environment":
                text = unwrapped(text, exact=variable.field in _EXACT)
            if text:
                yield Given(text, name, origin)


def _is_foreign(variable: Variable, given: Given) -> bool:
    """Whether the text seems to be meant for another program that reads the same bare name."""
    if not variable.bare_may_be_foreign or given.origin != "environment":
        return False
    return not given.name.startswith(PREFIX) and not _fits(variable, given)


def _fits(variable: Variable, given: Given) -> bool:
    try:
        value = variable.form.deserialize(given.text)
    except ValidationError:
        return False
    # Some shells export the machine's name as HOST.
    return variable.field != "host" or is_ip_or_localhost(value)


def _parse(found: Resolution) -> None:
    texts = {name: given.text for name, given in found.given.items()}
    refused: dict[str, str] = {}
    for name, given in found.given.items():
        phrase = wrapping_problem(given.text, exact=name in _EXACT)
        if given.origin == "environment" and phrase is not None:
            refused[name] = phrase
            del texts[name]
    try:
        found.values = dict(SCHEMA.load(texts))
    except ValidationError as error:
        found.values = dict(error.valid_data or {})
        refused |= {name: phrases[0] for name, phrases in error.messages_dict.items()}
    problems = (
        _problem(given, refused[name], secret=name in _SECRET)
        for name, given in found.given.items()
        if name in refused
    )
    # UPSTREAM_PROXY is the variable of two fields: report it once.
    found.problems += dict.fromkeys(problems)


def _check(found: Resolution, checks: Checks) -> None:
    for name, check in checks.items():
        value = found.values.get(name)
        if value is None:
            continue
        try:
            check(value)
        except ValueError as error:
            found.problems.append(_problem(found.given[name], str(error), secret=False))


def _problem(given: Given, phrase: str, *, secret: bool) -> str:
    where = {".env": " (.env)", "registry file": f" ({given.place})"}.get(given.origin, "")
    text = given.text if len(given.text) <= 200 else f"{given.text[:200]}..."
    # A URL may contain a password or a key, which must not be part of the message.
    hidden = secret or ("://" in text and ("@" in text or "?" in text))
    return f"{given.name}{'' if hidden else f'={text!r}'}{where} {phrase}"


def _derive(found: Resolution) -> None:
    for variable in VARIABLES:
        name, source = variable.field, variable.follows
        if source in found.values and name not in found.given:
            found.values[name] = found.values[source]
            found.derived[name] = source


def _add_headers(found: Resolution, environ: Mapping[str, str], dotenv: Mapping[str, str]) -> None:
    for source, origin in ((dotenv, ".env"), (environ, "environment")):
        for variable, value in source.items():
            if not variable.startswith(CUSTOM_HEADER_PREFIX):
                continue
            outside = origin == "environment"
            text = unwrapped(value, exact=True) if outside else value.strip()
            if text:
                _add_header(found, Given(text, variable, origin))


def _add_header(found: Resolution, given: Given) -> None:
    name = given.name.removeprefix(CUSTOM_HEADER_PREFIX).replace("_", "-")
    if name.lower() in CLIENT_SET_HEADERS:
        found.warnings.append(f"{given.name} is ignored: the HTTP client sets {name} itself")
    elif not is_header_name(name):
        found.problems.append(f"{given.name} is not the name of a header")
    elif not is_header_value(given.text):
        found.problems.append(f"{given.name} contains characters that are not allowed in a header")
    elif given.origin == "environment" and has_comment(given.text):
        found.problems.append(f"{given.name} {COMMENT}")
    else:
        found.headers[name] = given
