"""The calls in one stretch of markup, while it is being read.

Rule: a form of markup adds the calls that it reads; the first of them that is of no declared tool, or
whose arguments are no object, ends the reading.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from proxy.convert.reply.arguments import json_text
from proxy.convert.reply.declared_tools import DeclaredTools
from proxy.convert.reply.pieces import ToolFragment
from proxy.convert.reply.text_calls.source import NotMarkup, TextSource
from proxy.convert.reply.text_calls.values import object_in, typed_value

MAX_CALLS = 128
"""Most calls of one answer; each is looked for in the whole request."""


class WrittenCall(NamedTuple):
    """A complete call."""

    name: str
    """As declared."""
    arguments: Mapping[str, Any]
    id: str
    """The model's own id of the call, ``""`` where the form has none."""
    start: int
    """Position of the call's own markup, counted from the beginning of what is read."""
    end: int

    def fragment(self) -> ToolFragment:
        """The call as an upstream with a parser would have sent it."""
        arguments = json_text(self.arguments)
        return ToolFragment(None, self.id, self.name, arguments, False, None, whole=True)


class Markup:
    """What is being read, and the calls so far."""

    __slots__ = ("_declared", "calls", "source")

    def __init__(self, declared: DeclaredTools) -> None:
        self._declared = declared
        self.source = TextSource()
        self.calls: list[WrittenCall] = []

    def declared_name(self, said: str) -> str:
        """The declared tool that is meant; raises ``NotMarkup`` where none is."""
        name = self._declared.name(said)
        if self._declared.schema(name) is None:
            raise NotMarkup
        return name

    def add(self, name: str, arguments: Mapping[str, Any], start: int, call_id: str = "") -> None:
        """A call whose markup, just read to its end, began at ``start``."""
        if len(self.calls) == MAX_CALLS:
            raise NotMarkup
        call = WrittenCall(name, arguments, call_id, start, self.source.position)
        self.calls.append(call)

    def add_json(self, name: str, text: str, start: int, call_id: str = "") -> None:
        """As ``add``, with the arguments as JSON."""
        arguments = object_in(text)
        if arguments is None:
            raise NotMarkup
        self.add(name, arguments, start, call_id)

    def value(self, name: str, key: str, text: str) -> object:
        """The value of a parameter that was written as ``text``."""
        schema = self._declared.schema(name) or {}
        properties = schema.get("properties")
        stated = properties.get(key) if isinstance(properties, dict) else None
        return typed_value(text, stated, schema)
