"""What strict servers demand of the order and form of messages, from their documented rules.

Rule: each function returns the first complaint in the server's words, or None. They read messages
only, and share no code with the converters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

Messages = Sequence[Mapping[str, Any]]
Complaint = str | None

MAY_FOLLOW: Mapping[str, frozenset[str]] = {
    "system": frozenset({"user", "assistant", "system"}),
    "user": frozenset({"assistant", "system", "user"}),
    "assistant": frozenset({"assistant", "user", "tool"}),
    "tool": frozenset({"assistant", "tool"}),
}
"""mistral-common's order of messages, which Mistral's own service checks too."""


def mistral(messages: Messages) -> Complaint:
    """mistral-common ``_validate_message_order``, for messages without late system turns."""
    for one, following in pairwise(messages):
        if following["role"] not in MAY_FOLLOW[one["role"]]:
            return f"Unexpected role '{following['role']}' after role '{one['role']}'"
    return None


def mistral_before_v7(messages: Messages) -> Complaint:
    """mistral-common's check of assistant messages with tokenizers before v7."""
    for message in messages:
        if message.get("tool_calls") and message["content"]:
            return "Assistant message must have either content or tool_calls, but not both."
    return None


def alternation(messages: Messages) -> Complaint:
    """Chat templates of Mistral's models: calls and results are left out of the alternation."""
    rest = messages[1:] if messages and messages[0]["role"] == "system" else messages
    index = 0
    for message in rest:
        if message["role"] == "tool" or message.get("tool_calls"):
            continue
        if message["role"] != ("user" if index % 2 == 0 else "assistant"):
            return (
                "conversation roles must alternate user and assistant roles except for tool calls"
            )
        index += 1
    return None


def strict_alternation(messages: Messages) -> Complaint:
    """Chat templates of Llama 2 and Gemma: no role but user and assistant, in turn."""
    rest = messages[1:] if messages and messages[0]["role"] == "system" else messages
    for index, message in enumerate(rest):
        if (message["role"] == "user") != (index % 2 == 0):
            return "Conversation roles must alternate user/assistant/user/assistant/..."
    return None


def no_system(messages: Messages) -> Complaint:
    """Gemma's chat template."""
    found = any(message["role"] in ("system", "developer") for message in messages)
    return "System role not supported" if found else None


def single_calls(messages: Messages) -> Complaint:
    """Llama 3.1's chat template."""
    found = any(len(message.get("tool_calls") or ()) > 1 for message in messages)
    return "This model only supports single tool-calls at once!" if found else None


def no_tool_role(messages: Messages) -> Complaint:
    """Servers that only know system, user and assistant."""
    found = any(message["role"] == "tool" or "tool_calls" in message for message in messages)
    return "role 'tool' is not supported" if found else None


def user_last(messages: Messages) -> Complaint:
    """The last role that mistral-common accepts in serving mode without a prefix."""
    if messages[-1]["role"] in ("user", "tool"):
        return None
    return f"Expected last role to be one of: [user, tool] but got {messages[-1]['role']}"


def gemini(messages: Messages) -> Complaint:
    """Gemini 3: the first call of each step has a thought signature."""
    for message in messages:
        if not message.get("tool_calls"):
            continue
        extra = message["tool_calls"][0].get("extra_content") or {}
        if not (extra.get("google") or {}).get("thought_signature"):
            return "Function call is missing a thought_signature in functionCall parts."
    return None


def named_results(messages: Messages) -> Complaint:
    """Gemini's ``functionResponse``, which has the name of its function."""
    if any(message["role"] == "tool" and not message.get("name") for message in messages):
        return "function_response.name: Name cannot be empty."
    return None


def reasoning(messages: Messages) -> Complaint:
    """DeepSeek V4 in thinking mode, which takes an empty text for none."""
    for message in messages:
        if message["role"] == "assistant" and not message.get("reasoning_content"):
            return "The `reasoning_content` in the thinking mode must be passed back to the API."
    return None


def pairs(messages: Messages) -> Complaint:
    """OpenAI: results follow their calls directly; only the last message may have open calls."""
    waiting: set[str] = set()
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in waiting:
                return "messages with role 'tool' must be a response to a preceding message"
            continue
        waiting = {call["id"] for call in message.get("tool_calls") or ()}
    return None


RULES: Mapping[str, tuple[Callable[[Messages], Complaint], ...]] = {
    "calls_as_text": (no_tool_role,),
    "no_system": (no_system,),
    "one_call": (single_calls,),
    "content_or_calls": (mistral_before_v7,),
    "no_user_after_tool": (mistral,),
    "alternate": (alternation, mistral),
    "user_last": (user_last,),
    "named_results": (named_results,),
}
"""By the shape with which a server accepts every history."""
