"""Shapes of the history that concern roles: which may come first, last, or after which.

Rule: each function takes the converted messages and returns them so that the upstream's demand is
met. Texts are moved, not lost; what is degraded is noted (docs/protocol.md 2.11).
"""

from __future__ import annotations

from itertools import takewhile

from proxy.convert.request.call_shapes import calls_in_text
from proxy.convert.request.drops import Drops
from proxy.convert.request.message_content import (
    SYSTEM_ROLES,
    in_tags,
    is_blank,
    joined,
    merged_users,
    only_text,
    system_as_user,
)
from proxy.convert.request.parts import ChatMessage

START = "[start of the conversation]"
"""The user message before a history that begins with the assistant."""
FILES_FOLLOW = "[files of the tool results follow]"
"""The assistant message between tool results and files, which cannot become part of a result."""
CONTINUE = "Continue your last message exactly where it ends. Do not repeat any of it."
"""Asks for the continuation of a prefilled answer."""


def without_system(messages: list[ChatMessage], drops: Drops) -> list[ChatMessage]:
    """No message of role system or developer: the prompt begins the first user message.

    Later ones become user text in ``<system>`` tags.
    """
    leading = list(takewhile(lambda message: message["role"] in SYSTEM_ROLES, messages))
    users = [{"role": "user", "content": message["content"]} for message in leading]
    for message in messages[len(leading) :]:
        users.append(system_as_user(message) if message["role"] in SYSTEM_ROLES else message)
    for _ in range(sum(message["role"] in SYSTEM_ROLES for message in messages)):
        drops.degrade("system", "user_text")
    return merged_users(users)


def without_user_after_tool(messages: list[ChatMessage], drops: Drops) -> list[ChatMessage]:
    """Only an assistant or tool message follows a tool message: user texts move into the last result.

    A message with files stays, after an assistant message of the proxy's own.
    """
    kept: list[ChatMessage] = []
    for message in messages:
        after_tool = bool(kept) and kept[-1]["role"] == "tool"
        if not after_tool or message["role"] in ("assistant", "tool"):
            kept.append(message)
        elif only_text(message["content"]):
            tag = "user" if message["role"] == "user" else "system"
            content = joined(kept[-1]["content"], in_tags(tag, message["content"]))
            kept[-1] = {**kept[-1], "content": content}
            drops.degrade("text_after_tool_result", "tool_result")
        else:
            kept += [{"role": "assistant", "content": FILES_FOLLOW}, message]
            drops.degrade("files_after_tool_result", "own_message")
    return kept


def alternating(messages: list[ChatMessage], drops: Drops) -> list[ChatMessage]:
    """User and assistant in turn, the user first, after one leading system message.

    Calls and their results count as part of the assistant's turn.
    """
    kept: list[ChatMessage] = []
    for message in messages:
        late = message["role"] in SYSTEM_ROLES and bool(kept)
        if late:
            drops.degrade("system", "user_text")
        kept.append(system_as_user(message) if late else message)
    first = 1 if kept and kept[0]["role"] in SYSTEM_ROLES else 0
    if len(kept) > first and kept[first]["role"] == "assistant":
        kept.insert(first, {"role": "user", "content": START})
        drops.degrade("leading_assistant_turn", "second_turn")
    return merged_users(without_user_after_tool(kept, drops))


def with_user_last(messages: list[ChatMessage], drops: Drops) -> list[ChatMessage]:
    """The last message is a user's or a tool's: a prefilled answer is followed by a request to go on.

    A blank one is removed, and a final system message becomes user text.
    """
    if not messages or messages[-1]["role"] in ("user", "tool"):
        return messages
    *before, last = messages
    if last["role"] in SYSTEM_ROLES:
        if not before:
            # A prompt alone is refused by the caller.
            return messages
        drops.degrade("system", "user_text")
        return merged_users([*before, system_as_user(last)])
    if "tool_calls" in last:
        last = calls_in_text(last, drops)
        # Calls without results, of which an upstream may take only one in a message.
        while before and before[-1]["role"] == "assistant":
            earlier = calls_in_text(before.pop(), drops)
            last = {**earlier, "content": joined(earlier["content"], last["content"], "\n")}
    elif is_blank(last["content"]):
        return with_user_last(before, drops)
    drops.degrade("prefill", "user_turn")
    return [*before, last, {"role": "user", "content": CONTINUE}]
