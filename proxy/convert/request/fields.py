"""Request fields that have no converter module of their own.

Rule: a field is sent only if the upstream accepts it, and every field that is left out is noted.
Fields that no Chat upstream supports were refused before (``check_chat_support`` of ``proxy.schemas``;
docs/protocol.md 1.1).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from hashlib import sha256
from typing import Any

from proxy.convert.request.drops import Drops
from proxy.convert.request.stop_sequences import stop_field
from proxy.providers.profiles.base import Profile

Request = Mapping[str, Any]

CONVERTED = frozenset(
    {
        "model",
        "max_tokens",
        "messages",
        "compaction",
        "system",
        "stop_sequences",
        "stream",
        "temperature",
        "top_p",
        "top_k",
        "tools",
        "tool_choice",
        "thinking",
        "output_config",
        "output_format",
        "metadata",
        "service_tier",
        "context_management",
    }
)
"""Fields that this or another module converts or notes."""
ROUTINE = frozenset(
    {
        "billing_policy",
        "cache_control",
        "diagnostics",
        "fallback_credit_token",
    }
)
"""Fields whose loss changes nothing in the answer."""
NOT_CONVERTED = frozenset({"speed", "inference_geo", "container", "fallbacks"})
"""Other fields of the Messages API; the log names no field that a client made up."""

_FIELD_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def note_other_fields(request: Request, drops: Drops) -> None:
    """Note the non-empty fields that no module converts."""
    for name, value in request.items():
        if name in CONVERTED or value in (None, [], {}, ""):
            continue
        if name in ROUTINE:
            drops.routine(name)
        elif name in NOT_CONVERTED:
            drops.drop(name)
        else:
            # The name is the client's and is written into a response header.
            shown = name if _FIELD_NAME.fullmatch(name) else "unknown"
            drops.drop(shown, logged="unknown")
    if (request.get("output_config") or {}).get("task_budget"):
        drops.drop("output_config.task_budget")


def plain_fields(request: Request, profile: Profile, drops: Drops) -> dict[str, Any]:
    """Stop strings, streaming, sampling, user and service tier, as the upstream names them."""
    return {
        **stop_field(request, profile),
        **_stream_fields(request, profile),
        **sampling_fields(request, profile, drops),
        **_user_field(request, profile, drops),
        **service_tier_field(request, profile, drops),
    }


def token_field(
    request: Request,
    max_tokens: int | None,
    profile: Profile,
    drops: Drops,
    name: str | None = None,
) -> dict[str, int]:
    """The output limit under ``name``, by default the profile's; no field for None."""
    if max_tokens is None:
        return {}
    if profile.max_output:
        max_tokens = min(max_tokens, profile.max_output)
    if profile.min_output:
        max_tokens = max(max_tokens, profile.min_output)
    requested = request.get("max_tokens")
    if requested is not None and requested != max_tokens:
        drops.degrade("max_tokens", str(max_tokens))
    return {name or profile.token_field: max_tokens}


def remove_unsupported(
    body: dict[str, Any],
    profile: Profile,
    drops: Drops,
    *,
    never: Collection[str],
    together: Mapping[str, tuple[str, ...]],
) -> None:
    """Remove the fields that ``profile`` calls unsupported, each with those that need it (``together``).

    ``never``: fields without which there is no request.
    """
    for name in profile.unsupported:
        if name not in body or name in never:
            continue
        del body[name]
        drops.drop(name)
        for dependent in together.get(name, ()):
            body.pop(dependent, None)


def _stream_fields(request: Request, profile: Profile) -> dict[str, Any]:
    if not request.get("stream") and not profile.stream_only:
        return {}
    if profile.no_stream_usage:
        return {"stream": True}
    return {"stream": True, "stream_options": {"include_usage": True}}


def sampling_fields(request: Request, profile: Profile, drops: Drops) -> dict[str, Any]:
    fields = {}
    for name, taken in (
        ("temperature", not profile.no_sampling),
        ("top_p", not profile.no_sampling),
        ("top_k", profile.top_k),
    ):
        value = request.get(name)
        if value is None:
            continue
        if taken:
            fields[name] = value
        else:
            drops.drop(name)
    return fields


def _user_field(request: Request, profile: Profile, drops: Drops) -> dict[str, str]:
    metadata = request.get("metadata")
    if not metadata:
        return {}
    user = metadata.get("user_id")
    if not user or profile.user_field is None:
        drops.routine("metadata")
        return {}
    # Hashed, because upstreams accept 64 characters and must not get the id of the client's user.
    return {profile.user_field: sha256(user.encode("utf-8", "surrogatepass")).hexdigest()}


def service_tier_field(request: Request, profile: Profile, drops: Drops) -> dict[str, str]:
    tier = request.get("service_tier")
    if tier == "standard_only":
        if profile.service_tier:
            return {"service_tier": "default"}
        drops.drop("service_tier")
    return {}
