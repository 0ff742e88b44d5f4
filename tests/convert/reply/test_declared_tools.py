"""Names of tools as upstreams write them (docs/protocol.md section 3)."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.convert.reply.chat_to_message import chat_to_message
from proxy.convert.reply.declared_tools import DeclaredTools
from tests.convert.chunk_builders import body, end, entry, reply, tool, translated, translator

TOOLS: list[dict[str, Any]] = [
    {"type": "function", "function": {"name": name}}
    for name in (
        "Read",
        "Bash",
        "mcp__git__log",
        "web-fetch",
        "json",
        "copy",
        "Copy",
        "long_0a1b2c3d",
    )
]


@pytest.mark.parametrize(
    ("said", "name"),
    [
        pytest.param("Read", "Read", id="as declared"),
        pytest.param("Read<|channel|>commentary", "Read", id="a token behind"),
        pytest.param("Read<|channel|>json", "Read", id="a token and another tool's name behind"),
        pytest.param("Read<|constrain|>", "Read", id="a token alone behind"),
        pytest.param("<|tool_call|>Read", "Read", id="a token before"),
        pytest.param("<|start|>functions.Read", "Read", id="a token and a namespace before"),
        pytest.param("functions.Read", "Read", id="a namespace"),
        pytest.param("functions.Read:0", "Read", id="a namespace and a number"),
        pytest.param("default_api:Read", "Read", id="a namespace with a colon"),
        pytest.param("tools/mcp__git__log", "mcp__git__log", id="a namespace with a slash"),
        pytest.param("default_api.web-fetch", "web-fetch", id="a name with a hyphen"),
        pytest.param("read", "Read", id="another case"),
        pytest.param("BASH", "Bash", id="capitals"),
        pytest.param("functions.bash", "Bash", id="a namespace and another case"),
        pytest.param("Read()", "Read", id="brackets behind"),
        pytest.param('"Read"', "Read", id="quotes"),
        pytest.param("Read\nBash", "Read\nBash", id="two names are none"),
        pytest.param("COPY", "COPY", id="two that differ in case are none"),
        pytest.param("functions.Copy", "Copy", id="the exact case comes first"),
        pytest.param("ReadFile", "ReadFile", id="part of a word is no name"),
        pytest.param("mcp__git__logs", "mcp__git__logs", id="nearly a name is none"),
        pytest.param("unknown.tool", "unknown.tool", id="no name at all"),
        pytest.param("<|x|>", "<|x|>", id="a token alone"),
    ],
)  # fmt: skip
def test_name(said: str, name: str) -> None:
    assert DeclaredTools(TOOLS).name(said) == name


def test_without_declared_tools_a_name_stays() -> None:
    assert DeclaredTools(()).name("functions.Read") == "functions.Read"


@pytest.mark.parametrize(
    ("said", "name"),
    [("Read<|channel|>commentary", "Read"), ("functions.long_0a1b2c3d", "a very long.name")],
)
def test_a_name_with_noise_is_the_declared_tool(said: str, name: str) -> None:
    context = reply(functions=TOOLS, tool_names={"long_0a1b2c3d": "a very long.name"})
    chunks = [tool(0, "a", said, "{"), tool(0, "a", said, "}"), end("tool_calls")]
    assert body(translated(chunks, context))[0] == f"0 tool_use a {name}"
    message = {"tool_calls": [entry(0, "a", said, "{}")]}
    whole = chat_to_message({"choices": [{"message": message, "finish_reason": "stop"}]}, context)
    assert whole["content"][0]["name"] == name


def test_a_name_with_noise_is_a_warning() -> None:
    stream = translator(reply(functions=TOOLS))
    stream.feed(tool(0, "a", "functions.Read", "{}"))
    assert stream.warnings == {"repaired_tool_name": 1}


def test_one_name_with_and_without_noise_is_one_call() -> None:
    chunks = [tool(None, None, "functions.Read", '{"x"'), tool(None, None, "Read", ":1}"), end()]
    events = body(translated(chunks, reply(functions=TOOLS)))
    assert events[:3] == [
        "0 tool_use toolu_1 Read",
        'input_json_delta {"x"',
        "input_json_delta :1}",
    ]
