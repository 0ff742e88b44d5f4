"""``thinking`` and ``output_config.effort`` -> the upstream's reasoning parameters.

Rule: ``disabled`` takes precedence over an explicit effort, and an effort over a budget. The
parameters of each ``thinking_style`` of a profile are one row of a table (docs/protocol.md 1.4).
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
class Requested:
    """The values of a request that concern thinking."""

    kind: Literal["enabled", "adaptive", "off", "absent"]
    budget: int | None
    effort: str | None


def thinking_delivery(request: Mapping[str, Any]) -> Delivery:
    """How the reasoning in the answer is delivered to the client."""
    thinking = request.get("thinking") or {}
    if thinking.get("type") in OFF_TYPES:
        return "discard"
    return "omit" if thinking.get("display") == "omitted" else "show"


def reasons_unasked(request: Mapping[str, Any], profile: Profile) -> bool:
    """Whether the model reasons although the request has no thinking, or switches it off."""
    always = profile.always_reasons or (
        profile.thinking_style == "effort" and "none" not in profile.efforts
    )
    return always and _requested(request).kind in ("off", "absent")


def thinking_fields(
    request: Mapping[str, Any],
    profile: Profile,
    drops: Drops,
    *,
    forced_tool: bool,
    tools: bool,
    prefilled: bool = False,
) -> dict[str, Any]:
    """Body fields for the request's thinking and effort.

    ``forced_tool``: the converted request requires a tool call; ``tools``: it has tools; ``prefilled``:
    it ends with a message of the assistant.
    """
    stopped = stopping_fields(profile) if prefilled else None
    requested = wished(request, profile, drops, forced_tool=forced_tool, prefilled=prefilled)
    if stopped:
        return stopped
    if profile.thinking_style == "effort" and profile.effort_with_tools != "send" and tools:
        if requested.kind != "off" and requested != _NOTHING:
            drops.drop("thinking")
        return {"reasoning_effort": "none"} if profile.effort_with_tools == "none" else {}
    return _FIELDS_FOR_STYLE[profile.thinking_style](requested, profile, drops)


def wished(
    request: Mapping[str, Any],
    profile: Profile,
    drops: Drops,
    *,
    forced_tool: bool,
    prefilled: bool,
) -> Requested:
    """What the request asks for, or "off" where the upstream cannot think in such a request."""
    requested = _requested(request)
    stops = (prefilled and profile.prefill_stops_thinking) or (
        forced_tool and profile.forced_choice_stops_thinking
    )
    if not stops or requested.kind == "off":
        return requested
    if requested != _NOTHING:
        drops.drop("thinking")
    return _OFF


def stopping_fields(profile: Profile) -> dict[str, Any]:
    """Body fields that stop the thinking of a prefilled answer, where no parameter of the style does.

    llama.cpp and vLLM: what the model's chat template does without a parameter of its own.
    """
    if profile.prefill_stops_thinking and profile.thinking_style == "none":
        return {"chat_template_kwargs": {"enable_thinking": False}}
    return {}


_NOTHING = Requested("absent", None, None)
_OFF = Requested("off", None, None)


def _requested(request: Mapping[str, Any]) -> Requested:
    thinking = request.get("thinking")
    effort = (request.get("output_config") or {}).get("effort")
    if not thinking:
        return Requested("absent", None, effort)
    if thinking["type"] in OFF_TYPES:
        return Requested("off", None, None)
    budget = thinking.get("budget_tokens") if thinking["type"] == "enabled" else None
    return Requested(thinking["type"], budget, effort)


def supported_effort(level: str, efforts: tuple[str, ...]) -> str:
    """``level`` if it is in ``efforts``, else the next lower one, else the lowest one."""
    ranked = [effort for effort in REASONING_EFFORTS if effort in efforts]
    if level == "none":
        return ranked[0] if ranked else level
    # "none" switches reasoning off; it is not the lowest level.
    levels = [effort for effort in ranked if effort != "none"]
    up_to_level = REASONING_EFFORTS[: REASONING_EFFORTS.index(level) + 1]
    at_most = [effort for effort in levels if effort in up_to_level]
    return next(iter([*at_most[-1:], *levels]), level)


def _effort_for_budget(budget: int) -> str:
    if budget < 4000:
        return "low"
    return "medium" if budget < 16000 else "high"


def _sent_effort(requested: Requested, profile: Profile, drops: Drops) -> str | None:
    if requested.effort is None:
        return None
    effort = supported_effort(requested.effort, profile.efforts)
    if effort != requested.effort:
        drops.degrade("output_config.effort", effort)
    return effort


def no_fields(requested: Requested, profile: Profile, drops: Drops) -> dict[str, Any]:
    if requested.kind in ("enabled", "adaptive"):
        drops.drop("thinking")
    if requested.effort is not None:
        drops.drop("output_config.effort")
    return {}


def effort_fields(requested: Requested, profile: Profile, drops: Drops) -> dict[str, Any]:
    if requested.kind == "off":
        return {"reasoning_effort": supported_effort("none", profile.efforts)}
    effort = _sent_effort(requested, profile, drops)
    if effort is None and requested.budget is not None:
        effort = supported_effort(_effort_for_budget(requested.budget), profile.efforts)
    return {"reasoning_effort": effort} if effort else {}


def openrouter_fields(requested: Requested, profile: Profile, drops: Drops) -> dict[str, Any]:
    if requested.kind == "off":
        return {"reasoning": {"enabled": False}}
    effort = _sent_effort(requested, profile, drops)
    if effort:
        return {"reasoning": {"effort": effort}}
    if requested.budget is not None:
        return {"reasoning": {"max_tokens": requested.budget}}
    return {"reasoning": {"enabled": True}} if requested.kind == "adaptive" else {}


def _qwen_fields(requested: Requested, profile: Profile, drops: Drops) -> dict[str, Any]:
    _note_effort(requested, drops)
    if requested.kind == "absent":
        return {}
    fields: dict[str, Any] = {"enable_thinking": requested.kind != "off"}
    if requested.budget is not None:
        fields["thinking_budget"] = requested.budget
    return fields


def _toggle_fields(requested: Requested, profile: Profile, drops: Drops) -> dict[str, Any]:
    _note_effort(requested, drops)
    if requested.budget is not None:
        drops.drop("thinking.budget_tokens")
    if requested.kind == "absent":
        return {}
    return {"thinking": {"type": "disabled" if requested.kind == "off" else "enabled"}}


def _note_effort(requested: Requested, drops: Drops) -> None:
    if requested.effort is not None:
        drops.drop("output_config.effort")


_FIELDS_FOR_STYLE: Mapping[str, Callable[[Requested, Profile, Drops], dict[str, Any]]] = {
    "none": no_fields,
    "effort": effort_fields,
    "openrouter": openrouter_fields,
    "qwen": _qwen_fields,
    "toggle": _toggle_fields,
}
