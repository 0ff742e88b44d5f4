"""The tools that a request declared, for reading its answer.

They tell which tool a call means and of which types its arguments are.

Rule: the declarations are read only when the first call of an answer needs them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from proxy.convert.schema_values import ClientSchema, Schema

_BETWEEN_PARTS = re.compile(r"[^A-Za-z0-9_-]+")
"""Matches characters that no name sent upstream contains."""

JSON_TYPES: Mapping[str, type] = {"array": list, "object": dict}
"""Schema types whose values models also write as a string that contains JSON."""


class DeclaredTools:
    """The functions of a request, by the names that were sent upstream."""

    __slots__ = (
        "_folded",
        "_functions",
        "_parameters_for_name",
        "_schemas",
        "_types_for_name",
    )

    def __init__(
        self,
        functions: Sequence[Mapping[str, Any]],
        schemas: Mapping[str, ClientSchema] | None = None,
    ) -> None:
        """``schemas``: the client's own, of the functions that were sent with another schema."""
        self._functions = functions
        self._schemas = schemas or {}
        self._parameters_for_name: dict[str, Any] | None = None
        self._types_for_name: dict[str, Mapping[str, type]] = {}
        self._folded: dict[str, list[str]] | None = None

    def name(self, said: str) -> str:
        """The declared name that ``said`` means; ``said`` itself if there is none.

        Differences in case, special tokens (``Read<|channel|>commentary``), namespaces and numbers
        (``functions.Read:0``, ``default_api:Read``) are ignored. If two names match, none is used.
        """
        declared = self._parameters()
        if said in declared or not declared:
            return said
        head = said.partition("<|")[0].strip() or said.rpartition("|>")[2]
        parts = _BETWEEN_PARTS.split(head)
        exact = declared.keys() & parts
        if not exact:
            exact = set()
            for part in {part.casefold() for part in parts}:
                exact.update(self._names_for_folded().get(part, ()))
        return exact.pop() if len(exact) == 1 else said

    def schema(self, name: str) -> Mapping[str, Any] | None:
        """The JSON Schema of the arguments of ``name``; None if no such tool is declared."""
        parameters = self._parameters()
        if name not in parameters:
            return None
        schema = parameters[name]
        return schema if isinstance(schema, dict) else {}

    def types(self, name: str) -> Mapping[str, type]:
        """The top-level members of ``name`` whose type is exactly array (list) or object (dict)."""
        types = self._types_for_name.get(name)
        if types is None:
            # The calls of an answer are limited, and so are the names.
            types = self._types_for_name[name] = self._types_of(name)
        return types

    def _types_of(self, name: str) -> Mapping[str, type]:
        own = self._schemas.get(name)
        parameters = self._parameters().get(name) if own is None else own.schema
        properties = parameters.get("properties") if isinstance(parameters, dict) else None
        if not isinstance(properties, dict):
            return {}
        types = {member: _type_in(schema) for member, schema in properties.items()}
        return {member: wanted for member, wanted in types.items() if wanted is not None}

    def recoded(self, name: str) -> Schema | None:
        """The client's schema of ``name``, if arguments must be converted because another one was sent."""
        own = self._schemas.get(name)
        return own.schema if own is not None and own.recoded else None

    def _names_for_folded(self) -> Mapping[str, list[str]]:
        """The declared names, by their form without case."""
        if self._folded is None:
            self._folded = {}
            for name in self._parameters():
                self._folded.setdefault(name.casefold(), []).append(name)
        return self._folded

    def _parameters(self) -> dict[str, Any]:
        if self._parameters_for_name is None:
            # Tools of Responses have no member ``function``; its members are theirs.
            functions = [tool.get("function", tool) for tool in self._functions]
            self._parameters_for_name = {
                function["name"]: function.get("parameters") for function in functions
            }
        return self._parameters_for_name


def _type_in(schema: object) -> type | None:
    wanted = schema.get("type") if isinstance(schema, dict) else None
    return JSON_TYPES.get(wanted) if isinstance(wanted, str) else None
