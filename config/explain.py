"""Which settings are in force and where each came from, for ``--print-config``.

Rule: a secret is shown as being there, never as what it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from config.settings import Settings, load_settings, read_sources
from config.sources import Resolution
from config.urls import without_query
from config.variables import VARIABLES, Variable

HIDDEN = "(set, not shown)"
UNSET = "-"


@dataclass(frozen=True, slots=True)
class Explained:
    """One line of ``--print-config``."""

    name: str
    value: str
    source: str


def explain_settings(
    environ: Mapping[str, str],
    *,
    dotenv: Mapping[str, str] | None = None,
    arguments: Mapping[str, object] | None = None,
) -> tuple[Explained, ...]:
    """Every effective value in the order of ``VARIABLES``, then the extra upstream headers.

    Takes what ``load_settings`` takes, but for checks, and raises the same ``ConfigError``.
    """
    settings = load_settings(environ, dotenv=dotenv, arguments=arguments)
    found, _ = read_sources(environ, dotenv or {}, arguments or {}, {})
    lines = [_explained(variable, settings, found) for variable in VARIABLES]
    lines += [
        Explained(given.name, HIDDEN, f"{given.origin}, sent as {name}")
        for name, given in found.headers.items()
    ]
    return tuple(lines)


def _explained(variable: Variable, settings: Settings, found: Resolution) -> Explained:
    given = found.given.get(variable.field)
    if given is not None:
        named = f" {given.name}" if given.name != variable.names[0] else ""
        source = f"{given.origin}{named}"
    elif variable.field in found.derived:
        source = f"as {found.derived[variable.field]}"
    else:
        source = "default"
    name = variable.field.upper() if "_proxy" in variable.field else variable.names[0]
    return Explained(name, _shown(variable, getattr(settings, variable.field)), source)


def _shown(variable: Variable, value: object) -> str:
    if value is None or value == ():
        return UNSET
    if variable.secret:
        return HIDDEN
    if isinstance(value, tuple):
        return ", ".join(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return without_query(value) if isinstance(value, str) and "://" in value else str(value)
