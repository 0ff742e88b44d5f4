from __future__ import annotations

import json
from typing import Any

import gevent
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiktoken import Encoding

from proxy.errors import InvalidRequest
from proxy.tokens.count import TokenCount, _slice_tokens, count_chat_tokens, count_text
from proxy.tokens.tables import load_table
from tests.tokens.bodies import PIXEL, file_part, function_tool, image_part, text_part, tool_call

CL100K = "cl100k_base"

WEATHER = function_tool(
    "get_weather",
    "Get the current weather in a given location",
    type="object",
    properties={
        "location": {
            "type": "string",
            "description": "The city and state, e.g. San Francisco, CA",
        }
    },
    required=["location"],
)


def tokens(text: str) -> int:
    """What tiktoken itself says of a text."""
    table = load_table(CL100K)
    assert table is not None
    return len(table.encode_ordinary(text))


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def system(content: Any) -> dict[str, Any]:
    return {"role": "system", "content": content}


def body(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"model": "m", "messages": list(messages), **fields}


WEATHER_JSON = json.dumps(WEATHER["function"], separators=(",", ":"))
ASK = "What's the weather like in San Francisco?"
SCHEMA = {"type": "object", "properties": {"größe": {"type": "integer"}}}
SCHEMA_JSON = '{"type":"object","properties":{"größe":{"type":"integer"}}}'


def structured(schema: object) -> dict[str, Any]:
    named = {"name": "output", "schema": schema, "strict": True}
    return {"type": "json_schema", "json_schema": named}


def calls(content: str | None, *tool_calls: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, "tool_calls": list(tool_calls), **fields}


def result(content: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": "call_1", "content": content}


@pytest.mark.parametrize(
    ("chat_body", "expected"),
    [
        pytest.param(
            body(system("You are a scientist"), user("Hello, Claude")),
            14,
            id="6 documented example: 14",
        ),
        pytest.param(body(), 3, id="6 request: 3"),
        pytest.param(body(user("hello world")), 3 + 4 + 2, id="6 message: 4 + text"),
        pytest.param(
            body(user("hello"), {"role": "assistant", "content": "world"}, user("hello")),
            3 + 3 * (4 + 1),
            id="6 each message counts",
        ),
        pytest.param(
            body(user([text_part("hello"), text_part("world")])), 3 + 4 + 2, id="6 text parts"
        ),
        pytest.param(body(system("hello world")), 3 + 2, id="6 system: text alone"),
        pytest.param(
            body({"role": "developer", "content": "hello"}), 3 + 1, id="6 developer is system"
        ),
        pytest.param(
            body(system([text_part("hello"), text_part("world")])), 3 + 2, id="6 system in parts"
        ),
        pytest.param(
            body(user("hello"), system("world")),
            3 + 5 + 5,
            id="6 a late system message is a message",
        ),
        pytest.param(
            body(calls(None, tool_call("get_weather", '{"a":1}'))),
            3 + 4 + 8 + tokens("get_weather") + tokens('{"a":1}'),
            id="6 tool call: name + arguments + 8",
        ),
        pytest.param(
            body(calls("hello", tool_call("f", "{}"), tool_call("g", "{}"))),
            3 + 4 + 1 + 2 * (8 + 1 + 1),
            id="6 two tool calls beside text",
        ),
        pytest.param(body(result("hello world")), 3 + 4 + 2 + 4, id="6 tool message: 4 + text + 4"),
        pytest.param(
            body(tools=[WEATHER]), 3 + 12 + 8 + tokens(WEATHER_JSON), id="6 tools: 12 and 8 each"
        ),
        pytest.param(
            body(tools=[WEATHER, WEATHER]),
            3 + 12 + 2 * (8 + tokens(WEATHER_JSON)),
            id="6 tools: 12 only once",
        ),
        pytest.param(
            body(tools=[{**WEATHER, "function": {**WEATHER["function"], "strict": True}}]),
            3 + 12 + 8 + tokens(WEATHER_JSON),
            id="6 of a tool only name, description, parameters",
        ),
        pytest.param(
            body(tools=[function_tool("f")]),
            3 + 12 + 8 + tokens('{"name":"f","parameters":{"type":"object"}}'),
            id="6 tool without description",
        ),
        pytest.param(
            body(tools=[{"type": "web_search", "web_search": {"enable": True}}]),
            3 + 12 + 8 + tokens('{"type":"web_search","web_search":{"enable":true}}'),
            id="6 a provider's own tool",
        ),
        pytest.param(body(tools=[], tool_choice="auto"), 3, id="6 no tools, no preamble"),
        *[
            pytest.param(
                body(tools=[WEATHER], tool_choice=choice),
                3 + 12 + more + 8 + tokens(WEATHER_JSON),
                id=f"6 tool_choice {name}: {more}",
            )
            for name, choice, more in (
                ("any", "required", 4),
                ("tool", {"type": "function", "function": {"name": "get_weather"}}, 4),
                ("auto", "auto", 0),
                ("none", "none", 0),
            )
        ],
        pytest.param(
            body(response_format=structured(SCHEMA)),
            3 + 8 + tokens(SCHEMA_JSON),
            id="6 response schema: compact JSON + 8",
        ),
        pytest.param(
            body(response_format={"type": "json_object"}), 3, id="6 json_object has no schema"
        ),
        pytest.param(body(user([image_part(PIXEL)])), 3 + 4 + 1, id="6 image by its size"),
        pytest.param(
            body(user([text_part("hello"), image_part("https://x.test/a.png")])),
            3 + 4 + 1 + 1600,
            id="6 URL image: 1600",
        ),
        pytest.param(
            body(user([file_part(b"/Type /Page " * 2)])), 3 + 4 + 4000, id="6 PDF: 2000 per page"
        ),
        pytest.param(
            body(user([{"type": "input_audio", "input_audio": {}}])), 3 + 4, id="6 other parts: 0"
        ),
        pytest.param(
            body(user("[document omitted: untitled, application/pdf]")),
            3 + 4 + tokens("[document omitted: untitled, application/pdf]"),
            id="6 PDF as its placeholder",
        ),
        pytest.param(
            body(calls("hello", reasoning_content="hello world")),
            3 + 4 + 1 + 2,
            id="6 thinking that is sent",
        ),
        pytest.param(
            body(
                calls(
                    "hello",
                    reasoning_details=[
                        {"type": "reasoning.text", "text": "hello world", "signature": "s" * 400},
                        {"type": "reasoning.summary", "summary": "hello"},
                        {"type": "reasoning.encrypted", "data": "A" * 400},
                    ],
                )
            ),
            3 + 4 + 1 + 3,
            id="6 thinking in details: text alone",
        ),
        pytest.param(body(calls(None)), 3 + 4, id="6 thinking that is not sent: 0"),
        pytest.param(
            body(system("S"), user("hello"), tools=[WEATHER], response_format=structured(SCHEMA)),
            3 + 1 + 5 + 12 + 8 + tokens(WEATHER_JSON) + 8 + tokens(SCHEMA_JSON),
            id="edge 133 system, tools, schema and overhead together",
        ),
    ],
)
def test_chat_tokens(chat_body: dict[str, Any], expected: int) -> None:
    assert count_chat_tokens(chat_body, CL100K) == TokenCount(expected, "tiktoken")


@pytest.mark.parametrize(
    ("choice", "preamble"),
    [
        pytest.param(None, 346, id="6 native, no choice"),
        pytest.param("auto", 346, id="6 native, auto"),
        pytest.param("none", 346, id="6 native, none"),
        pytest.param("required", 313, id="6 native, any"),
        pytest.param({"type": "function", "function": {"name": "f"}}, 313, id="6 native, tool"),
    ],
)
def test_native_targets_have_their_own_preamble(choice: object, preamble: int) -> None:
    chat_body = body(tools=[function_tool("f")], tool_choice=choice)
    tool = tokens('{"name":"f","input_schema":{"type":"object"}}')
    assert count_chat_tokens(chat_body, CL100K, native=True).tokens == 3 + preamble + 8 + tool


def test_documented_weather_tool() -> None:
    """6 documented example: the service says 403, this count 423 (+5 %)."""
    chat_body = body(user(ASK), tools=[WEATHER])
    assert count_chat_tokens(chat_body, CL100K, native=True).tokens == 423


def test_encoding_without_a_table_is_estimated() -> None:
    """6 no tables: the ratios, with the same overheads."""
    chat_body = body(system("a" * 8), user("中" * 12), tools=[function_tool("f")])
    tool = len('{"name":"f","parameters":{"type":"object"}}') / 4
    expected = 3 + 2 + 4 + 10 + 12 + 8 + round(tool + 0.5)
    assert count_chat_tokens(chat_body, "p50k_base") == TokenCount(expected, "estimate")
    assert count_text("a" * 8, "p50k_base") == TokenCount(2, "estimate")


MIB = 1_000_000


@pytest.mark.parametrize("encoding", ["cl100k_base", "o200k_base", "o200k_harmony"])
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a" * MIB, id="6 one letter"),
        pytest.param(" " * MIB, id="6 spaces (a Rust panic when not sliced)"),
        pytest.param("\t" * MIB, id="6 tabs (a Rust panic when not sliced)"),
        pytest.param("\n" * MIB, id="6 newlines"),
        pytest.param("\U0001f600" * (MIB // 4), id="6 emoji"),
        pytest.param("\ud800" * (MIB // 10), id="6 lone surrogates"),
        pytest.param("<|endoftext|>" * (MIB // 20), id="6 special tokens as text"),
    ],
)
@pytest.mark.long(except_every=4)
def test_pathological_texts(text: str, encoding: str) -> None:
    with gevent.Timeout(20):
        count = count_text(text, encoding)
    slices = [text[i : i + 4000] for i in range(0, len(text), 4000)]
    assert count.method == "tiktoken"
    assert count.tokens == sum(count_text(one, encoding).tokens for one in slices)


def test_special_tokens_are_plain_text() -> None:
    assert count_text("<|endoftext|>", CL100K).tokens == 7


def test_rust_panic_is_estimated() -> None:
    """6 the Rust panic (a BaseException) is caught and that slice estimated."""
    table = load_table("o200k_base")
    assert table is not None
    unsliced = " " * MIB
    with pytest.raises(BaseException, match="StackOverflow") as panic:
        table.encode_ordinary(unsliced)
    assert not isinstance(panic.value, Exception)
    assert _slice_tokens(table, unsliced) == MIB // 4


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit, gevent.GreenletExit, ValueError])
def test_other_exceptions_pass(stop: type[BaseException]) -> None:
    class Interrupted(Encoding):
        def __init__(self) -> None:
            pass

        def encode_ordinary(self, text: str) -> list[int]:
            raise stop

    with pytest.raises(stop):
        _slice_tokens(Interrupted(), "text")


@given(st.lists(st.text(max_size=30), max_size=5), st.text(max_size=30))
def test_a_message_adds_4_and_its_text(texts: list[str], one_more: str) -> None:
    before = [user(text) for text in texts]
    count = count_chat_tokens(body(*before), CL100K).tokens
    more = count_chat_tokens(body(*before, user(one_more)), CL100K).tokens
    assert more - count == 4 + count_text(one_more, CL100K).tokens


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(depth):
        schema = {"items": schema}
    return schema


def test_schema_deeper_than_orjson_writes() -> None:
    chat_body = body(tools=[function_tool("f", **nested(300))])
    assert count_chat_tokens(chat_body, CL100K).tokens > 300


def test_schema_with_lone_surrogates() -> None:
    chat_body = body(response_format=structured({"title": "\ud800"}))
    assert count_chat_tokens(chat_body, CL100K).tokens > 3 + 8


@pytest.mark.parametrize(
    ("chat_body", "field"),
    [
        pytest.param(body(tools=[function_tool("f", **nested(2000))]), "tools", id="tool"),
        pytest.param(
            body(response_format=structured(nested(2000))),
            "output_config.format.schema",
            id="response schema",
        ),
    ],
)
def test_schema_too_deep_for_json_names_the_field(chat_body: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest, match=f"^{field}: Input is nested too deeply$"):
        count_chat_tokens(chat_body, CL100K)
