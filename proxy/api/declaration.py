"""A route of the application with the declarations of its view.

Rule: a route without them cannot be registered: ``@bp.get(path, access=..., operation=...)``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, cast

from werkzeug.routing import Map, Rule

from proxy.access.declaration import Access
from proxy.api.openapi.operation import Operation

_VARIABLE = re.compile(r"<(?:\w+:)?(\w+)>")


class DeclaredRule(Rule):
    """A rule of the URL map that knows what its view requires and what OpenAPI says of it."""

    def __init__(
        self,
        string: str,
        *,
        access: Access,
        operation: Operation,
        alias_of: str | None = None,
        **options: Any,
    ):
        super().__init__(string, **options)
        self.access = access
        self.operation = operation
        self.is_alias = alias_of is not None
        self.name = alias_of or string
        """The rule as log, metrics and traces name it: the same for its aliases."""


class Described(NamedTuple):
    """One method of one path, as OpenAPI and the list of ``GET /`` show it."""

    method: str
    path: str
    """With its variables in braces."""
    access: Access
    operation: Operation
    endpoint: str
    """Flask's name of the view."""


def declared_rules(url_map: Map) -> Iterable[DeclaredRule]:
    """The rules of the application, in the order of their registration."""
    return cast("Iterable[DeclaredRule]", url_map.iter_rules())


def described(url_map: Map) -> Iterator[Described]:
    """Every method of every rule but those that Flask adds, HEAD and OPTIONS; no alias."""
    for rule in declared_rules(url_map):
        if rule.is_alias:
            continue
        path = _VARIABLE.sub(r"{\1}", rule.rule)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield Described(method, path, rule.access, rule.operation, rule.endpoint)
