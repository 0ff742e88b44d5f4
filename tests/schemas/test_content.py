from __future__ import annotations

from typing import Any

import pytest
from marshmallow import ValidationError

from proxy.schemas import wording
from proxy.schemas.content import BLOCK, BLOCKS
from tests.schemas.body_builders import Json, image, text, tool, tool_result, tool_use


def refusal(block: Any) -> str | None:
    """The worded refusal of a block; the fast check must say the same."""
    message = None
    try:
        BLOCK.deserialize(block)
    except ValidationError as error:
        message = wording.first_error(error.messages_dict)
    assert BLOCK.check()(block) == (message is None)
    return message


def document(**source: Any) -> Json:
    return {"type": "document", "source": source}


def server_result(kind: str, content: Any) -> Json:
    return {"type": kind, "tool_use_id": "srvtoolu_1", "content": content}


SEARCH_RESULT = {"type": "search_result", "source": "S", "title": "T", "content": [text()]}
PLAIN = document(type="text", media_type="text/plain", data="x")
CALL = {"id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}
OUTPUT = {"stdout": "1\n", "stderr": "", "return_code": 0, "content": []}

ACCEPTED = [
    pytest.param(text(), id="1.2 text"),
    pytest.param(image(), id="1.2 image base64"),
    pytest.param(
        {"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}},
        id="1.2 image url",
    ),
    pytest.param(
        {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
        id="1.2 image file: refused by the converter, not by the shape",
    ),
    pytest.param(PLAIN | {"title": "T", "context": None}, id="1.2 document text"),
    pytest.param(document(type="content", content="x"), id="1.2 document content, a string"),
    pytest.param(
        document(type="content", content=[text(), image()]), id="1.2 document content, blocks"
    ),
    pytest.param(
        document(type="base64", media_type="application/pdf", data="JVBERi0x"),
        id="1.2 document PDF",
    ),
    pytest.param(document(type="url", url="https://x.test/a.pdf"), id="1.2 document url"),
    pytest.param(document(type="file", file_id="file_1"), id="1.2 document file"),
    pytest.param(SEARCH_RESULT, id="1.2 search_result"),
    pytest.param(
        tool_use(caller={"type": "direct"}, toolset_name="x"), id="1.2 tool_use with a caller"
    ),
    pytest.param(tool_use(input={}), id="1.2 tool_use without input members"),
    pytest.param(tool_use("functions.Bash:0"), id="CC odd characters in a tool id"),
    pytest.param(tool_result(), id="1.2 tool_result"),
    pytest.param({"type": "tool_result", "tool_use_id": "t"}, id="2.3 tool_result without content"),
    pytest.param(tool_result(content=None, is_error=None), id="9 null content of a tool_result"),
    pytest.param(tool_result(content=[]), id="2.3 tool_result with an empty list"),
    pytest.param(
        tool_result(
            content=[
                text(),
                image(),
                PLAIN,
                SEARCH_RESULT,
                {"type": "tool_reference", "tool_name": "x"},
                {"type": "browser_state", "tabs": []},
            ]
        ),
        id="1.2 everything that a tool_result may hold",
    ),
    pytest.param({"type": "thinking", "thinking": "", "signature": ""}, id="1.2 thinking"),
    pytest.param({"type": "thinking", "thinking": "x"}, id="CC thinking without a signature"),
    pytest.param({"type": "redacted_thinking", "data": "x"}, id="1.2 redacted_thinking"),
    pytest.param({"type": "server_tool_use"} | CALL, id="1.2 server_tool_use"),
    pytest.param({"type": "mcp_tool_use", "server_name": "s"} | CALL, id="1.2 mcp_tool_use"),
    pytest.param(
        server_result(
            "web_search_tool_result",
            [
                {
                    "type": "web_search_result",
                    "url": "https://x.test",
                    "title": "T",
                    "encrypted_content": "x",
                }
            ],
        ),
        id="1.2 web_search_tool_result",
    ),
    pytest.param(
        server_result(
            "web_search_tool_result",
            {"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"},
        ),
        id="1.2 the error of a server tool",
    ),
    pytest.param(
        server_result(
            "web_fetch_tool_result",
            {"type": "web_fetch_result", "url": "https://x.test", "content": PLAIN},
        ),
        id="1.2 web_fetch_tool_result",
    ),
    pytest.param(
        server_result("code_execution_tool_result", {"type": "code_execution_result"} | OUTPUT),
        id="1.2 code_execution_tool_result",
    ),
    pytest.param(
        server_result(
            "bash_code_execution_tool_result", {"type": "bash_code_execution_result"} | OUTPUT
        ),
        id="1.2 bash_code_execution_tool_result",
    ),
    pytest.param(
        server_result(
            "text_editor_code_execution_tool_result",
            {"type": "text_editor_code_execution_view_result", "content": "x"},
        ),
        id="1.2 text_editor_code_execution_tool_result",
    ),
    pytest.param(
        server_result(
            "tool_search_tool_result",
            {
                "type": "tool_search_tool_search_result",
                "tool_references": [{"type": "tool_reference", "tool_name": "x"}],
            },
        ),
        id="1.2 tool_search_tool_result",
    ),
    pytest.param(
        server_result("advisor_tool_result", {"type": "advisor_result", "text": "x"}),
        id="1.2 advisor_tool_result",
    ),
    pytest.param(
        server_result("code_execution_tool_result", {"type": "result_of_next_year", "x": 1}),
        id="1.2 a result of an unknown kind becomes text",
    ),
    pytest.param(server_result("mcp_tool_result", "done"), id="1.2 mcp_tool_result, a string"),
    pytest.param(server_result("mcp_tool_result", [text()]), id="1.2 mcp_tool_result, blocks"),
    pytest.param({"type": "mid_conv_system", "content": "x"}, id="1.2 mid_conv_system, a string"),
    pytest.param({"type": "mid_conv_system", "content": [text()]}, id="1.2 mid_conv_system"),
    pytest.param({"type": "mid_conv_system", "text": "x"}, id="1.2 mid_conv_system with text"),
    pytest.param({"type": "compaction", "content": "x"}, id="1.2 compaction"),
    pytest.param({"type": "compaction", "content": None}, id="1.2 compaction without content"),
    pytest.param({"type": "container_upload", "file_id": "f"}, id="1.2 container_upload"),
    pytest.param({"type": "fallback"}, id="1.2 fallback"),
    pytest.param({"type": "mcp_tool_listing"}, id="1.2 mcp_tool_listing"),
    pytest.param(
        {"type": "tool_addition", "tool": {"type": "tool_definition", "definition": tool()}},
        id="1.2 tool_addition",
    ),
    pytest.param(
        {"type": "tool_removal", "tool": {"type": "tool_reference", "name": "read"}},
        id="1.2 tool_removal",
    ),
    pytest.param({"type": "connector_text", "text": 5}, id="1.2 connector_text"),
    pytest.param(text(cache_control={"type": "ephemeral", "ttl": "1h"}), id="edge 5 cache_control"),
]


@pytest.mark.parametrize("block", ACCEPTED)
def test_accepted_blocks(block: Json) -> None:
    assert refusal(block) is None


def test_every_known_type_is_accepted_above() -> None:
    assert {row.values[0]["type"] for row in ACCEPTED} == set(BLOCKS)  # type: ignore[index]


@pytest.mark.parametrize(
    ("block", "message"),
    [
        pytest.param(
            {"type": "tool_reference", "tool_name": "x"},
            None,
            id="1.2 tool_reference outside a tool_result",
        ),
        pytest.param({"type": "browser_state"}, None, id="1.2 browser_state outside a tool_result"),
        pytest.param(
            text() | {"text": ["hi"]},
            "text.text: Input should be a valid string",
            id="9 wrong type: text",
        ),
        pytest.param(
            text(cache_control="ephemeral"),
            "text.cache_control: Input should be a valid dictionary",
            id="9 wrong type: cache_control",
        ),
        pytest.param({"type": "image"}, "image.source: Field required", id="9 missing source"),
        pytest.param(
            {"type": "image", "source": "https://x.test/a.png"},
            "image.source: Input should be a valid dictionary",
            id="9 wrong type: source",
        ),
        pytest.param(
            {"type": "image", "source": {"type": "base64", "data": "QQ=="}},
            "image.source.base64.media_type: Field required",
            id="9 missing media_type",
        ),
        pytest.param(
            image(data=5),
            "image.source.base64.data: Input should be a valid string",
            id="9 wrong type: data of an image",
        ),
        pytest.param(
            {"type": "image", "source": {"type": "url"}},
            "image.source.url.url: Field required",
            id="9 missing url",
        ),
        pytest.param(
            document(type="base64", media_type="application/msword", data="QQ=="),
            "document.source.base64.media_type: Input should be 'application/pdf'",
            id="edge 127 a document that is no PDF",
        ),
        pytest.param(
            document(type="base64", media_type="application/pdf", data="JVB"),
            "document.source.base64.data: invalid base64 data",
            id="9 bad base64 in a document",
        ),
        pytest.param(
            document(type="content", content=[tool_use()]),
            "document.source.content.content.0: Input tag 'tool_use' found using 'type' does not "
            "match any of the expected tags: 'text', 'image'",
            id="9 unknown type inside a document",
        ),
        pytest.param(
            document(type="content", content={}),
            "document.source.content.content: Input should be a valid string or list",
            id="9 wrong type: content of a document",
        ),
        pytest.param(
            PLAIN | {"title": 5},
            "document.title: Input should be a valid string",
            id="9 wrong type: title",
        ),
        pytest.param(
            SEARCH_RESULT | {"content": "x"},
            "search_result.content: Input should be a valid list",
            id="9 wrong type: content of a search result",
        ),
        pytest.param(
            SEARCH_RESULT | {"content": [image()]},
            "search_result.content.0: Input tag 'image' found using 'type' does not match any of "
            "the expected tags: 'text'",
            id="9 unknown type inside a search result",
        ),
        pytest.param(
            {"type": "tool_use", "name": "x", "input": {}},
            "tool_use.id: Field required",
            id="9 missing id",
        ),
        pytest.param(
            {"type": "tool_use", "id": "x", "input": {}},
            "tool_use.name: Field required",
            id="9 missing name of a call",
        ),
        pytest.param(
            {"type": "tool_use", "id": "x", "name": "x"},
            "tool_use.input: Field required",
            id="9 missing input",
        ),
        pytest.param(
            tool_use(input=None),
            "tool_use.input: Input should be a valid dictionary",
            id="9 null: input is required",
        ),
        pytest.param(
            tool_use(input=[]),
            "tool_use.input: Input should be a valid dictionary",
            id="9 wrong type: input",
        ),
        pytest.param(
            tool_use(input="[1]"),
            "tool_use.input: Input should be a valid dictionary",
            id="9 input is the text of no object",
        ),
        pytest.param(
            tool_use(input='{"a":'),
            "tool_use.input: Input should be a valid dictionary",
            id="9 input is no JSON",
        ),
        pytest.param(
            tool_use(input='{"a":' * 600 + "1" + "}" * 600),
            "tool_use.input: Input should be a valid dictionary",
            id="9 input nested deeper than can be written",
        ),
        pytest.param(
            tool_result(content={"type": "text", "text": "hi"}),
            "tool_result.content: Input should be a valid string or list",
            id="9 wrong type: content of a tool_result",
        ),
        pytest.param(
            tool_result(content=["hi"]),
            "tool_result.content.0: Input should be a valid dictionary",
            id="9 wrong type: a block of a tool_result",
        ),
        pytest.param(
            tool_result(content=[text(), tool_use()]),
            "tool_result.content.1: Input tag 'tool_use' found using 'type' does not match any of "
            "the expected tags: 'text', 'image', 'document', 'search_result', 'tool_reference', "
            "'browser_state'",
            id="9 unknown type inside a tool_result",
        ),
        pytest.param(
            tool_result(content=[{"type": "tool_reference"}]),
            "tool_result.content.0.tool_reference.tool_name: Field required",
            id="9 missing tool_name",
        ),
        pytest.param(
            tool_result(is_error="true"),
            "tool_result.is_error: Input should be a valid boolean",
            id="9 wrong type: is_error",
        ),
        pytest.param(
            {"type": "thinking"}, "thinking.thinking: Field required", id="9 missing thinking"
        ),
        pytest.param(
            {"type": "thinking", "thinking": "x", "signature": 5},
            "thinking.signature: Input should be a valid string",
            id="9 wrong type: signature",
        ),
        pytest.param(
            {"type": "redacted_thinking"},
            "redacted_thinking.data: Field required",
            id="9 missing data",
        ),
        pytest.param(
            {"type": "server_tool_use", "id": "x", "name": "x", "input": 5},
            "server_tool_use.input: Input should be a valid dictionary",
            id="9 wrong type: input of a server tool",
        ),
        pytest.param(
            server_result("web_search_tool_result", "x"),
            "web_search_tool_result.content: Input should be a valid list or dictionary",
            id="9 wrong type: content of a server result",
        ),
        pytest.param(
            server_result("web_search_tool_result", [{"type": "web_search_result"}]),
            "web_search_tool_result.content.0.web_search_result.url: Field required",
            id="9 missing url of a hit",
        ),
        pytest.param(
            server_result("web_search_tool_result", [{"url": "x"}]),
            "web_search_tool_result.content.0: Unable to extract tag using discriminator 'type'",
            id="9 a result without type",
        ),
        pytest.param(
            server_result("code_execution_tool_result", {"type": ["x"]}),
            None,
            id="9 a result with a type that is no string",
        ),
        pytest.param(
            server_result("web_fetch_tool_result", {"type": "web_fetch_result", "content": text()}),
            "web_fetch_tool_result.content.web_fetch_result.content.source: Field required",
            id="9 missing document of a fetched page",
        ),
        pytest.param(
            server_result(
                "code_execution_tool_result", {"type": "code_execution_result", "stdout": 5}
            ),
            "code_execution_tool_result.content.code_execution_result.stdout: Input should be a "
            "valid string",
            id="9 wrong type: stdout",
        ),
        pytest.param(
            {"type": "mcp_tool_result", "tool_use_id": "x", "content": {}},
            "mcp_tool_result.content: Input should be a valid string or list",
            id="9 wrong type: content of an MCP result",
        ),
        pytest.param(
            {"type": "mid_conv_system", "content": 5},
            "mid_conv_system.content: Input should be a valid string or list",
            id="9 wrong type: content of a system block",
        ),
        pytest.param(
            {"type": "compaction", "content": []},
            "compaction.content: Input should be a valid string",
            id="9 wrong type: content of a summary",
        ),
    ],
)
def test_refused_blocks(block: Json, message: str | None) -> None:
    if message is None:
        with pytest.raises(ValidationError, match=r"Input tag '.*' found using 'type'"):
            BLOCK.deserialize(block)
        assert not BLOCK.check()(block)
    else:
        assert refusal(block) == message
