"""The calls that were read in one piece of markup.

Rule: each form adds the calls that it reads. A call of a tool that is not declared, or with arguments
that are not an object, ends the reading with ``NotMarkup``.
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
"""Maximum number of calls in one answer, since the whole request is searched for each of them."""


class WrittenCall(NamedTuple):
    """A complete call."""

    name: str
    """The declared name."""
    arguments: Mapping[str, Any]
    id: str
    """The id that the model wrote; ``""`` if the form has none."""
    start: int
    """Position of the call's markup, from the start of the candidate."""
    end: int

    def fragment(self) -> ToolFragment:
        """The call as an upstream with a parser would have sent it."""
        arguments = json_text(self.arguments)
        return ToolFragment(None, self.id, self.name, arguments, False, None, whole=True)


class Markup:
    """The text that is being read, and the calls so far."""

    __slots__ = ("_declared", "calls", "source")

    def __init__(self, declared: DeclaredTools) -> None:
        self._declared = declared
        self.source = TextSource()
        self.calls: list[WrittenCall] = []

    def declared_name(self, said: str) -> str:
        """The name of the declared tool that ``said`` means; raises ``NotMarkup`` if there is none."""
        name = self._declared.name(said)
        if self._declared.schema(name) is None:
            raise NotMarkup
        return name

    def add(self, name: str, arguments: Mapping[str, Any], start: int, call_id: str = "") -> None:
        """Add a call whose markup begins at ``start`` and ends where the source was read to."""
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
