"""``thinking`` and ``output_config.effort`` -> ``reasoning``.

Rule: the profile's ``thinking_style`` says whether the upstream has the parameter, and its levels are
chosen as for Chat Completions. A summary is asked for only if the client sees it (docs/protocol.md 12.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.convert.request.drops import Drops
from proxy.convert.request.thinking import (
    effort_fields,
    no_fields,
    openrouter_fields,
    stopping_fields,
    thinking_delivery,
    wished,
)
from proxy.providers.profiles.base import Profile


def asks_for_thinking(request: Mapping[str, Any]) -> bool:
    """Whether the client wants to see, or at least to keep, the thinking of the answer."""
    return (request.get("thinking") or {}).get("type") in ("enabled", "adaptive")


def reasoning_fields(
    request: Mapping[str, Any],
    profile: Profile,
    drops: Drops,
    *,
    forced_tool: bool,
    prefilled: bool,
    searches: bool,
) -> dict[str, Any]:
    """The body's ``reasoning``, if any. ``searches``: the upstream's own web search is declared."""
    wish = wished(request, profile, drops, forced_tool=forced_tool, prefilled=prefilled)
    if profile.thinking_style == "none":
        no_fields(wish, profile, drops)
        return stopping_fields(profile) if prefilled else {}
    if profile.thinking_style == "openrouter":
        reasoning = dict(openrouter_fields(wish, profile, drops).get("reasoning") or {})
    else:
        effort = effort_fields(wish, profile, drops).get("reasoning_effort")
        reasoning = {"effort": effort} if effort else {}
    if searches and reasoning.get("effort") == "minimal":
        # OpenAI refuses its search at this level.
        reasoning["effort"] = "low"
        drops.degrade("output_config.effort", "low")
    shown = wish.kind in ("enabled", "adaptive") and thinking_delivery(request) == "show"
    if shown and profile.reasoning_summary:
        reasoning["summary"] = profile.reasoning_summary
    return {"reasoning": reasoning} if reasoning else {}
