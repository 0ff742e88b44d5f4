"""What the demo upstream answers: fixed sentences, and calls of tools that change nothing.

Rule: pure. A client may execute a call without asking, so the tools are those of ``_HARMLESS``, which
show something, with fixed arguments; any other is called only where ``tool_choice`` names it, with
values that mean nothing.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from proxy.cli.demo_request import (
    Message,
    answer_schema,
    demanded_tool,
    images_of,
    last_turn,
    messages_of,
    text_of,
    to_be_titled,
    tools_of,
    working_directory,
)

TOOL = "get_weather"
"""The demo's own tool, which is called whenever it is offered."""
ANSWER_TOOL = "StructuredOutput"
"""Claude Code's tool for an answer in a given form (``--json-schema``); it changes nothing."""
THINKING = "There is no model here, but this is how thinking is streamed. "
ADVICE = "Set OPENAI_BASE_URL and OPENAI_API_KEY and start claude-proxy to use a real model."

_HARMLESS: Mapping[str, tuple[str, ...]] = {
    "list": ("LS", "Glob", "Bash", "list", "ls", "glob", "bash", "list_files", "list_directory"),
    "read": ("Read", "read", "read_file", "view"),
}
"""Names of clients' tools that show files, in order of preference, by what is asked for."""
_PATHS = ("file_path", "filePath", "filepath", "path", "target_file")
_LIST = re.compile(r"\b(list|show|which|what)\b.{0,40}\b(files?|directory|folder)\b|\bls\b", re.I)
_READ = re.compile(
    r"\b(?:read|open|show|cat)\s+(?:me\s+)?(?:the\s+)?(?:file\s+)?[`'\"@]?([\w./-]*\w\.\w+)", re.I
)
_CITY = re.compile(r"\bin ([A-Z][\w-]*(?: [A-Z][\w-]*)*)")
_COMPACTED = re.compile(r"summary of (the|our|this) conversation", re.I)
SUMMARY = "Summary: the user tried the demo of claude-proxy, which has no model behind it."
_SENTENCES: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"^\W*(hello|hi|hey|good (morning|afternoon|evening)|thanks?)\b.{0,40}$", re.I),
        "Hello! This is the demo of claude-proxy: your client, the proxy and streaming work.",
    ),
    (
        re.compile(r"\bthink\b", re.I),
        "I have thought about it, as the block above shows; without a model there is no result.",
    ),
)
_LINE_NUMBER = re.compile(r"^ *[0-9]+[\t→]")
"""Claude Code's tool puts one before each line of a file."""
_EMPTY_LINE = re.compile(r"^ *[0-9]+$")
"""A line of a file without content: the end of the text is not kept."""
_SHOWN_LINES = 5
_LONGEST = 80
"""Characters of a question or of a result's line that are repeated."""
_DEEPEST = 8


def reply_for(request: Mapping[str, Any]) -> dict[str, Any]:
    """The whole assistant message that answers a Chat Completions request."""
    messages, tools = messages_of(request), tools_of(request)
    turn = last_turn(messages)
    asked, number = text_of(turn), len(messages)
    schema = answer_schema(request)
    if schema is not None:
        return _said(json.dumps(_example(schema, _title(asked))))
    name = demanded_tool(request, tools)
    if name is not None:
        return _said("") | _called(name, _example(tools[name], "demo"), number)
    if turn.get("role") == "tool":
        return _said(_about_result(asked))
    call = _call(asked, tools, messages)
    if call is not None:
        what, name, arguments = call
        return _said(f"{what} ", THINKING) | _called(name, arguments, number)
    if _COMPACTED.search(asked):
        # Also where a tool's image stands in the same turn.
        return _said(f"{SUMMARY} {ADVICE}", THINKING)
    return _said(_about(asked, images_of(turn), tools), THINKING)


def _said(text: str, thinking: str = "") -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return message | {"reasoning_content": thinking} if thinking else message


def _called(name: str, arguments: object, number: int) -> dict[str, Any]:
    # Ids that differ in a conversation: some clients lose the result of a repeated one.
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {"tool_calls": [{"id": f"call_demo_{number}", "type": "function", "function": function}]}


def _call(
    asked: str, tools: Mapping[str, Mapping[str, Any]], messages: Sequence[Message]
) -> tuple[str, str, object] | None:
    """A sentence, a tool and its arguments; None if nothing is to be called."""
    if ANSWER_TOOL in tools:
        return "I answer in that form.", ANSWER_TOOL, _example(tools[ANSWER_TOOL], "demo")
    if TOOL in tools:
        city = _CITY.search(asked)
        return "I look the weather up.", TOOL, {"city": city[1] if city else "Paris"}
    path = _READ.search(asked)
    if path and (name := _offered("read", tools)):
        where = path[1] if path[1].startswith("/") else working_directory(messages) + path[1]
        member = next((m for m in _PATHS if m in tools[name].get("properties", ())), _PATHS[0])
        return f"I read {path[1]}.", name, {member: where}
    if _LIST.search(asked) and (name := _offered("list", tools)):
        return "I list the files.", name, _list_arguments(name, messages)
    return None


def _offered(what: str, tools: Mapping[str, Any]) -> str | None:
    return next((name for name in _HARMLESS[what] if name in tools), None)


def _list_arguments(name: str, messages: Sequence[Message]) -> dict[str, str]:
    if name.lower() == "bash":
        return {"command": "ls", "description": "List the files"}
    if name.lower() == "glob":
        return {"pattern": "*"}
    return {"path": working_directory(messages) or "."}


def _about(asked: str, images: Sequence[str], tools: Mapping[str, Any]) -> str:
    if images:
        return " ".join([*map(_about_image, images), "A real model would tell what it shows."])
    echo = f"This is the demo of claude-proxy, without a model. You wrote: {_short(asked)!r}."
    sentence = next((text for pattern, text in _SENTENCES if pattern.search(asked)), echo)
    wishes = [
        text
        for what, text in (("list", '"list the files"'), ("read", '"read README.md"'))
        if _offered(what, tools)
    ]
    hint = f"Try {' or '.join(wishes)} to see a tool call." if wishes else ""
    return " ".join(filter(None, (sentence, hint, ADVICE)))


def _about_image(url: str) -> str:
    head, _, data = url.partition(",")
    if not head.startswith("data:"):
        return "You sent the address of an image."
    kind = head.removeprefix("data:").partition(";")[0]
    try:
        content = base64.b64decode(data)
    except (binascii.Error, ValueError):
        return f"You sent an image ({kind}) that is not base64."
    size = f"{kind}, {len(content)} bytes"
    if content.startswith(b"\x89PNG") and len(content) >= 24:
        width, height = (int.from_bytes(content[i : i + 4]) for i in (16, 20))
        size = f"{kind}, {width} x {height} pixels"
    return f"You sent an image ({size})."


def _about_result(result: str) -> str:
    whole = result.splitlines()
    if whole and _LINE_NUMBER.match(whole[0]):
        whole = [line for line in whole if not _EMPTY_LINE.match(line)]
    numberless = (_LINE_NUMBER.sub("", line) for line in whole)
    lines = [line.rstrip() for line in numberless if line.strip()]
    if len(lines) < 2:
        return f"The tool returned: {_short(lines[0]) if lines else 'nothing'}"
    shown = "\n".join(_short(line) for line in lines[:_SHOWN_LINES])
    which = f"the first {_SHOWN_LINES} of them" if len(lines) > _SHOWN_LINES else "all of them"
    return f"The tool returned {len(lines)} lines. Here are {which}:\n\n```\n{shown}\n```\n"


def _short(text: str) -> str:
    first = text.strip().partition("\n")[0]
    return first if len(first) <= _LONGEST else f"{first[:_LONGEST]}..."


def _title(asked: str) -> str:
    words = to_be_titled(asked).split()[:6]
    return " ".join(words)[:_LONGEST].capitalize() or "Demo"


def _example(schema: object, text: str, depth: int = 0) -> Any:
    """A value that a simple JSON schema accepts; texts in it are ``text``."""
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return text
    for name in ("enum", "examples", "anyOf", "oneOf", "allOf"):
        if isinstance(schema.get(name), list) and schema[name]:
            first = schema[name][0]
            return first if name in ("enum", "examples") else _example(first, text, depth + 1)
    for name in ("const", "default"):
        if name in schema:
            return schema[name]
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if isinstance(kind, list):
        kind = next(iter(kind), "string")
    if kind == "object":
        members, required = schema.get("properties"), schema.get("required")
        members = members if isinstance(members, Mapping) else {}
        names = [n for n in required if isinstance(n, str)] if isinstance(required, list) else []
        return {name: _example(members.get(name, {}), text, depth + 1) for name in names}
    if kind == "array":
        return [_example(schema.get("items"), text, depth + 1)]
    least = schema.get("minimum", 1)
    return {"integer": least, "number": least, "boolean": True, "null": None}.get(str(kind), text)
