"""Which of its sources a value comes from.

Rule: command line, prefixed variable, bare variable, ``.env`` file, default; an empty text counts
as unset everywhere (docs/features.md "Configuration"). Pure: the sources come in as mappings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from marshmallow import Schema, ValidationError

from config.fields import is_address
from config.headers import FRAMING_HEADERS, is_header_name, is_header_value
from config.variables import (
    CUSTOM_HEADER_PREFIX,
    PREFIX,
    REGISTRY_FIELD,
    VARIABLES,
    Variable,
)

SCHEMA: Schema = Schema.from_dict({v.field: v.form for v in VARIABLES})()

_COMMENT = re.compile(r"(?:^|\s)#.*")
Checks = Mapping[str, Callable[[Any], object]]
"""What a value must pass besides its form, by field; raises ValueError with the phrase."""


@dataclass(frozen=True, slots=True)
class Given:
    """A text that the operator gave, and where."""

    text: str
    name: str
    """The variable's or the option's name."""
    origin: str
    """``command line``, ``environment``, ``.env`` or ``registry file``."""
    place: str = ""
    """File and line, where it stands in a registry file."""


@dataclass(slots=True)
class Resolution:
    """What all sources say together."""

    given: dict[str, Given] = field(default_factory=dict)
    """The winning text by field; fields that nobody gave are missing."""
    values: dict[str, Any] = field(default_factory=dict)
    """Parsed values by field, derived ones among them."""
    derived: dict[str, str] = field(default_factory=dict)
    """Fields that took another's value, and that field."""
    headers: dict[str, Given] = field(default_factory=dict)
    """Extra upstream headers by their name."""
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def resolve(
    environ: Mapping[str, str],
    dotenv: Mapping[str, str],
    arguments: Mapping[str, object],
    checks: Checks,
    registry: Mapping[str, Given] | None = None,
) -> Resolution:
    """Choose and parse every value; what is wrong is listed, not raised.

    ``registry`` are texts by field from the registry file, weaker than everything else.
    """
    found = Resolution()
    for variable in VARIABLES:
        candidates = _candidates(variable, environ, dotenv, arguments)
        weakest = [registry[variable.field]] if registry and variable.field in registry else []
        for given in (*candidates, *weakest):
            if variable.bare_may_be_foreign and _is_bare(given) and not _fits(variable, given):
                found.warnings.append(
                    f"{given.name}={given.text!r} in the environment is ignored: "
                    f"not a {variable.field.replace('_', ' ')} of this program "
                    f"(use {variable.names[0]})"
                )
                continue
            found.given[variable.field] = given
            break
    _parse(found)
    _check(found, checks)
    _derive(found)
    _add_headers(found, environ, dotenv)
    return found


def chosen_file(
    environ: Mapping[str, str], dotenv: Mapping[str, str], arguments: Mapping[str, object]
) -> str | None:
    """The registry file that the sources name; None where they name none that can be read."""
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
            text = _bare_text(source.get(name, ""), variable)
            if text:
                yield Given(text, name, origin)


def _bare_text(text: str, variable: Variable) -> str:
    """``text`` without blanks around it, without a comment, without one pair of quotes.

    ``docker run --env-file`` strips neither comments nor quotes.
    """
    if not variable.secret:
        text = _COMMENT.sub("", text)
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1].strip()
    return text


def _is_bare(given: Given) -> bool:
    return given.origin == "environment" and not given.name.startswith(PREFIX)


def _fits(variable: Variable, given: Given) -> bool:
    try:
        value = variable.form.deserialize(given.text)
    except ValidationError:
        return False
    # A shell's HOST is the machine's name: listening on that is not what anybody asked for.
    return variable.field != "host" or is_address(value)


def _parse(found: Resolution) -> None:
    texts = {name: given.text for name, given in found.given.items()}
    try:
        found.values = dict(SCHEMA.load(texts))
    except ValidationError as error:
        found.values = dict(error.valid_data or {})
        secret = {variable.field for variable in VARIABLES if variable.secret}
        problems = (
            _problem(found.given[name], phrases[0], secret=name in secret)
            for name, phrases in error.messages_dict.items()
        )
        # UPSTREAM_PROXY stands for two fields.
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
    # Passwords and keys in a URL: the refusal must not spread them.
    hidden = secret or ("://" in text and ("@" in text or "?" in text))
    return f"{given.name}{'' if hidden else f'={text!r}'}{where} {phrase}"


def _derive(found: Resolution) -> None:
    """Values that follow another one where they are not given themselves."""
    for name, source in (
        ("connect_timeout", "request_timeout"),
        ("first_byte_timeout", "request_timeout"),
        ("middle_model", "big_model"),
    ):
        if source in found.values and name not in found.given:
            found.values[name] = found.values[source]
            found.derived[name] = source


def _add_headers(found: Resolution, environ: Mapping[str, str], dotenv: Mapping[str, str]) -> None:
    for source, origin in ((dotenv, ".env"), (environ, "environment")):
        for variable, value in source.items():
            text = value.strip()
            name = variable.removeprefix(CUSTOM_HEADER_PREFIX).replace("_", "-")
            if variable == name or not variable.startswith(CUSTOM_HEADER_PREFIX) or not text:
                continue
            if name.lower() in FRAMING_HEADERS:
                found.warnings.append(f"{variable} is ignored: the connection sets {name} itself")
            elif not is_header_name(name):
                found.problems.append(f"{variable} does not name a header")
            elif not is_header_value(text):
                found.problems.append(f"{variable} holds what a header cannot carry")
            else:
                found.headers[name] = Given(text, variable, origin)
