"""The effective value and the source of every setting, for ``--print-config``.

Rule: the value of a secret is not shown, only that it is set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from config.settings import Settings, load_settings, read_sources
from config.sources import Resolution
from config.urls import without_query
from config.variables.row import Variable, shown_value
from config.variables.table import VARIABLES

HIDDEN = "(set, not shown)"
LINK = "(ignored: the container platform set it)"


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
    """Every effective value in the order of ``VARIABLES``, then the additional upstream headers, then
    variables that are not read.

    Parameters as in ``load_settings``; raises ``ConfigError``.
    """
    settings = load_settings(environ, dotenv=dotenv, arguments=arguments)
    found, _ = read_sources(environ, dotenv or {}, arguments or {}, {})
    lines = [_explained(variable, settings, found) for variable in VARIABLES]
    lines += [
        Explained(given.name, HIDDEN, f"{given.origin}, sent as {name}")
        for name, given in found.headers.items()
    ]
    lines += [Explained(given.name, LINK, given.origin) for given in found.links]
    lines += [Explained(m.name, f"(not read: {m.advice})", m.origin) for m in found.misnamed]
    return tuple(lines)


def _explained(variable: Variable, settings: Settings, found: Resolution) -> Explained:
    # CLAUDE_PROXY_UPSTREAM_PROXY is the first name of both https_proxy and http_proxy.
    name = variable.field.upper() if "_proxy" in variable.field else variable.names[0]
    shown = _shown(variable, getattr(settings, variable.field))
    return Explained(name, shown, _source(variable, found))


def _source(variable: Variable, found: Resolution) -> str:
    given = found.given.get(variable.field)
    if given is not None:
        return given.origin if given.name == variable.names[0] else f"{given.origin} {given.name}"
    followed = found.derived.get(variable.field)
    return f"as {followed}" if followed else "default"


def _shown(variable: Variable, value: object) -> str:
    if variable.secret and value:
        return HIDDEN
    if isinstance(value, str) and "://" in value:
        return without_query(value)
    return shown_value(value)
