"""Anthropic's web search tool -> the fields of the upstream's own web search.

Rule: only the upstream searches; limits of the tool without a field at the upstream are noted as
dropped (docs/protocol.md 1.3, 10.10).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from proxy.convert.request.drops import Drops

Tool = Mapping[str, Any]

_PLACE_KEYS = ("city", "country", "region", "timezone")
_PLUGIN_KEYS: Mapping[str, str] = {
    "allowed_domains": "include_domains",
    "blocked_domains": "exclude_domains",
    "max_uses": "max_uses",
}


def web_search_fields(tool: Tool, form: str, drops: Drops) -> dict[str, Any]:
    """Body fields that enable the upstream's web search; ``form`` is one of ``FIELDS_FOR_FORM``."""
    return FIELDS_FOR_FORM[form](tool, drops)


def _options(tool: Tool, drops: Drops) -> dict[str, Any]:
    for name in _PLUGIN_KEYS:
        if tool.get(name):
            drops.drop(f"tools.{tool['type']}.{name}", logged=f"tools.web_search.{name}")
    place = place_of(tool)
    location = {"user_location": {"type": "approximate", "approximate": place}} if place else {}
    return {"web_search_options": location}


def _plugin(tool: Tool, drops: Drops) -> dict[str, Any]:
    plugin: dict[str, Any] = {"id": "web"}
    plugin |= {theirs: tool[ours] for ours, theirs in _PLUGIN_KEYS.items() if tool.get(ours)}
    place = place_of(tool)
    if place:
        plugin["user_location"] = {"type": "approximate", **place}
    return {"plugins": [plugin]}


def place_of(tool: Tool) -> dict[str, Any]:
    """The members of the tool's ``user_location`` that upstreams know."""
    location = tool.get("user_location") or {}
    return {key: location[key] for key in _PLACE_KEYS if location.get(key)}


FIELDS_FOR_FORM: Mapping[str, Callable[[Tool, Drops], dict[str, Any]]] = {
    "options": _options,
    "plugin": _plugin,
}
