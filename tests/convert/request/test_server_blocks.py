"""Results of server tools in the history: docs/protocol.md 1.2."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.convert.request.server_blocks import server_call_to_text, server_result_to_text


def code(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": f"{kind}_result", **fields}


def hit(url: str, title: str | None) -> dict[str, Any]:
    return {
        "type": "web_search_result",
        "url": url,
        "title": title,
        "encrypted_content": "secret",
        "page_age": None,
    }


def fetched(source: dict[str, Any], **document: Any) -> dict[str, Any]:
    content = {"type": "document", "source": source, **document}
    return {"type": "web_fetch_result", "url": "https://x.test", "content": content}


EDITOR = "text_editor_code_execution"
PDF = {"type": "base64", "media_type": "application/pdf", "data": "QQ=="}


@pytest.mark.parametrize(
    ("kind", "content", "expected"),
    [
        pytest.param(
            "web_search",
            [hit("https://a", "A"), hit("https://b", None)],
            "A – https://a\nuntitled – https://b",
            id="1.2 search: a line per hit, nothing encrypted",
        ),
        pytest.param("web_search", [], "(no output)", id="1.2 search without hits"),
        pytest.param(
            "web_search",
            {"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"},
            "error: max_uses_exceeded",
            id="1.2 error: its code",
        ),
        pytest.param(
            "web_fetch",
            fetched({"type": "text", "media_type": "text/plain", "data": "page"}),
            "page",
            id="1.2 fetch: document text",
        ),
        pytest.param(
            "web_fetch",
            fetched({"type": "content", "content": [{"type": "text", "text": "page"}]}),
            "page",
            id="1.2 fetch: document content",
        ),
        pytest.param(
            "web_fetch",
            fetched({"type": "content", "content": "page"}),
            "page",
            id="1.2 fetch: document content string",
        ),
        pytest.param(
            "web_fetch",
            fetched(PDF, title="T"),
            "[document omitted: T, application/pdf]",
            id="1.2 fetch: a PDF leaves a placeholder",
        ),
        pytest.param(
            "web_fetch",
            fetched({"type": "file", "file_id": "f"}),
            "[document omitted: https://x.test, file]",
            id="1.2 fetch: a file leaves a placeholder",
        ),
        pytest.param(
            "code_execution",
            code("code_execution", stdout="1\n", stderr="", return_code=0, content=[]),
            "1\nreturn code: 0",
            id="1.2 code: stdout and return code",
        ),
        pytest.param(
            "bash_code_execution",
            code("bash_code_execution", stdout="", stderr="no\n", return_code=1, content=[]),
            "stderr: no\nreturn code: 1",
            id="1.2 code: stderr",
        ),
        pytest.param(
            "code_execution",
            code("encrypted_code_execution", encrypted_stdout="x", stderr="", return_code=0),
            "return code: 0",
            id="1.2 code: encrypted output dropped",
        ),
        pytest.param(
            "code_execution",
            code("code_execution", stdout=None, stderr=None, return_code=None),
            "(no output)",
            id="1.2 code: nothing at all",
        ),
        pytest.param(
            EDITOR,
            code(f"{EDITOR}_view", content="line", file_type="text"),
            "line",
            id="1.2 editor: view",
        ),
        pytest.param(
            EDITOR,
            code(f"{EDITOR}_create", is_file_update=False),
            "file created",
            id="1.2 editor: create",
        ),
        pytest.param(
            EDITOR,
            code(f"{EDITOR}_create", is_file_update=True),
            "file updated",
            id="1.2 editor: overwrite",
        ),
        pytest.param(
            EDITOR,
            code(f"{EDITOR}_str_replace", lines=["-a", "+b"]),
            "-a\n+b",
            id="1.2 editor: replace",
        ),
        pytest.param(
            EDITOR,
            code(f"{EDITOR}_str_replace", lines=None),
            "file updated",
            id="1.2 editor: replace without lines",
        ),
        pytest.param(
            "tool_search",
            {
                "type": "tool_search_tool_search_result",
                "tool_references": [{"type": "tool_reference", "tool_name": "Edit"}],
            },
            "[tool available: Edit]",
            id="1.2 tool search",
        ),
        pytest.param(
            "advisor", {"type": "advisor_result", "text": "do it"}, "do it", id="1.2 advisor"
        ),
        pytest.param(
            "advisor",
            {"type": "advisor_redacted_result", "encrypted_content": "x"},
            "(no output)",
            id="1.2 advisor, encrypted",
        ),
        pytest.param(
            "new_thing",
            {"type": "new_thing_result", "n": 1, "encrypted_index": "x"},
            '{"type":"new_thing_result","n":1}',
            id="1.2 a result of a later kind",
        ),
        pytest.param("mcp", None, "(no output)", id="1.2 mcp result without content"),
        pytest.param("mcp", "page", "page", id="1.2 mcp result string"),
        pytest.param("mcp", "", "(no output)", id="1.2 mcp result of an empty string"),
    ],
)
def test_server_result(kind: str, content: object, expected: str) -> None:
    block = {"type": f"{kind}_tool_result", "tool_use_id": "s1", "content": content}
    assert server_result_to_text(block) == f"[{kind} result]\n{expected}"


def test_failed_mcp_call() -> None:
    block = {"type": "mcp_tool_result", "tool_use_id": "s", "content": "no", "is_error": True}
    assert server_result_to_text(block, "wiki") == "[wiki result]\n[tool error] no"


def test_call() -> None:
    block = {
        "type": "server_tool_use",
        "id": "s",
        "name": "web_search",
        "input": {"q": "é", "n": 1},
    }
    assert server_call_to_text(block) == '[called web_search with {"q":"é","n":1}]'


def test_call_with_text_as_input() -> None:
    block = {"type": "server_tool_use", "id": "s", "name": "x", "input": '{"q":1}'}
    assert server_call_to_text(block) == '[called x with {"q":1}]'
