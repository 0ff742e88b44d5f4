"""``thinking`` and ``output_config.effort`` -> the upstream's reasoning switch.

Rule: ``disabled`` beats everything, else an explicit effort, else a budget, else nothing is sent;
how it is said is one row of a table by the profile's style (docs/protocol.md 1.4).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from config.registry.values import REASONING_EFFORTS
from proxy.convert.request.drops import Drops
from proxy.providers.profiles.base import Profile

OFF_TYPES = frozenset({"disabled", "between_tools"})

Delivery = Literal["show", "omit", "discard"]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a request says about thinking."""

    kind: Literal["enabled", "adaptive", "off", "absent"]
    budget: int | None
    effort: str | None


def thinking_delivery(request: Mapping[str, Any]) -> Delivery:
    """What becomes of reasoning in the answer."""
    thinking = request.get("thinking") or {}
    if thinking.get("type") in OFF_TYPES:
        return "discard"
    return "omit" if thinking.get("display") == "omitted" else "show"


def thinking_fields(
    request: Mapping[str, Any], profile: Profile, drops: Drops, *, forced_tool: bool, tools: bool
) -> dict[str, Any]:
    """Body fields for the request's thinking and effort.

    ``forced_tool``: the converted request obliges the model to call a tool; ``tools``: it has any.
    """
    wish = _wish(request)
    if forced_tool and profile.forced_choice_stops_thinking and wish.kind != "off":
        if wish != _NOTHING:
            drops.drop("thinking")
        wish = Wish("off", None, None)
    if profile.thinking_style == "effort" and profile.effort_with_tools != "send" and tools:
        if wish.kind != "off" and wish != _NOTHING:
            drops.drop("thinking")
        return {"reasoning_effort": "none"} if profile.effort_with_tools == "none" else {}
    return _FIELDS_FOR_STYLE[profile.thinking_style](wish, profile, drops)


_NOTHING = Wish("absent", None, None)


def _wish(request: Mapping[str, Any]) -> Wish:
    thinking = request.get("thinking")
    effort = (request.get("output_config") or {}).get("effort")
    if not thinking:
        return Wish("absent", None, effort)
    if thinking["type"] in OFF_TYPES:
        return Wish("off", None, None)
    budget = thinking.get("budget_tokens") if thinking["type"] == "enabled" else None
    return Wish(thinking["type"], budget, effort)


def supported_effort(level: str, efforts: tuple[str, ...]) -> str:
    """``level``, else the nearest lower one among ``efforts``, else the lowest there is."""
    ranked = [effort for effort in REASONING_EFFORTS if effort in efforts]
    if level == "none":
        return ranked[0] if ranked else level
    # "none" switches reasoning off, which is not a weaker way of asking for it.
    asking = [effort for effort in ranked if effort != "none"]
    below = REASONING_EFFORTS[: REASONING_EFFORTS.index(level) + 1]
    at_most = [effort for effort in asking if effort in below]
    return next(iter([*at_most[-1:], *asking]), level)


def _effort_for_budget(budget: int) -> str:
    if budget < 4000:
        return "low"
    return "medium" if budget < 16000 else "high"


def _sent_effort(wish: Wish, profile: Profile, drops: Drops) -> str | None:
    if wish.effort is None:
        return None
    effort = supported_effort(wish.effort, profile.efforts)
    if effort != wish.effort:
        drops.degrade("output_config.effort", effort)
    return effort


def _no_fields(wish: Wish, profile: Profile, drops: Drops) -> dict[str, Any]:
    if wish.kind in ("enabled", "adaptive"):
        drops.drop("thinking")
    if wish.effort is not None:
        drops.drop("output_config.effort")
    return {}


def _effort_fields(wish: Wish, profile: Profile, drops: Drops) -> dict[str, Any]:
    if wish.kind == "off":
        return {"reasoning_effort": supported_effort("none", profile.efforts)}
    effort = _sent_effort(wish, profile, drops)
    if effort is None and wish.budget is not None:
        effort = supported_effort(_effort_for_budget(wish.budget), profile.efforts)
    return {"reasoning_effort": effort} if effort else {}


def _openrouter_fields(wish: Wish, profile: Profile, drops: Drops) -> dict[str, Any]:
    if wish.kind == "off":
        return {"reasoning": {"enabled": False}}
    effort = _sent_effort(wish, profile, drops)
    if effort:
        return {"reasoning": {"effort": effort}}
    if wish.budget is not None:
        return {"reasoning": {"max_tokens": wish.budget}}
    return {"reasoning": {"enabled": True}} if wish.kind == "adaptive" else {}


def _qwen_fields(wish: Wish, profile: Profile, drops: Drops) -> dict[str, Any]:
    _note_effort(wish, drops)
    if wish.kind == "absent":
        return {}
    fields: dict[str, Any] = {"enable_thinking": wish.kind != "off"}
    if wish.budget is not None:
        fields["thinking_budget"] = wish.budget
    return fields


def _toggle_fields(wish: Wish, profile: Profile, drops: Drops) -> dict[str, Any]:
    _note_effort(wish, drops)
    if wish.budget is not None:
        drops.drop("thinking.budget_tokens")
    if wish.kind == "absent":
        return {}
    return {"thinking": {"type": "disabled" if wish.kind == "off" else "enabled"}}


def _note_effort(wish: Wish, drops: Drops) -> None:
    if wish.effort is not None:
        drops.drop("output_config.effort")


_FIELDS_FOR_STYLE: Mapping[str, Callable[[Wish, Profile, Drops], dict[str, Any]]] = {
    "none": _no_fields,
    "effort": _effort_fields,
    "openrouter": _openrouter_fields,
    "qwen": _qwen_fields,
    "toggle": _toggle_fields,
}
