"""Cache markers: which parts keep one, and whether a message's content is a string or an array.

Rule: without the profile flag ``cache`` no marker is sent, and text is a plain string, which strict
upstreams require. With the flag, several texts are an array whether or not one has a marker: a client
moves its markers at every turn, and a changed earlier message would miss the upstream's cache
(docs/protocol.md 1.1, section 11).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from proxy.convert.request.drops import Drops
from proxy.convert.request.parts import Block, ChatMessage, Part, TurnContext
from proxy.providers.profiles.base import Profile

MAX_BREAKPOINTS = 4
"""OpenAI refuses more. The last ones are kept, since each covers everything before it."""

BREAKPOINT = "prompt_cache_breakpoint"


def carry_marker(part: Part, block: Block, context: TurnContext) -> None:
    """Copy the cache marker of ``block``, if it has one, to ``part`` in the upstream's form.

    It is noted as dropped if the upstream has no cache markers.
    """
    control = block.get("cache_control")
    if not control:
        return
    cache = context.profile.cache
    if cache == "anthropic":
        part["cache_control"] = control
    elif cache == "breakpoint":
        part[BREAKPOINT] = {"mode": "explicit"}
    else:
        context.drops.routine("cache_control")


def user_content(parts: list[Part], profile: Profile) -> str | list[Part]:
    """The content of a user message: a string if all parts are plain text, else ``parts``.

    Texts are joined by blank lines; with cache markers only a single text becomes a string.
    """
    if all(map(is_plain_text, parts)) and (profile.cache is None or len(parts) == 1):
        return "\n\n".join([part["text"] for part in parts])
    return parts


def single_text_content(part: Part) -> str | list[Part]:
    """The text of ``part``, or a list of ``part`` if it has a marker."""
    text: str = part["text"]
    return text if is_plain_text(part) else [part]


def is_plain_text(part: Part) -> bool:
    return part["type"] == "text" and len(part) == 2


def limit_breakpoints(messages: Iterable[ChatMessage], drops: Drops) -> None:
    """Remove all explicit breakpoints from ``messages`` except the last four."""
    limit_marked(_parts(messages), drops)


def limit_marked(parts: Iterable[Part], drops: Drops) -> None:
    """The same for ``parts``, in the order in which the upstream reads them."""
    marked = [part for part in parts if BREAKPOINT in part]
    for part in marked[:-MAX_BREAKPOINTS]:
        del part[BREAKPOINT]
        drops.routine("cache_control")


def _parts(messages: Iterable[ChatMessage]) -> Iterable[dict[str, Any]]:
    for message in messages:
        content = message["content"]
        if isinstance(content, list):
            yield from content
