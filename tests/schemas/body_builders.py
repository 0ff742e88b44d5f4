"""Builders of requests and blocks for the tests of validation."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from proxy.errors import InvalidRequest
from proxy.schemas import load_message_request

Json = dict[str, Any]

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def user(*content: Any) -> Json:
    """A user turn: one string, or blocks."""
    return {"role": "user", "content": _content(content)}


def assistant(*content: Any) -> Json:
    return {"role": "assistant", "content": _content(content)}


def system(*content: Any) -> Json:
    return {"role": "system", "content": _content(content)}


def _content(content: tuple[Any, ...]) -> Any:
    return content[0] if len(content) == 1 and isinstance(content[0], str) else list(content)


def text(value: str = "hi", **extra: Any) -> Json:
    return {"type": "text", "text": value, **extra}


def image(data: Any = PIXEL, media_type: Any = "image/png") -> Json:
    return {
        "type": "image",
        "source": {"type": "base64", "media_type": media_type, "data": data},
    }


def tool_use(tool_id: str = "toolu_1", **extra: Any) -> Json:
    return {"type": "tool_use", "id": tool_id, "name": "read", "input": {"path": "a"}} | extra


def tool_result(tool_id: str = "toolu_1", content: Any = "done", **extra: Any) -> Json:
    return {"type": "tool_result", "tool_use_id": tool_id, "content": content} | extra


def tool(name: Any = "read", **extra: Any) -> Json:
    return {"name": name, "input_schema": {"type": "object"}} | extra


def request(*turns: Any, **members: Any) -> Json:
    """A valid request with ``turns`` (a user's "hi" without any) and further ``members``."""
    return {
        "model": "claude-x",
        "max_tokens": 64,
        "messages": list(turns) or [user("hi")],
    } | members


def refusal(body: Json, **options: Any) -> str:
    """The message with which ``load_message_request`` refuses ``body``."""
    with pytest.raises(InvalidRequest) as caught:
        load_message_request(orjson.dumps(body), **options)
    assert (caught.value.status, caught.value.type) == (400, "invalid_request_error")
    return caught.value.message


def without(body: Json, *names: str) -> Json:
    return {name: value for name, value in body.items() if name not in names}


def claude_code_tool(name: str) -> Json:
    return {
        "name": name,
        "description": f"{name} does something. " * 40,
        "input_schema": {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "object",
            "properties": {
                "file_path": {"type": "string", "description": "The absolute path"},
                "limit": {"type": "number", "exclusiveMinimum": 0},
            },
            "additionalProperties": False,
        },
    }


def claude_code_request() -> Json:
    """The main call of Claude Code 2.1.197 in the middle of a session."""
    marker = {"cache_control": {"type": "ephemeral"}}
    return {
        "model": "claude-opus-4-8",
        "messages": [
            user(text("<system-reminder>\nCLAUDE.md\n</system-reminder>"), text("Read a.png")),
            system("The following skills are available:\n" + "- skill\n" * 700),
            assistant(
                {"type": "thinking", "thinking": "I will read it.", "signature": ""},
                {"type": "redacted_thinking", "data": "cp1.abc"},
                text("I'll read both.", citations=[]),
                tool_use("toolu_01", name="Read", input={"file_path": "/a.png"}),
                tool_use("functions.Bash:0", name="Bash", input={}),
                tool_use("toolu_03", name="ToolSearch", input={"query": "mcp"}),
            ),
            user(
                tool_result("toolu_01", [image()]),
                tool_result("functions.Bash:0", "(no content)", is_error=False),
                tool_result(
                    "toolu_03", [{"type": "tool_reference", "tool_name": "mcp__x__" + "y" * 80}]
                ),
                text("Tool loaded."),
            ),
            assistant(tool_use("toolu_04", name="Read", input={"file_path": "/a.pdf"})),
            user(
                tool_result("toolu_04", "PDF file read"),
                {
                    "type": "document",
                    "source": {
                        "type": "base64",
                        "media_type": "application/pdf",
                        "data": "JVBERi0xLjQK",
                    },
                },
                text("Go on.", **marker),
            ),
        ],
        "system": [
            text("x-anthropic-billing-header: cc_version=2.1.197.a1b; cc_entrypoint=cli;"),
            text("You are Claude Code, Anthropic's official CLI for Claude.", **marker),
            text("You are an interactive agent.\n" * 190, **marker),
        ],
        "tools": [
            *(claude_code_tool(f"Tool{number}") for number in range(24)),
            {
                "name": "mcp__server__" + "long_" * 16,
                "description": "",
                "input_schema": {"type": "object"},
                "eager_input_streaming": True,
                "defer_loading": True,
            },
        ],
        "metadata": {"user_id": "user_" + "0" * 145},
        "max_tokens": 64000,
        "thinking": {"type": "adaptive"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "output_config": {"effort": "high"},
        "stream": True,
    }


def claude_code_title_request() -> Json:
    """Its title call: an empty list of tools, thinking off, a schema for the answer."""
    return {
        "model": "claude-opus-4-8",
        "messages": [user(text("Write a title for: hello"))],
        "system": [text("Summarise.")],
        "tools": [],
        "metadata": {"user_id": "user_" + "0" * 145},
        "max_tokens": 64000,
        "thinking": {"type": "disabled"},
        "output_config": {
            "effort": "high",
            "format": {
                "type": "json_schema",
                "schema": {"type": "object", "properties": {"title": {"type": "string"}}},
            },
        },
        "stream": True,
    }


def claude_code_search_request() -> Json:
    """Its WebSearch sub-request."""
    return {
        "model": "claude-opus-4-8",
        "messages": [user(text("Perform a web search for: gevent"))],
        "system": [text("You are an assistant for performing a web search.")],
        "tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 8}],
        "tool_choice": {"type": "tool", "name": "web_search"},
        "max_tokens": 64000,
        "thinking": {"type": "disabled"},
        "stream": True,
    }


def unanswered(index: int, ids: str) -> str:
    """The refusal of calls that the next turn does not answer."""
    return (
        f"messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately "
        f"after: {ids}. Each `tool_use` block must have a corresponding `tool_result` block in "
        "the next message."
    )


def orphan(index: int, position: int, tool_id: str) -> str:
    """The refusal of a result without its call."""
    return (
        f"messages.{index}.content.{position}: unexpected `tool_use_id` found in `tool_result` "
        f"blocks: {tool_id}. Each `tool_result` block must have a corresponding `tool_use` block "
        "in the previous message."
    )
