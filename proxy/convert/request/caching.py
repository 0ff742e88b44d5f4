"""Cache markers: which parts keep one, and in which form a message's content is written.

Rule: without a cache flag no marker goes upstream and text is a plain string, which strict
upstreams want. With one, the form of a message must not depend on where the client's markers
stand now: it moves them on with every turn, and the same history in another form misses the cache
(docs/protocol.md 1.1, section 11).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from proxy.convert.request.drops import Drops
from proxy.convert.request.parts import Block, ChatMessage, Part, TurnContext
from proxy.providers.profiles.base import Profile

MAX_BREAKPOINTS = 4
"""OpenAI refuses more; the last ones cover the most."""

BREAKPOINT = "prompt_cache_breakpoint"


def carry_marker(part: Part, block: Block, context: TurnContext) -> None:
    """Give ``part`` the cache marker of ``block``, where there is one and the upstream has them."""
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
    """``parts`` as a string where they are nothing but text, joined by blank lines; else as they are."""
    if all(map(is_plain_text, parts)) and (profile.cache is None or len(parts) == 1):
        return "\n\n".join([part["text"] for part in parts])
    return parts


def single_text_content(part: Part) -> str | list[Part]:
    """The text of ``part``; the part itself where it carries a marker."""
    text: str = part["text"]
    return text if is_plain_text(part) else [part]


def is_plain_text(part: Part) -> bool:
    return part["type"] == "text" and len(part) == 2


def limit_breakpoints(messages: Iterable[ChatMessage], drops: Drops) -> None:
    """Take all but the last four explicit breakpoints out of ``messages``."""
    marked = [part for part in _parts(messages) if BREAKPOINT in part]
    for part in marked[:-MAX_BREAKPOINTS]:
        del part[BREAKPOINT]
        drops.routine("cache_control")


def _parts(messages: Iterable[ChatMessage]) -> Iterable[dict[str, Any]]:
    for message in messages:
        content = message["content"]
        if isinstance(content, list):
            yield from content
