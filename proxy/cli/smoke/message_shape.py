"""The shape of a whole message, also of one that was put together from a stream.

Rule: pure. A message is what docs/protocol.md section 3 describes: clients rely on each member that is
checked here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from proxy.cli.smoke.grammar import Violation

TOOL_ID = re.compile(r"[a-zA-Z0-9_-]+")
CALLS_END_WITH = frozenset({"tool_use", "max_tokens", "pause_turn", "refusal"})
_DATE = re.compile(r"-\d{8}")
_INPUT_COUNTS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


def check_message(message: object, model: str) -> dict[str, Any]:
    """``message`` if it answers a request for ``model`` in the right shape; raises ``Violation``."""
    if not isinstance(message, dict) or message.get("type") != "message":
        raise Violation("the answer is not a message")
    if message.get("role") != "assistant":
        raise Violation(f"the message's role is {message.get('role')!r}, not 'assistant'")
    if not isinstance(message.get("id"), str) or not message["id"]:
        raise Violation("the message has no id")
    if not _same_model(model, message.get("model")):
        raise Violation(f"the answer names the model {message.get('model')!r}, not {model!r}")
    _check_content(message)
    _check_usage(message)
    return message


def _same_model(asked: str, told: object) -> bool:
    if not isinstance(told, str):
        return False
    # Anthropic answers a request for an alias with the dated name.
    return told == asked or (
        told.startswith(asked) and _DATE.fullmatch(told, len(asked)) is not None
    )


def _check_content(message: Mapping[str, Any]) -> None:
    content, reason = message.get("content"), message.get("stop_reason")
    if not isinstance(content, list):
        raise Violation("the message has no list of content blocks")
    for number, block in enumerate(content):
        if not isinstance(block, dict) or not isinstance(block.get("type"), str):
            raise Violation(f"content block {number} has no type")
    if not isinstance(reason, str):
        raise Violation("the message has no stop_reason")
    calls = calls_of(message)
    if reason == "tool_use" and not calls:
        raise Violation("stop_reason is tool_use, but there is no tool_use block: a call was lost")
    if calls and reason not in CALLS_END_WITH:
        raise Violation(f"stop_reason is {reason} beside a tool_use block: clients end the turn")
    _check_calls(calls)


def _check_calls(calls: list[Mapping[str, Any]]) -> None:
    seen = set()
    for call in calls:
        identity, name = call.get("id"), call.get("name")
        if not isinstance(name, str) or not name:
            raise Violation("a tool_use block has no name")
        if not isinstance(identity, str) or not TOOL_ID.fullmatch(identity):
            raise Violation(f"the tool_use block of {name} has the id {identity!r}")
        if identity in seen:
            raise Violation(f"two tool_use blocks have the id {identity!r}")
        if not isinstance(call.get("input"), dict):
            raise Violation(f"the input of {name} is not an object")
        seen.add(identity)


def _check_usage(message: Mapping[str, Any]) -> None:
    usage = message.get("usage")
    if not isinstance(usage, dict):
        raise Violation("the message has no usage")
    counts = [usage.get(name) or 0 for name in (*_INPUT_COUNTS, "output_tokens")]
    if not all(isinstance(count, int) and count >= 0 for count in counts):
        raise Violation("a count of usage is not a number of tokens")
    if not input_tokens(message):
        raise Violation("no usage: it counts no input tokens")
    if not usage.get("output_tokens") and message["content"]:
        raise Violation("no usage: it counts no output tokens, although there is an answer")


def calls_of(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The ``tool_use`` blocks."""
    return [block for block in message["content"] if block["type"] == "tool_use"]


def text_of(message: Mapping[str, Any]) -> str:
    """The text of all text blocks."""
    return "".join(
        str(block.get("text", "")) for block in message["content"] if block["type"] == "text"
    )


def input_tokens(message: Mapping[str, Any]) -> int:
    """All input tokens of the usage, cached ones included."""
    return sum(message["usage"].get(name) or 0 for name in _INPUT_COUNTS)
