"""The content of converted messages: a string, a list of parts, or nothing.

Rule: a message is never changed here; these functions return a new value. They join texts without
losing parts that are no text (docs/protocol.md 2.11).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from proxy.convert.request.parts import ChatMessage, Part, text_part

Content = str | list[Part] | None

SYSTEM_ROLES = frozenset({"system", "developer"})
BLANK_LINE = "\n\n"


def joined(first: Content, second: Content, separator: str = BLANK_LINE) -> Content:
    """Both contents: one string, with ``separator`` between the texts, unless one is a list."""
    if not first or not second:
        return first or second
    if isinstance(first, str) and isinstance(second, str):
        return f"{first}{separator}{second}"
    return [*_parts(first), *_parts(second)]


def only_text(content: Content) -> bool:
    """Whether ``content`` has no picture and no file."""
    return not isinstance(content, list) or all(part["type"] == "text" for part in content)


def is_blank(content: Content) -> bool:
    """Whether ``content`` has nothing but white space."""
    return only_text(content) and not any(part["text"].strip() for part in _parts(content or ""))


def in_tags(tag: str, content: Content) -> Content:
    """``content``, whose parts are texts, between lines ``<tag>`` and ``</tag>``."""
    if not isinstance(content, list):
        return f"<{tag}>\n{content or ''}\n</{tag}>"
    return [{**part, "text": f"<{tag}>\n{part['text']}\n</{tag}>"} for part in content]


def merged_users(messages: Iterable[ChatMessage]) -> list[ChatMessage]:
    """``messages``, with user messages that follow each other as one."""
    merged: list[ChatMessage] = []
    for message in messages:
        if message["role"] == "user" and merged and merged[-1]["role"] == "user":
            content = joined(merged[-1]["content"], message["content"])
            merged[-1] = {**merged[-1], "content": content}
        else:
            merged.append(message)
    return merged


def system_as_user(message: ChatMessage) -> ChatMessage:
    """A late system message as a user message, in the tags that ``mid_system: wrap`` uses."""
    return {"role": "user", "content": in_tags("system", message["content"])}


def _parts(content: str | Sequence[Part]) -> list[Part]:
    return [text_part(content)] if isinstance(content, str) else list(content)
