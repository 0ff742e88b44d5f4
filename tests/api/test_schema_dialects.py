"""A gateway whose service is not known refuses schemas by that service's rules, and is satisfied."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.api.conftest import message_request
from tests.convert.request.schema.service_rules import RULES, xgrammar
from tests.upstream_stub import Recorded, Script, UpstreamStub, completion, json_answer

PATH = "/v1/messages"
STATE = {"type": "integer", "enum": [0, 1, 2]}
SCHEMAS: dict[str, dict[str, Any]] = {
    "an array without items": {
        "type": "object",
        "properties": {"state": STATE, "tags": {"type": "array"}},
    },
    "a union at the root": {
        "type": "object",
        "properties": {"state": STATE, "raw": {"type": "string"}},
        "anyOf": [{"required": ["raw"]}, {"required": ["state"]}],
    },
    "objects in a union at the root": {
        "type": "object",
        "oneOf": [
            {"type": "object", "properties": {"state": STATE}},
            {"type": "object", "properties": {"url": {"type": "string", "format": "uri"}}},
        ],
    },
    "a recursion": {
        "type": "object",
        "properties": {"state": STATE, "root": {"$ref": "#/$defs/node"}},
        "$defs": {
            "node": {
                "type": "object",
                "properties": {
                    "name": {"const": "n"},
                    "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
                },
            }
        },
    },
    "draft 4": {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "type": "object",
        "properties": {
            "state": STATE,
            "page": {"type": "integer", "minimum": 0, "exclusiveMinimum": True},
            "free": {"type": "object", "properties": {}, "additionalProperties": True},
        },
    },
    "what no grammar can say": {
        "type": "object",
        "properties": {
            "state": STATE,
            "code": {"type": "string", "pattern": r"^(?!x)\d+$", "maxLength": 500_000},
            "set": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
        },
    },
}
RULES_OF = {**RULES, "xgrammar": xgrammar}
WORDS = {
    "openai": "Invalid schema for function 'set': {}",
    "gemini": "* GenerateContentRequest.tools[0].function_declarations[0].{}",
    "moonshot": "tools.function.parameters is not a valid moonshot flavored json schema: <{}>",
    "mistral": "Invalid tool schema: {}",
    "bedrock": "Validation error: {}. It must match JSON Schema draft 2020-12",
    "llamacpp": "failed to parse grammar: {}",
    "xgrammar": "The provided JSON schema contains features not supported by xgrammar. {}",
}


@pytest.mark.parametrize("name", SCHEMAS)
@pytest.mark.parametrize("service", WORDS)
def test_an_unknown_gateway_is_satisfied_and_the_client_gets_its_values(
    client: FlaskClient, upstream: UpstreamStub, service: str, name: str
) -> None:
    refusals: list[str] = []

    def judge(sent: Recorded) -> Script:
        schema = sent.json["tools"][0]["function"].get("parameters")
        complaints = RULES_OF[service](schema)
        if complaints:
            refusals.append(WORDS[service].format(complaints[0]))
            return json_answer({"error": {"message": refusals[-1]}}, 400)
        enum = schema.get("properties", {}).get("state", STATE).get("enum", [2])
        arguments = json.dumps({"state": enum[-1]})
        call = {"id": "c1", "type": "function", "function": {"name": "set", "arguments": arguments}}
        whole: dict[str, Any] = completion("")
        whole["choices"][0] |= {
            "message": {"role": "assistant", "tool_calls": [call]},
            "finish_reason": "tool_calls",
        }
        return json_answer(whole)

    upstream.default = judge
    request = message_request(tools=[{"name": "set", "input_schema": SCHEMAS[name]}])
    first = client.post(PATH, json=request)
    assert first.status_code == 200, first.json
    message = first.get_json()
    assert message["content"][-1]["input"] == {"state": 2}
    asked = len(upstream.requests)
    assert asked <= 4
    # A dialect is remembered, a grammar that could not be parsed heals this request only.
    grammars = sum("grammar" in refusal.lower() for refusal in refusals)
    assert client.post(PATH, json=request).status_code == 200
    assert len(upstream.requests) == asked + 1 + grammars
