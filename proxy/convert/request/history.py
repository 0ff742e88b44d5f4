"""Work that a server did in an earlier answer -> text of the assistant.

Rule: calls of server and MCP tools and their results stay readable in the history; nothing that is
encrypted does (docs/protocol.md 1.2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from proxy.convert.request.documents import joined_text
from proxy.convert.request.parts import Block, compact_json

NO_OUTPUT = "(no output)"
CALLS = frozenset({"server_tool_use", "mcp_tool_use"})
RESULT_SUFFIX = "_tool_result"


def is_server_result(block_type: str) -> bool:
    """Whether a block is the result of a tool that some server ran: ``web_search_tool_result``."""
    return block_type.endswith(RESULT_SUFFIX)


def server_call_text(block: Block) -> str:
    """``[called NAME with JSON]``."""
    given = block["input"]
    arguments = given if isinstance(given, str) else compact_json(given)
    return f"[called {block['name']} with {arguments}]"


def server_result_text(block: Block, name: str | None = None) -> str:
    """``[NAME result]`` and what it says; ``name`` is the called tool's, else the type's own."""
    shown = name or block["type"].removesuffix(RESULT_SUFFIX)
    text = "\n".join(_lines(block.get("content"))) or NO_OUTPUT
    marker = "[tool error] " if block.get("is_error") else ""
    return f"[{shown} result]\n{marker}{text}"


def _lines(content: object) -> list[str]:
    if isinstance(content, str):
        return [content] if content else []
    if isinstance(content, list):
        return [line for item in content for line in _lines(item)]
    if not isinstance(content, Mapping):
        return []
    render = _LINES_FOR_TYPE.get(content["type"])
    if render is not None:
        return [line for line in render(content) if line]
    if "error_code" in content:
        return [f"error: {content['error_code']}"]
    readable = {key: value for key, value in content.items() if not key.startswith("encrypted")}
    return [compact_json(readable)]


def _text_lines(content: Block) -> list[str]:
    return [content["text"]]


def _hit_lines(content: Block) -> list[str]:
    return [f"{content.get('title') or 'untitled'} – {content['url']}"]


def _fetch_lines(content: Block) -> list[str]:
    document = content["content"]
    source = document["source"]
    if source["type"] == "text":
        return [source["data"]]
    if source["type"] == "content":
        inner = source["content"]
        return [inner if isinstance(inner, str) else joined_text(inner)]
    label = document.get("title") or content.get("url") or "untitled"
    return [f"[document omitted: {label}, {source.get('media_type') or source['type']}]"]


def _code_lines(content: Block) -> list[str]:
    stderr = content.get("stderr")
    code = content.get("return_code")
    return [
        (content.get("stdout") or "").rstrip("\n"),
        f"stderr: {stderr.rstrip()}" if stderr else "",
        "" if code is None else f"return code: {code}",
    ]


def _file_created_lines(content: Block) -> list[str]:
    return ["file updated" if content.get("is_file_update") else "file created"]


def _replaced_lines(content: Block) -> list[str]:
    return [str(line) for line in content.get("lines") or ["file updated"]]


def _view_lines(content: Block) -> list[str]:
    return [content["content"]]


def _found_tool_lines(content: Block) -> list[str]:
    return [f"[tool available: {tool['tool_name']}]" for tool in content["tool_references"]]


def _no_lines(content: Block) -> list[str]:
    return []


_LINES_FOR_TYPE: Mapping[str, Callable[[Mapping[str, Any]], list[str]]] = {
    "text": _text_lines,
    "web_search_result": _hit_lines,
    "web_fetch_result": _fetch_lines,
    "code_execution_result": _code_lines,
    "encrypted_code_execution_result": _code_lines,
    "bash_code_execution_result": _code_lines,
    "text_editor_code_execution_view_result": _view_lines,
    "text_editor_code_execution_create_result": _file_created_lines,
    "text_editor_code_execution_str_replace_result": _replaced_lines,
    "tool_search_tool_search_result": _found_tool_lines,
    "advisor_result": _text_lines,
    "advisor_redacted_result": _no_lines,
}
