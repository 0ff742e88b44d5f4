"""Body fields of Responses that no other module converts.

Rule: a request leaves nothing behind at the upstream (``store: false``), and refers to nothing there. A
field is sent only if the upstream accepts it (docs/protocol.md 12.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.convert.request.drops import Drops
from proxy.convert.request.fields import sampling_fields, service_tier_field, token_field
from proxy.convert.request.responses.user_keys import user_fields
from proxy.convert.request.structured import StructuredOutput
from proxy.providers.profiles.base import Profile

Request = Mapping[str, Any]

LIMIT = "max_output_tokens"
ENCRYPTED = "reasoning.encrypted_content"
SOURCES = "web_search_call.action.sources"

NEVER_REMOVED = frozenset({"model", "input"})
REMOVED_WITH: Mapping[str, tuple[str, ...]] = {
    "tools": ("tool_choice", "parallel_tool_calls", "max_tool_calls"),
    "stream": ("stream_options",),
}
"""Fields to remove together with another field, without which an upstream refuses them."""


def plain_fields(
    request: Request, max_tokens: int | None, profile: Profile, drops: Drops
) -> dict[str, Any]:
    """Limit, storage, streaming, sampling, user and service tier."""
    return {
        **token_field(request, max_tokens, profile, drops, LIMIT),
        **({"store": False} if profile.store else {}),
        **_stream_fields(request, profile),
        **sampling_fields(request, profile, drops),
        **user_fields(request, profile, drops),
        **service_tier_field(request, profile, drops),
    }


def include_field(profile: Profile, *, searches: bool) -> dict[str, list[str]]:
    """What the answer must contain beyond its items' readable members."""
    include = [ENCRYPTED] if profile.reasoning_items == "encrypted" else []
    if searches:
        include.append(SOURCES)
    return {"include": include} if include else {}


def format_field(structured: StructuredOutput, profile: Profile) -> dict[str, Any]:
    """The form of the answer: ``text.format``, or Chat's field where the upstream reads that."""
    wanted = structured.response_format
    if not wanted:
        return {}
    if profile.text_format == "response_format":
        return {"response_format": wanted}
    return {"text": {"format": {"type": wanted["type"], **wanted.get("json_schema", {})}}}


def _stream_fields(request: Request, profile: Profile) -> dict[str, Any]:
    if not request.get("stream") and not profile.stream_only:
        return {}
    if profile.no_obfuscation:
        return {"stream": True, "stream_options": {"include_obfuscation": False}}
    return {"stream": True}
