"""Calls and results of tools that a server ran in an earlier answer -> text.

Rule: the input and the readable result of such a tool become text; encrypted content is left out
(docs/protocol.md 1.2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from proxy.convert.request.documents import joined_text
from proxy.convert.request.parts import Block, Part, TurnContext, compact_json, text_part

NO_OUTPUT = "(no output)"
RESULT_SUFFIX = "_tool_result"


def server_call_to_parts(block: Block, context: TurnContext) -> list[Part]:
    context.drops.degrade(block["type"], "text")
    return [text_part(server_call_to_text(block))]


def server_result_to_parts(block: Block, context: TurnContext) -> list[Part]:
    context.drops.degrade(block["type"], "text")
    return [text_part(server_result_to_text(block))]


def server_call_to_text(block: Block) -> str:
    """``[called NAME with JSON]``."""
    given = block["input"]
    arguments = given if isinstance(given, str) else compact_json(given)
    return f"[called {block['name']} with {arguments}]"


def server_result_to_text(block: Block, name: str | None = None) -> str:
    """``[NAME result]`` and the readable content; by default NAME is derived from the block's type."""
    shown = name or block["type"].removesuffix(RESULT_SUFFIX)
    text = "\n".join(_content_to_lines(block.get("content"))) or NO_OUTPUT
    marker = "[tool error] " if block.get("is_error") else ""
    return f"[{shown} result]\n{marker}{text}"


def _content_to_lines(content: object) -> list[str]:
    if isinstance(content, str):
        return [content] if content else []
    if isinstance(content, list):
        return [line for item in content for line in _content_to_lines(item)]
    if not isinstance(content, Mapping):
        return []
    to_lines = _CONVERTER_FOR_RESULT.get(content["type"])
    if to_lines is not None:
        return [line for line in to_lines(content) if line]
    if "error_code" in content:
        return [f"error: {content['error_code']}"]
    readable = {key: value for key, value in content.items() if not key.startswith("encrypted")}
    return [compact_json(readable)]


def _text_to_lines(content: Block) -> list[str]:
    return [content["text"]]


def _search_hit_to_lines(content: Block) -> list[str]:
    return [f"{content.get('title') or 'untitled'} – {content['url']}"]


def _fetched_page_to_lines(content: Block) -> list[str]:
    document = content["content"]
    source = document["source"]
    if source["type"] == "text":
        return [source["data"]]
    if source["type"] == "content":
        inner = source["content"]
        return [inner if isinstance(inner, str) else joined_text(inner)]
    label = document.get("title") or content.get("url") or "untitled"
    return [f"[document omitted: {label}, {source.get('media_type') or source['type']}]"]


def _code_output_to_lines(content: Block) -> list[str]:
    stderr = content.get("stderr")
    code = content.get("return_code")
    return [
        (content.get("stdout") or "").rstrip("\n"),
        f"stderr: {stderr.rstrip()}" if stderr else "",
        "" if code is None else f"return code: {code}",
    ]


def _created_file_to_lines(content: Block) -> list[str]:
    return ["file updated" if content.get("is_file_update") else "file created"]


def _replaced_text_to_lines(content: Block) -> list[str]:
    return [str(line) for line in content.get("lines") or ["file updated"]]


def _viewed_file_to_lines(content: Block) -> list[str]:
    return [content["content"]]


def _found_tools_to_lines(content: Block) -> list[str]:
    return [f"[tool available: {tool['tool_name']}]" for tool in content["tool_references"]]


def _redacted_to_lines(content: Block) -> list[str]:
    return []


_CONVERTER_FOR_RESULT: Mapping[str, Callable[[Mapping[str, Any]], list[str]]] = {
    "text": _text_to_lines,
    "web_search_result": _search_hit_to_lines,
    "web_fetch_result": _fetched_page_to_lines,
    "code_execution_result": _code_output_to_lines,
    "encrypted_code_execution_result": _code_output_to_lines,
    "bash_code_execution_result": _code_output_to_lines,
    "text_editor_code_execution_view_result": _viewed_file_to_lines,
    "text_editor_code_execution_create_result": _created_file_to_lines,
    "text_editor_code_execution_str_replace_result": _replaced_text_to_lines,
    "tool_search_tool_search_result": _found_tools_to_lines,
    "advisor_result": _text_to_lines,
    "advisor_redacted_result": _redacted_to_lines,
}
