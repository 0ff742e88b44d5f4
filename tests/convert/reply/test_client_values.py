"""Arguments for a rewritten schema become the values of the client's schema (protocol.md 1.8)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.convert.reply.chat_to_message import chat_to_message
from proxy.convert.reply.client_values import restored
from proxy.convert.request.messages_to_chat import message_request_to_chat
from proxy.providers.profiles import profile_for
from tests.convert.chunk_builders import body, end, tool, translated

STATE = {"type": "integer", "enum": [0, 1, 2]}
FREE = {"type": "object"}


def members(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


@pytest.mark.parametrize(
    ("schema", "arguments", "expected"),
    [
        pytest.param(members(a=STATE), {"a": "1"}, {"a": 1}, id="a number"),
        pytest.param(
            members(a={"enum": [1.5, True, None]}), {"a": "true"}, {"a": True}, id="truth"
        ),
        pytest.param(members(a={"const": 7}), {"a": "7"}, {"a": 7}, id="a constant"),
        pytest.param(members(a={"enum": [1, "1"]}), {"a": "1"}, {"a": "1"}, id="a string stays"),
        pytest.param(members(a=STATE), {"a": "7"}, {"a": "7"}, id="a value that is not listed"),
        pytest.param(members(a=STATE), {"a": 1}, {"a": 1}, id="a number as it came"),
        pytest.param(
            members(a=members(b={"type": "array", "items": STATE})),
            {"a": {"b": ["0", "2"]}},
            {"a": {"b": [0, 2]}},
            id="at any depth",
        ),
        pytest.param(
            members(a={"anyOf": [{"type": "null"}, STATE]}), {"a": "2"}, {"a": 2}, id="in a union"
        ),
        pytest.param(
            members(a={"anyOf": [{"type": "string"}, STATE]}),
            {"a": "2"},
            {"a": "2"},
            id="in a union with strings",
        ),
        pytest.param(
            {**members(a={"$ref": "#/$defs/s"}), "$defs": {"s": STATE}},
            {"a": "2"},
            {"a": 2},
            id="by a reference",
        ),
        pytest.param(
            {**members(), "oneOf": [members(a=STATE), members(b=STATE)]},
            {"b": "2"},
            {"b": 2},
            id="in a branch of the root",
        ),
        pytest.param({**FREE, "additionalProperties": STATE}, {"x": "2"}, {"x": 2}, id="in a map"),
        pytest.param(
            members(a={"type": "array", "prefixItems": [{"type": "string"}, STATE]}),
            {"a": ["1", "1"]},
            {"a": ["1", 1]},
            id="in a tuple",
        ),
        pytest.param(
            members(a=FREE), {"a": '{"x": [1]}'}, {"a": {"x": [1]}}, id="JSON of an object"
        ),
        pytest.param(members(a=FREE), {"a": "{x"}, {"a": "{x"}, id="no JSON"),
        pytest.param(members(a=FREE), {"a": "[1]"}, {"a": "[1]"}, id="JSON of another type"),
        pytest.param(members(a={}), {"a": '{"x": 1}'}, {"a": {"x": 1}}, id="JSON of anything"),
        pytest.param(members(a={}), {"a": "five"}, {"a": "five"}, id="text of anything"),
        pytest.param(
            members(a={"type": "string"}),
            {"a": '{"x": 1}'},
            {"a": '{"x": 1}'},
            id="a string of JSON",
        ),
    ],
)
def test_restored(schema: dict[str, Any], arguments: Any, expected: Any) -> None:
    text = json.dumps(arguments)
    assert json.loads(restored(text, schema)) == expected
    if arguments == expected:
        assert restored(text, schema) is text, "what needs no change keeps its form"


@pytest.mark.parametrize(
    ("levels", "decoded"), [(64, True), (65, False), (500, False), (9999, False)]
)
def test_json_in_a_string_that_is_nested_too_deeply_stays_a_string(
    levels: int, decoded: bool
) -> None:
    value = "[" * levels + "]" * levels
    arguments = json.dumps({"a": value})
    schema = members(a={"type": "array"})
    expected = f'{{"a":{value}}}' if decoded else arguments
    assert restored(arguments, schema) == expected


class Counting(dict[str, Any]):
    """A schema that counts how often its ``enum`` or ``items`` is read."""

    reads = 0

    def get(self, key: str, default: Any = None) -> Any:
        self.reads += key in ("enum", "items")
        return super().get(key, default)


@pytest.mark.parametrize("items", [1, 1000])
def test_the_values_of_an_enum_are_read_no_more_often_for_more_items(items: int) -> None:
    item = Counting(enum=[*range(100)])
    schema = members(a={"type": "array", "items": item})
    text = restored(json.dumps({"a": ["99"] * items}), schema)
    assert json.loads(text) == {"a": [99] * items}
    assert item.reads < 5


@pytest.mark.parametrize("items", [3, 1000])
def test_the_schemas_of_an_array_are_read_no_more_often_for_more_items(items: int) -> None:
    array = Counting(type="array", prefixItems=[STATE], items={"enum": [7]})
    text = restored(json.dumps({"a": ["2"] + ["7"] * (items - 1)}), members(a=array))
    assert json.loads(text) == {"a": [2] + [7] * (items - 1)}
    assert array.reads < 20


@pytest.mark.parametrize("text", ["", "{", '{"a": 1', "nothing"])
def test_what_is_no_json_stays(text: str) -> None:
    assert restored(text, members(a=STATE)) == text


@pytest.fixture
def converted() -> Any:
    """A request for Gemini with a tool whose enum goes out as strings."""
    schema = members(state=STATE, note={"type": "string"})
    request = {
        "messages": [{"role": "user", "content": "hi"}],
        "tools": [{"name": "set_state", "input_schema": schema}],
    }
    profile = profile_for("generativelanguage.googleapis.com", "gemini-3-pro")
    return message_request_to_chat(request, profile, model="gemini-3-pro", max_tokens=100)


def test_a_whole_answer(converted: Any) -> None:
    sent = converted.body["tools"][0]["function"]["parameters"]["properties"]
    assert sent["state"] == {"type": "string", "enum": ["0", "1", "2"]}
    arguments = '{"state": "2", "note": "2"}'
    call = {
        "id": "c1",
        "type": "function",
        "function": {"name": "set_state", "arguments": arguments},
    }
    completion = {"choices": [{"message": {"tool_calls": [call]}, "finish_reason": "tool_calls"}]}
    message = chat_to_message(completion, converted.reply)
    assert message["content"][0]["input"] == {"state": 2, "note": "2"}


@pytest.mark.parametrize(
    "pieces", [['{"state": "2", "note": "é"}'], ['{"sta', 'te": "', '2", "note": "é"}']]
)
def test_a_stream(converted: Any, pieces: list[str]) -> None:
    chunks = [tool(0, "c1", "set_state", "")] + [tool(0, arguments=piece) for piece in pieces]
    events = body(translated([*chunks, end("tool_calls")], converted.reply))
    assert events[:2] == ["0 tool_use c1 set_state", 'input_json_delta {"state":2,"note":"é"}']
