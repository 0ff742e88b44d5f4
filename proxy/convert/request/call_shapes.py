"""Shapes of the history that concern tool calls, their results and the reasoning before them.

Rule: as for ``role_shapes``. A call and its result stay together, in whatever form they are sent
(docs/protocol.md 2.11).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from proxy.convert.request.drops import Drops
from proxy.convert.request.message_content import joined, merged_users
from proxy.convert.request.parts import ChatMessage

ANY_SIGNATURE: Mapping[str, Any] = {
    "google": {"thought_signature": "skip_thought_signature_validator"}
}
"""Google's documented value for calls that the model did not make itself, such as those of a history
from another model (ai.google.dev, "Thought signatures")."""
NO_REASONING = " "
"""Reasoning of a message that has none: DeepSeek V4 takes ``""`` for a missing member."""


def as_text(messages: list[ChatMessage], drops: Drops) -> list[ChatMessage]:
    """Calls become assistant text, results user text: ``[called NAME with JSON]``, ``[NAME result]``."""
    return merged_users(
        _result_in_text(message, name, drops)
        if message["role"] == "tool"
        else calls_in_text(message, drops)
        for message, name in _with_tool(messages)
    )


def calls_in_text(message: ChatMessage, drops: Drops) -> ChatMessage:
    """``message`` with its calls, if it has any, as lines of its text."""
    calls = message.get("tool_calls") or ()
    if not calls:
        return message
    lines = []
    for call in calls:
        function = call["function"]
        lines.append(f"[called {function['name']} with {function['arguments']}]")
        drops.degrade("tool_use", "text")
    kept = {k: v for k, v in message.items() if k not in ("tool_calls", "extra_content")}
    return {**kept, "content": joined(message["content"], "\n".join(lines), "\n")}


def _result_in_text(message: ChatMessage, name: str, drops: Drops) -> ChatMessage:
    drops.degrade("tool_result", "text")
    return {"role": "user", "content": joined(f"[{name} result]", message["content"], "\n")}


def one_each(messages: list[ChatMessage], empty: str | None) -> list[ChatMessage]:
    """One call per assistant message, directly followed by its results.

    ``empty`` is the content of messages that have only a call. Text and reasoning stay with the
    first call.
    """
    single: list[ChatMessage] = []
    place = 0
    while place < len(messages):
        message = messages[place]
        place += 1
        if len(message.get("tool_calls") or ()) < 2:
            single.append(message)
            continue
        results: dict[str, list[ChatMessage]] = defaultdict(list)
        while place < len(messages) and messages[place]["role"] == "tool":
            results[messages[place]["tool_call_id"]].append(messages[place])
            place += 1
        single += _one_by_one(message, results, empty)
    return single


def _one_by_one(
    message: ChatMessage, results: Mapping[str, list[ChatMessage]], empty: str | None
) -> Iterator[ChatMessage]:
    following: ChatMessage = {"role": "assistant", "content": empty}
    if "reasoning_content" in message:
        following["reasoning_content"] = ""
    for number, call in enumerate(message["tool_calls"]):
        yield {**(following if number else message), "tool_calls": [call]}
        yield from results.get(call["id"], ())


def without_preamble(
    messages: list[ChatMessage], drops: Drops, empty: str | None
) -> list[ChatMessage]:
    """No text beside calls: upstreams that refuse it join it again if it is a message of its own."""
    kept = []
    for message in messages:
        if message.get("tool_calls") and message["content"]:
            drops.drop("text_before_tool_use")
            message = {**message, "content": empty}
        kept.append(message)
    return kept


def with_names(messages: list[ChatMessage]) -> list[ChatMessage]:
    """Each result names its tool."""
    return [
        {**message, "name": name} if message["role"] == "tool" else message
        for message, name in _with_tool(messages)
    ]


def signed(messages: list[ChatMessage], drops: Drops) -> list[ChatMessage]:
    """The first call of each message has a thought signature; Gemini signs only the first one too."""
    kept = []
    for message in messages:
        calls = message.get("tool_calls")
        if calls and not calls[0].get("extra_content"):
            drops.degrade("thought_signature", "skipped")
            first = {**calls[0], "extra_content": ANY_SIGNATURE}
            message = {**message, "tool_calls": [first, *calls[1:]]}
        kept.append(message)
    return kept


def with_reasoning(messages: list[ChatMessage]) -> list[ChatMessage]:
    """Each assistant message has ``reasoning_content`` that is not empty."""
    return [
        {**message, "reasoning_content": NO_REASONING}
        if message["role"] == "assistant" and not message.get("reasoning_content")
        else message
        for message in messages
    ]


def _with_tool(messages: Iterable[ChatMessage]) -> Iterator[tuple[ChatMessage, str]]:
    """Each message, with the name of the tool whose result it is; an id may occur again later."""
    names: dict[str, str] = {}
    for message in messages:
        for call in message.get("tool_calls") or ():
            names[call["id"]] = call["function"]["name"]
        yield message, names.get(message.get("tool_call_id", ""), "tool")
