"""The file that is written: ``.env`` or a registry file.

Rule: it is written at once, with mode 0600, after everything was asked. A ``.env`` that was there is backed up
with the same mode; a registry file that is there is not replaced. Both are checked before the first question.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from proxy.cli.environment import DOTENV, read_dotenv
from proxy.cli.errors import CommandError
from proxy.cli.files import PRIVATE, real_file, replace_backed_up, replace_text
from proxy.cli.init import dotenv_file, registry_file
from proxy.cli.init.answers import Answers, setting_values
from proxy.cli.init.other_settings import NAMES


class CannotWrite(CommandError):
    """The file cannot be written; nothing was changed."""


class Target(Protocol):
    """A file for the configuration."""

    @property
    def path(self) -> Path: ...

    @property
    def chosen(self) -> Mapping[str, object]:
        """The values from the command line with which the proxy uses the file."""

    def ensure_writable(self) -> None:
        """Raise ``CannotWrite`` if the file cannot be written."""

    def check(self, name: str, value: str) -> str:
        """``value`` if the file can hold it; raises ``CommandError``."""

    def write(self, answers: Answers) -> str:
        """Write the file; returns a sentence about it. Raises ``CannotWrite``."""


@dataclass(frozen=True, slots=True)
class DotenvTarget:
    """``.env`` in the working directory, or the file that it links to."""

    path: Path = DOTENV
    chosen: Mapping[str, object] = field(default_factory=dict)

    def ensure_writable(self) -> None:
        """Raise ``CannotWrite`` for a directory, another encoding or missing permission."""
        try:
            path = real_file(self.path)
        except OSError as error:
            raise CannotWrite(_told(error, self.path) + "; use --registry FILE") from error
        _ensure_directory(path.parent)
        _read(path)

    def check(self, name: str, value: str) -> str:
        """As ``dotenv_file.checked_value``."""
        return dotenv_file.checked_value(name, value)

    def write(self, answers: Answers) -> str:
        """Change the variables of the answers, and keep the others."""
        try:
            path = real_file(self.path)
            text = dotenv_file.changed(_read(path), self._changes(answers))
            backup = replace_backed_up(path, text, PRIVATE)
        except OSError as error:
            raise CannotWrite(_told(error, self.path)) from error
        written = f"Wrote {self.path}, which only you can read"
        return f"{written}; the old file is {backup.name}." if backup else f"{written}."

    def _changes(self, answers: Answers) -> dict[str, str | None]:
        """Values by variable: a setting that the file has keeps its spelling."""
        present = read_dotenv(self.path)
        changes: dict[str, str | None] = {}
        for setting, value in setting_values(answers).items():
            names = NAMES[setting]
            if value is None:
                changes |= dict.fromkeys(names)
            else:
                changes[next((name for name in names if name in present), names[0])] = value
        return changes


@dataclass(frozen=True, slots=True)
class RegistryTarget:
    """A new registry file."""

    path: Path

    @property
    def chosen(self) -> Mapping[str, object]:
        return {"config": str(self.path)}

    def ensure_writable(self) -> None:
        """Raise ``CannotWrite`` for a file that exists or missing permission."""
        if os.path.lexists(self.path):
            raise CannotWrite(
                f"{self.path} exists: name a new file with --registry, and add its provider to the "
                "old one"
            )
        _ensure_directory(self.path.resolve().parent)

    def check(self, name: str, value: str) -> str:
        """YAML holds every value."""
        return value

    def write(self, answers: Answers) -> str:
        """Write the file."""
        # It may have been made while the questions were answered.
        self.ensure_writable()
        try:
            replace_text(self.path, registry_file.registry_text(answers), PRIVATE)
        except OSError as error:
            raise CannotWrite(_told(error, self.path)) from error
        written = f"Wrote {self.path}, which only you can read"
        source = f" It takes the key from {answers.key_variable}." if answers.key_variable else ""
        return f"{written}.{source}"


def _told(error: OSError, path: Path) -> str:
    return f"{error.filename or path}: {error.strerror}"


def _ensure_directory(directory: Path) -> None:
    if not directory.is_dir():
        raise CannotWrite(f"{directory} is not a directory")
    if not os.access(directory, os.W_OK | os.X_OK):
        raise CannotWrite(f"{directory}: you may not write files there")


def _read(path: Path) -> str:
    """The text of the file; empty if there is none."""
    try:
        # Not ``read_text``, which would change the ends of lines.
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        raise CannotWrite(f"{path} is not UTF-8 text") from error
    except OSError as error:
        raise CannotWrite(f"{path}: {error.strerror}") from error
