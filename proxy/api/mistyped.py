"""Paths of clients whose base URL has a ``/v1`` too many or too few, or another vendor's prefix.

Rule: each is an alias of a registered route, with its view, its access declaration and its name in
log and metrics. OpenAPI and ``GET /`` do not list it.
"""

from __future__ import annotations

from flask import Flask

from proxy.api.declaration import declared_rules

VERSION = "/v1"
PREFIXES = ("", "/v1/v1", "/anthropic", "/anthropic/v1", "/anthropic/v1/v1")
"""What stands in the place of ``/v1``. Other vendors have the Messages API under ``/anthropic``."""
_LONGEST_FIRST = sorted(filter(None, (VERSION, *PREFIXES)), key=len, reverse=True)
VIEWS = frozenset(
    {
        "messages.create_message",
        "tokens.count_tokens",
        "models.list_models",
        "models.retrieve_model",
    }
)
"""What clients append to their base URL."""


def register_mistyped(app: Flask) -> None:
    """Add the aliases to ``app``, after all its blueprints."""
    for rule in [rule for rule in declared_rules(app.url_map) if rule.endpoint in VIEWS]:
        for prefix in PREFIXES:
            app.add_url_rule(
                prefix + rule.rule.removeprefix(VERSION),
                rule.endpoint,
                methods=rule.methods,
                access=rule.access,
                operation=rule.operation,
                alias_of=rule.rule,
            )


def behind_version(path: str) -> str | None:
    """What follows ``/v1`` or a prefix in its place, without slashes around; None without either."""
    for prefix in _LONGEST_FIRST:
        if path.startswith(f"{prefix}/"):
            return path.removeprefix(prefix).strip("/")
    return None
