"""Aliases for clients whose base URL has an extra ``/v1``, no ``/v1``, or the prefix of another vendor.

Rule: an alias has the view, the access declaration and the name in log and metrics of a registered route.
OpenAPI and ``GET /`` do not list aliases.
"""

from __future__ import annotations

from flask import Flask

from proxy.api.declaration import declared_rules

VERSION = "/v1"
PREFIXES = ("", "/v1/v1", "/anthropic", "/anthropic/v1", "/anthropic/v1/v1")
"""Prefixes that clients use instead of ``/v1``. Some vendors have the Messages API under ``/anthropic``."""
_LONGEST_FIRST = sorted(filter(None, (VERSION, *PREFIXES)), key=len, reverse=True)
VIEWS = frozenset(
    {
        "messages.create_message",
        "tokens.count_tokens",
        "models.list_models",
        "models.retrieve_model",
    }
)
"""The paths that clients append to their base URL."""


def register_mistyped(app: Flask) -> None:
    """Add the aliases to ``app``; call this after all blueprints are registered."""
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
    """The path after ``/v1`` or a prefix, without leading and trailing slashes; None without a prefix."""
    for prefix in _LONGEST_FIRST:
        if path.startswith(f"{prefix}/"):
            return path.removeprefix(prefix).strip("/")
    return None
