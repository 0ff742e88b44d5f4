"""Anthropic's client toolsets -> the members that a model may call, each as one function.

Rule: a toolset is one entry of ``tools`` without a name. A call of a member contains the member's name,
and the family in ``toolset_name``. Members of two families, or a member and a custom tool, may have the
same name, so the name of the function begins with the family (docs/protocol.md 1.3).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from proxy.convert.request.browser_members import BROWSER_MEMBERS, OFF_BY_DEFAULT
from proxy.convert.request.computer_members import COMPUTER_MEMBERS

Tool = Mapping[str, Any]
Definition = tuple[str, dict[str, Any]]
"""Description and JSON Schema of the arguments."""

FAMILIES: Mapping[str, Mapping[str, Definition]] = {
    "computer": COMPUTER_MEMBERS,
    "browser": BROWSER_MEMBERS,
}
"""The members of each family. A toolset version with another date has the same members here."""
_OFF: Mapping[str, frozenset[str]] = {"computer": frozenset(), "browser": OFF_BY_DEFAULT}


def toolset_family(tool: Tool) -> str | None:
    """``computer`` or ``browser``; None for a tool that is no client toolset."""
    tool_type = tool.get("type")
    if type(tool_type) is not str:
        return None
    family, found, _ = tool_type.partition("_toolset_")
    return family if found and family in FAMILIES else None


def is_member(family: str, name: str) -> bool:
    """Whether ``name`` is a member of the toolset ``family``."""
    return name in FAMILIES.get(family, ())


def enabled_members(tool: Tool) -> list[str]:
    """The names of the members that the toolset ``tool`` offers, in the toolset's order."""
    family = toolset_family(tool)
    if family is None:
        return []
    configs = tool.get("configs") or {}
    return [name for name in FAMILIES[family] if _is_on(configs.get(name), name in _OFF[family])]


def deferred_members(tool: Tool) -> list[str]:
    """The names of the offered members that the model loads on demand (``defer_loading``)."""
    configs = tool.get("configs") or {}
    return [
        name for name in enabled_members(tool) if (configs.get(name) or {}).get("defer_loading")
    ]


def offered(tools: Sequence[Tool]) -> Iterator[tuple[str, str]]:
    """The family and the name of every member that ``tools`` offer."""
    for tool in tools:
        family = toolset_family(tool)
        if family is not None:
            for name in enabled_members(tool):
                yield family, name


def _is_on(config: Mapping[str, Any] | None, off_by_default: bool) -> bool:
    enabled = (config or {}).get("enabled")
    return not off_by_default if enabled is None else bool(enabled)
