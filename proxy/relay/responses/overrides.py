"""What the registry sets for a model, in a Responses request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from config.registry.values import Model
from proxy.convert.request.converted import ConvertedRequest
from proxy.providers.profiles.base import Profile
from proxy.relay.model_overrides import registered_effort, with_extra_body

_EFFORT = frozenset({"reasoning", "reasoning.effort"})
"""Fields whose refusal forbids to send the effort."""


def with_registered(
    converted: ConvertedRequest,
    request: Mapping[str, Any],
    model: Model | None,
    profile: Profile,
) -> ConvertedRequest:
    """``converted`` with the registered effort and ``extra_body``; ``request`` is the client's own."""
    if model is None:
        return converted
    fields: dict[str, Any] = {}
    if _EFFORT.isdisjoint(profile.unsupported):
        effort = registered_effort(converted, request, model, profile)
        if effort is not None:
            fields["reasoning"] = {**converted.body.get("reasoning", {}), "effort": effort}
    return with_extra_body(converted, request, model, profile, fields)
