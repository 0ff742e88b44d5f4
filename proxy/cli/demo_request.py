"""What the demo upstream reads in a Chat Completions request: the question, its images, its tools.

Rule: pure. Clients add text of their own to a question (Claude Code: reminders, and system messages
that the proxy puts into the user's turn); it is left out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

_ADDED = (
    "system-reminder",
    "system",
    "command-name",
    "command-message",
    "command-args",
    "local-command-caveat",
    "local-command-stdout",
    "local-command-stderr",
)
"""Elements that clients and the proxy add to the text of a user."""
_TITLED = "session"
"""The element with the text that Claude Code wants a title for."""

Message = Mapping[str, Any]


def messages_of(request: Mapping[str, Any]) -> list[Message]:
    """The messages that are objects."""
    messages = request.get("messages")
    return [m for m in messages if isinstance(m, Mapping)] if isinstance(messages, list) else []


def text_of(message: Message) -> str:
    """The text of a message without what clients add."""
    content = message.get("content") or ""
    if not isinstance(content, str):
        content = "\n".join(str(part["text"]) for part in _parts(message) if "text" in part)
    for name in _ADDED:
        content = _without(content, f"<{name}>", f"</{name}>")
    return content.strip()


def images_of(message: Message) -> list[str]:
    """The URLs of the images in a message."""
    images = (part.get("image_url") or {} for part in _parts(message) if "image_url" in part)
    return [str(image.get("url", "")) for image in images if isinstance(image, Mapping)]


def last_turn(messages: Sequence[Message]) -> Message:
    """The last message with something to answer: of a user, or the result of a tool."""
    for message in reversed(messages):
        role = message.get("role")
        if role == "tool" or (role == "user" and (text_of(message) or images_of(message))):
            return message
    return {}


def to_be_titled(text: str) -> str:
    """The part of ``text`` that is to get a title; the whole text if none is marked."""
    _, opened, rest = text.partition(f"<{_TITLED}>")
    return (rest.partition(f"</{_TITLED}>")[0] if opened else text).strip()


def tools_of(request: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The JSON schema of the arguments of each tool, by name."""
    found = {}
    for tool in request.get("tools") or ():
        function = tool.get("function") if isinstance(tool, Mapping) else None
        if isinstance(function, Mapping) and isinstance(function.get("name"), str):
            found[function["name"]] = function.get("parameters") or {}
    return found


def demanded_tool(request: Mapping[str, Any], tools: Collection[str]) -> str | None:
    """The one of ``tools`` that ``tool_choice`` leaves; None if it leaves a choice."""
    choice = request.get("tool_choice")
    if choice == "required" and len(tools) == 1:
        return next(iter(tools))
    function = choice.get("function") if isinstance(choice, Mapping) else None
    name = function.get("name") if isinstance(function, Mapping) else None
    return name if isinstance(name, str) and name in tools else None


def answer_schema(request: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The JSON schema that the answer must have; None if any text will do."""
    form = request.get("response_format")
    if not isinstance(form, Mapping) or form.get("type") not in ("json_schema", "json_object"):
        return None
    described = form.get("json_schema")
    schema = described.get("schema") if isinstance(described, Mapping) else None
    return schema if isinstance(schema, Mapping) else {"type": "object"}


def working_directory(messages: Sequence[Message]) -> str:
    """The directory that Claude Code names in its system prompt, with a slash; empty if none."""
    for message in messages:
        _, found, rest = str(message.get("content") or "").partition("orking directory: ")
        directory = rest.partition("\n")[0].strip()
        if found and directory.startswith("/"):
            return f"{directory.rstrip('/')}/"
    return ""


def _parts(message: Message) -> list[Mapping[str, Any]]:
    content = message.get("content")
    return [p for p in content if isinstance(p, Mapping)] if isinstance(content, list) else []


def _without(text: str, opening: str, closing: str) -> str:
    """``text`` without the elements between these two tags."""
    kept = []
    while (start := text.find(opening)) >= 0:
        end = text.find(closing, start)
        if end < 0:
            break
        kept.append(text[:start])
        text = text[end + len(closing) :]
    return "".join([*kept, text])
