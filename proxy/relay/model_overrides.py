"""Applies what the registry sets for a model to requests for it.

Rule: the operator's value replaces the client's, which is recorded as degraded. Fields that healing
found to be unsupported are not sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from config.registry.values import Model
from proxy.convert.request.converted import ConvertedRequest
from proxy.convert.request.drops import Drops
from proxy.convert.request.stop_sequences import cut_here
from proxy.convert.request.thinking import OFF_TYPES, supported_effort
from proxy.errors import InvalidRequest
from proxy.providers.profiles.base import Profile
from proxy.tokens import cheap_estimate, count_chat_tokens

_SURELY_BELOW = 0.75
"""Fraction of a limit up to which the cheap estimate is sufficient: dense text has a third more tokens."""


def with_temperature(request: Mapping[str, Any], model: Model | None) -> Mapping[str, Any]:
    """The Messages request with the registered temperature, which is converted like a client's."""
    if model is None or model.temperature is None:
        return request
    return {**request, "temperature": model.temperature}


def with_registered(
    chat: ConvertedRequest, request: Mapping[str, Any], model: Model | None, profile: Profile
) -> ConvertedRequest:
    """``chat`` with the registered effort and ``extra_body``; ``request`` is the client's own."""
    if model is None:
        return chat
    return with_extra_body(chat, request, model, profile, _effort(chat, request, model, profile))


def with_extra_body(
    chat: ConvertedRequest,
    request: Mapping[str, Any],
    model: Model,
    profile: Profile,
    effort: Mapping[str, Any],
) -> ConvertedRequest:
    """``chat`` with the fields of ``effort`` and the registered ``extra_body``, for any protocol."""
    if model.temperature is not None and request.get("temperature") not in (
        None,
        model.temperature,
    ):
        chat.drops.degrade("temperature", f"{model.temperature:g}")
    body = {**chat.body, **effort}
    for name, value in model.extra_body.items():
        if name not in profile.unsupported:
            body[name] = _merged(body.get(name), value)
    if "stop" in model.extra_body:
        # The operator's list replaced the client's sequences, so this proxy cuts the answer at those.
        drops = Drops() if chat.reply.cut_here else chat.drops
        reply = replace(chat.reply, cut_here=cut_here(request, body, drops))
        return replace(chat, body=body, reply=reply)
    return replace(chat, body=body)


def input_limit(model: Model | None, profile: Profile) -> int | None:
    """Longest input of a model in tokens: as registered, else as in its profile."""
    return (model.max_input_tokens if model else None) or profile.max_input


def check_input(chat_body: Mapping[str, Any], encoding: str, most: int | None) -> None:
    """Raise ``InvalidRequest`` if the prompt is longer than ``most`` tokens; None is no limit.

    Clients compact their history when they get this message (docs/protocol.md 10.6 and 10.7).
    """
    if most is None:
        return
    tokens = tokens_above(chat_body, encoding, most)
    if tokens is not None:
        raise InvalidRequest(f"prompt is too long: {tokens} tokens > {most} maximum")


def tokens_above(chat_body: Mapping[str, Any], encoding: str, most: int) -> int | None:
    """The input tokens of a body with more than ``most``, else None; counted only near the limit."""
    if cheap_estimate(chat_body) <= most * _SURELY_BELOW:
        return None
    tokens = count_chat_tokens(chat_body, encoding).tokens
    return tokens if tokens > most else None


def _effort(
    chat: ConvertedRequest, request: Mapping[str, Any], model: Model, profile: Profile
) -> dict[str, Any]:
    """The registered effort in this upstream's format; empty if it must not be sent."""
    kept_from_tools = profile.effort_with_tools != "send" and "tools" in chat.body
    if kept_from_tools or "reasoning_effort" in profile.unsupported:
        return {}
    effort = registered_effort(chat, request, model, profile)
    if effort is None:
        return {}
    if profile.thinking_style == "openrouter":
        return {"reasoning": {"effort": effort}}
    return {"reasoning_effort": effort}


def registered_effort(
    chat: ConvertedRequest, request: Mapping[str, Any], model: Model, profile: Profile
) -> str | None:
    """The registered effort that the upstream supports; None if there is none, or thinking is off."""
    effort = _supported(model.reasoning_effort, profile)
    if effort is None or (request.get("thinking") or {}).get("type") in OFF_TYPES:
        return None
    asked = (request.get("output_config") or {}).get("effort")
    if asked not in (None, effort):
        chat.drops.degrade("output_config.effort", effort)
    return effort


def _supported(effort: str | None, profile: Profile) -> str | None:
    """``effort``, or the nearest one that the upstream supports, if its efforts are known."""
    if effort is None or profile.efforts == Profile().efforts:
        return effort
    return supported_effort(effort, profile.efforts)


def _merged(ours: object, theirs: Any) -> Any:
    """``theirs``, which replaces ``ours``; objects are merged member by member."""
    if not isinstance(ours, Mapping) or not isinstance(theirs, Mapping):
        return theirs
    return {**ours, **{name: _merged(ours.get(name), value) for name, value in theirs.items()}}
