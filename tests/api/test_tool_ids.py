"""Tool call ids over HTTP: they come back, and an upstream's limit is learned (10.2, 10.11)."""

from __future__ import annotations

from typing import Any, cast

import pytest
from flask.testing import FlaskClient

from tests.api.conftest import message_request
from tests.api.test_messages import events_of
from tests.upstream_stub import Script, UpstreamStub, completion, json_answer, tool_stream

PATH = "/v1/messages"
TOOL = {"name": "Read", "input_schema": {"type": "object", "properties": {}}}
OWN = "functions.Read:0"
LONG = "call_8f2a6c1e4b__thought__" + "Q2lRQjVvb3dKYXNo" * 16


def history(tool_id: str) -> list[dict[str, Any]]:
    call = {"type": "tool_use", "id": tool_id, "name": "Read", "input": {}}
    result = {"type": "tool_result", "tool_use_id": tool_id, "content": "text"}
    return [
        {"role": "user", "content": "read"},
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [result]},
    ]


def sent_ids(upstream: UpstreamStub) -> list[tuple[str, str]]:
    """The id of the call and that of its result, in each request that had them."""
    return [
        (sent.json["messages"][1]["tool_calls"][0]["id"], sent.json["messages"][2]["tool_call_id"])
        for sent in upstream.requests
        if len(sent.json["messages"]) > 1
    ]


def calling(stream: bool) -> Script:
    if stream:
        return tool_stream((OWN, "Read", "{}"))
    call = {"id": OWN, "type": "function", "function": {"name": "Read", "arguments": "{}"}}
    return json_answer(completion(None, "tool_calls", tool_calls=[call]))


@pytest.mark.parametrize("stream", [False, True])
def test_10_2_a_models_own_ids_come_back(
    client: FlaskClient, upstream: UpstreamStub, stream: bool
) -> None:
    upstream.answer(calling(stream), json_answer(completion("ok")))
    first = client.post(PATH, json=message_request(stream=stream, tools=[TOOL]))
    blocks = (
        [e["content_block"] for e in events_of(first.data) if e["type"] == "content_block_start"]
        if stream
        else cast(Any, first.json)["content"]
    )
    tool_id = blocks[0]["id"]
    assert tool_id.startswith("toolu_cp1_")
    request = message_request(tools=[TOOL], messages=history(tool_id))
    assert client.post(PATH, json=request).status_code == 200
    assert sent_ids(upstream) == [(OWN, OWN)]


def test_10_11_the_longest_id_is_learned(client: FlaskClient, upstream: UpstreamStub) -> None:
    message = (
        "Invalid 'messages[1].tool_calls[0].id': string too long. Expected a string with maximum "
        f"length 40, but got a string with length {len(LONG)} instead."
    )
    param = "messages[1].tool_calls[0].id"
    refusal = {"error": {"message": message, "param": param, "code": "string_above_max_length"}}
    answer = json_answer(completion("ok"))
    upstream.answer(json_answer(refusal, 400), answer, answer)
    request = message_request(tools=[TOOL], messages=history(LONG))
    assert [client.post(PATH, json=request).status_code for _ in range(2)] == [200, 200]
    refused, healed, again = sent_ids(upstream)
    assert refused == (LONG, LONG)
    assert healed == again
    assert healed[0] == healed[1]
    assert len(healed[0]) <= 40
