"""The text of a registry file (YAML or JSON) as plain values, with the line of each value.

Rule: lines are kept by place, so that a problem found later can name its line. Only YAML's plain
data types are read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from config.errors import ConfigError

Place = tuple[str | int, ...]
"""Keys and positions from the top of the file to a value."""
PLAIN_TAGS = frozenset({"tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"})
MAX_NODES = 100_000
"""Limit for the values of a file, counted after YAML's aliases are expanded: a short text may contain
billions."""


@dataclass(frozen=True, slots=True)
class RegistryText:
    """The content of one file."""

    path: Path
    content: Any
    lines: Mapping[Place, int] = field(default_factory=dict)

    def line(self, place: Place) -> int:
        """The line of ``place``, or of the nearest place above it that has one."""
        return next(
            (
                self.lines[place[:end]]
                for end in range(len(place), -1, -1)
                if place[:end] in self.lines
            ),
            1,
        )

    def problem(self, place: Place, phrase: str) -> str:
        """``FILE:LINE: KEY: PHRASE``."""
        key = ".".join(map(str, place))
        where = f"{self.path}:{self.line(place)}"
        return f"{where}: {key}: {phrase}" if key else f"{where}: {phrase}"


def read_registry_text(path: Path) -> RegistryText:
    """Read and parse ``path``; raises ``ConfigError`` with the path and, if known, the line."""
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path}: not UTF-8 text"]) from error
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from error
    return parse_registry_text(path, text)


def parse_registry_text(path: Path, text: str) -> RegistryText:
    """As ``read_registry_text``, for a text already read."""
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return _Reader(path).read(text)
    # YAML refuses the tabs of indented JSON; inside strings JSON allows only ``\t``.
    lines = _Reader(path).read(text.replace("\t", " ")).lines
    return RegistryText(path, parsed, lines)


class _Reader:
    """Visits each YAML node once and collects values and lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: dict[Place, int] = {}
        self._problems: list[str] = []
        self._seen = 0
        self._open: list[yaml.Node] = []

    def read(self, text: str) -> RegistryText:
        """Raises ``ConfigError`` for invalid YAML and for every repeated key."""
        loader: yaml.SafeLoader | None = None
        try:
            # Safe: its constructors create only plain data.
            loader = yaml.SafeLoader(text)
            node = loader.get_single_node()
            content = None if node is None else self._value(loader, node, ())
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            line = f":{mark.line + 1}" if mark else ""
            raise ConfigError([f"{self._path}{line}: not valid YAML: {error.problem}"]) from error
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise ConfigError([f"{self._path}: not valid YAML or JSON"]) from error
        finally:
            if loader is not None:
                loader.dispose()
        if self._problems:
            raise ConfigError(self._problems)
        return RegistryText(self._path, content, self._lines)

    def _value(self, loader: yaml.SafeLoader, node: yaml.Node, place: Place) -> Any:
        self._seen += 1
        if self._seen > MAX_NODES or node in self._open:
            raise ConfigError(
                [f"{self._path}:{node.start_mark.line + 1}: aliases expand to too many values"]
            )
        if not isinstance(node, yaml.ScalarNode) and node.tag not in PLAIN_TAGS:
            raise ConfigError(
                [f"{self._path}:{node.start_mark.line + 1}: {node.tag} is not plain data"]
            )
        self._lines.setdefault(place, node.start_mark.line + 1)
        self._open.append(node)
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(loader, node, place)
            if isinstance(node, yaml.SequenceNode):
                return [self._value(loader, n, (*place, i)) for i, n in enumerate(node.value)]
            return self._scalar(loader, node)
        finally:
            self._open.pop()

    def _scalar(self, loader: yaml.SafeLoader, node: yaml.Node) -> Any:
        try:
            return loader.construct_object(node)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            # The constructors do not check a value with an explicit tag: "!!bool x" raises KeyError.
            line = node.start_mark.line + 1
            raise ConfigError([f"{self._path}:{line}: not valid YAML: no {node.tag}"]) from error

    def _mapping(self, loader: yaml.SafeLoader, node: yaml.MappingNode, place: Place) -> Any:
        self._note_repeated(node, place)
        loader.flatten_mapping(node)
        values = {}
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else "?"
            self._lines[*place, key] = key_node.start_mark.line + 1
            values[key] = self._value(loader, value_node, (*place, key))
        return values

    def _note_repeated(self, node: yaml.MappingNode, place: Place) -> None:
        keys: set[str] = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                continue
            if key_node.value in keys:
                key = ".".join(map(str, (*place, key_node.value)))
                line = key_node.start_mark.line + 1
                self._problems.append(f"{self._path}:{line}: {key}: is given twice")
            keys.add(key_node.value)
