"""Settings from the environment, the ``.env`` file and the command line.

Rule: only this module reads settings from ``os.environ``. Workers use the settings that the master has
validated, so that a worker that starts later does not fail because a file was edited meanwhile.
"""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dotenv import dotenv_values

from config.errors import ConfigError
from config.sources import Checks
from config.variables.table import VARIABLES
from proxy.cli.directory_mistakes import repeated_names, unread_registry, unreadable_lines

# Imported where they are used: `healthcheck` runs every few seconds and needs the variables alone.
if TYPE_CHECKING:
    from config.explain import Explained
    from config.settings import Settings

DOTENV = Path(".env")
"""In the working directory."""
# Its warnings about lines repeat those of ``unreadable_lines``.
logging.getLogger("dotenv.main").setLevel(logging.ERROR)


def known_encoding(name: str) -> None:
    """Raise ValueError unless ``name`` is a tiktoken encoding or a model that has one."""
    from proxy.tokens.encodings import ENCODING_NAMES, encoding_for

    try:
        encoding_for("", name)
    except ValueError as error:
        known = ", ".join(ENCODING_NAMES)
        phrase = f"is neither an encoding ({known}) nor a known OpenAI model"
        raise ValueError(phrase) from error


CHECKS: Checks = {"tiktoken_model": known_encoding}


@dataclass(slots=True)
class _InForce:
    settings: Settings | None = None


_IN_FORCE = _InForce()


def current_settings(arguments: Mapping[str, object] | None = None) -> Settings:
    """The settings from the environment, ``.env`` and ``arguments`` as they are now.

    Raises ``ConfigError``.
    """
    from config.registry.values import registry_in_force
    from config.settings import load_settings
    from proxy.providers.routing import Router

    environ, dotenv = operator_variables()
    settings = load_settings(environ, dotenv=dotenv, arguments=arguments, checks=CHECKS)
    # Checks a registry's profile flags, encodings and routes before any worker starts.
    Router(settings, registry_in_force(settings))
    return _with_directory(settings)


def _with_directory(settings: Settings) -> Settings:
    """``settings`` with what the files of the working directory give reason to tell."""
    text = _text(DOTENV) if DOTENV.is_file() else ""
    unread = unread_registry(Path()) if settings.config is None else None
    return replace(
        settings,
        mistakes=(*settings.mistakes, *unreadable_lines(text)),
        warnings=(*settings.warnings, *repeated_names(text), *filter(None, (unread,))),
    )


def put_in_force(settings: Settings) -> None:
    """Use ``settings`` in this process and in its workers."""
    _IN_FORCE.settings = settings


def settings_in_force() -> Settings:
    """The settings that this process or its master has put in force, else the current ones."""
    return _IN_FORCE.settings or current_settings()


def explained_settings(arguments: Mapping[str, object]) -> tuple[Explained, ...]:
    """The lines of ``--print-config``; raises ``ConfigError``."""
    from config.explain import explain_settings

    environ, dotenv = operator_variables()
    return explain_settings(environ, dotenv=dotenv, arguments=arguments)


def operator_variables(
    fields: Collection[str] | None = None,
) -> tuple[dict[str, str], dict[str, str]]:
    """The environment and the ``.env`` file; with ``fields`` only their non-empty variables."""
    sources = dict(os.environ), read_dotenv(DOTENV)
    if fields is None:
        return sources
    names = {name for v in VARIABLES if v.field in fields for name in v.names}
    environ, dotenv = ({n: s[n] for n in names & s.keys() if s[n].strip()} for s in sources)
    return environ, dotenv


def read_dotenv(path: Path) -> dict[str, str]:
    """The variables of a ``.env`` file; empty if there is no such file.

    A directory of that name (a virtual environment) is ignored. Raises ``ConfigError`` for a file
    that cannot be read.
    """
    if not path.is_file():
        return {}
    variables = dotenv_values(stream=io.StringIO(_text(path)))
    return {name: value for name, value in variables.items() if value is not None}


def _text(path: Path) -> str:
    try:
        # Editors on Windows may write a byte order mark.
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path}: not UTF-8 text: save it as UTF-8"]) from error
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from error
