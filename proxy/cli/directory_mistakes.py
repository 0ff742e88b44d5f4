"""Mistakes that only the working directory shows: lines of ``.env`` that say nothing, unread files.

Rule: reads, and changes nothing; a text names lines and variables, never a value.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from config.variables.misnamed import NAMES
from config.variables.row import PREFIX

REGISTRY_FILES = tuple(
    f"{name}.{ending}"
    for name in ("providers", "models", "config", "custom_models")
    for ending in ("yaml", "yml", "json")
)
"""Names that registry files have here and in other proxies, which read them unasked."""


def unread_registry(directory: Path) -> str | None:
    """A warning that names the files in ``directory`` that look like a registry, if there are any.

    For a configuration that names no registry file.
    """
    found = [name for name in REGISTRY_FILES if (directory / name).is_file()]
    if not found:
        return None
    listed = f"{', '.join(found[:-1])} and {found[-1]}" if found[1:] else found[0]
    return (
        f"{listed} in the working directory {'are' if found[1:] else 'is'} not read: set "
        f"{PREFIX}CONFIG={found[0]} (or --config) if it holds your providers and models"
    )


def unreadable_lines(text: str) -> tuple[str, ...]:
    """A sentence for each line of the ``.env`` file ``text`` that is no assignment."""
    return tuple(_unreadable(list(parse_stream(io.StringIO(text)))))


def repeated_names(text: str) -> tuple[str, ...]:
    """A sentence for each setting that the ``.env`` file ``text`` sets to several values."""
    return tuple(_repeated(list(parse_stream(io.StringIO(text)))))


def _unreadable(bindings: list[Binding]) -> Iterator[str]:
    for binding in bindings:
        line = binding.original.line
        if binding.error and binding.original.string.strip():
            yield f".env: line {line} is not read: write NAME=value, with the quotes in pairs"
        elif binding.key in NAMES and binding.value is None:
            yield f".env: line {line} is not read: write {binding.key}=value"


def _repeated(bindings: list[Binding]) -> Iterator[str]:
    last: dict[str, Binding] = {}
    for binding in bindings:
        name = binding.key
        if name is None or name not in NAMES or not binding.value:
            continue
        if name in last and last[name].value != binding.value:
            before, after = last[name].original.line, binding.original.line
            yield f".env: {name} is set in line {before} and in line {after}: the last one counts"
        last[name] = binding
