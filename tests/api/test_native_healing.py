"""Refusals of native upstreams: repeated once with a change, or passed on as they are."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from proxy.api.context import EXTENSION
from tests.api.test_native import KEY, MESSAGE, PATH, native_app, native_events, streamed
from tests.upstream_stub import Recorded, Script, UpstreamStub, json_answer

FOREIGN = {"type": "thinking", "thinking": "Hm.", "signature": "c2lnbmVk"}
OURS = {"type": "thinking", "thinking": "Hm.", "signature": "cp1.x"}
ASK = {"role": "user", "content": "q"}
TEXT = {"type": "text", "text": "a"}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "done"}
NOTE = {"role": "system", "content": "Agent types: none."}


@pytest.fixture
def client(upstream: UpstreamStub) -> Any:
    made = native_app(upstream)
    yield made
    made.application.extensions[EXTENSION].close()


def refusal(message: str, status: int = 400) -> Script:
    error = {"type": "invalid_request_error", "message": message}
    return json_answer({"type": "error", "error": error, "request_id": "req_up"}, status)


def strict(sent: Recorded) -> Script:
    """As the Messages API: signatures, thinking before calls, no system turns."""
    for at, turn in enumerate(sent.json["messages"]):
        if turn["role"] == "system":
            return refusal(
                'messages: Unexpected role "system". The Messages API accepts a top-level'
            )
        blocks = turn["content"] if isinstance(turn["content"], list) else []
        if any(block["type"] == "thinking" for block in blocks):
            return refusal(f"messages.{at}.content.0: Invalid `signature` in `thinking` block")
        if "thinking" in sent.json and any(block["type"] == "tool_use" for block in blocks):
            return refusal(
                f"messages.{at}.content.0.type: Expected `thinking` or `redacted_thinking`, but found"
                " `tool_use`."
            )
    return json_answer(MESSAGE)


def ask(client: FlaskClient, *turns: Any, **fields: Any) -> Any:
    body = {"model": "claude-up", "max_tokens": 9, "messages": list(turns), **fields}
    return client.post(PATH, json=body, headers=KEY)


@pytest.mark.parametrize("signature", ["c2lnbmVk", "", "cp1.x", "c2lnbmVk" * 400, "déjà"])
def test_8_a_foreign_signature_does_not_end_the_session(
    client: FlaskClient, upstream: UpstreamStub, signature: str
) -> None:
    upstream.default = strict
    turns = [
        ASK,
        {"role": "assistant", "content": [{**FOREIGN, "signature": signature}, TEXT]},
        ASK,
    ]
    response = ask(client, *turns)
    assert (response.status_code, response.json) == (200, MESSAGE)
    assert response.headers["x-claude-proxy-dropped"] == "thinking"
    assert upstream.requests[-1].json["messages"][1]["content"] == [TEXT]
    assert len(upstream.requests) == (1 if signature.startswith("cp1.") else 2)


def test_8_one_refusal_after_the_other(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.default = strict
    response = ask(
        client,
        ASK,
        {"role": "assistant", "content": [FOREIGN, OURS, CALL]},
        {"role": "user", "content": [RESULT]},
        NOTE,
        thinking={"type": "enabled", "budget_tokens": 1024},
    )
    assert response.status_code == 200
    assert (
        response.headers["x-claude-proxy-dropped"] == "system=user, thinking;n=2, thinking=disabled"
    )
    tagged = {"type": "text", "text": "<system>\nAgent types: none.\n</system>"}
    assert upstream.requests[-1].json == {
        "model": "claude-up",
        "max_tokens": 9,
        "messages": [
            ASK,
            {"role": "assistant", "content": [CALL]},
            {"role": "user", "content": [RESULT, tagged]},
        ],
    }
    assert len(upstream.requests) == 4


def test_8_the_next_request_goes_up_as_it_came(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(refusal("system message must be at the beginning", 500), json_answer(MESSAGE))
    upstream.default = json_answer(MESSAGE)
    assert ask(client, ASK, NOTE).headers["x-claude-proxy-dropped"] == "system=user"
    assert "x-claude-proxy-dropped" not in ask(client, ASK, NOTE).headers
    first, _, last = (request.body for request in upstream.requests)
    assert first == last


@pytest.mark.parametrize(
    ("message", "status"),
    [
        ("messages.1.content.0: Invalid `signature` in `thinking` block", 401),
        ("messages.1.content.0: Invalid `signature` in `thinking` block", 429),
        ("max_tokens: 9 > 8, which is the maximum allowed number of output tokens", 400),
        ("messages.1: `tool_use` ids were found without `tool_result` blocks", 400),
        ("prompt is too long: 9 tokens > 8 maximum", 400),
    ],
)
def test_8_any_other_refusal_is_the_upstreams_own_and_not_repeated(
    client: FlaskClient, upstream: UpstreamStub, message: str, status: int
) -> None:
    upstream.default = refusal(message, status)
    response = ask(client, ASK, {"role": "assistant", "content": [FOREIGN, TEXT]}, NOTE)
    assert response.status_code == status
    assert response.json is not None
    assert response.json["error"]["message"] == message
    assert "x-claude-proxy-dropped" not in response.headers
    assert len(upstream.requests) == 1


def test_8_a_change_that_does_not_help_is_made_once(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    upstream.default = refusal("messages.1.content.0: Invalid `signature` in `thinking` block")
    response = ask(client, ASK, {"role": "assistant", "content": [FOREIGN, TEXT]})
    assert response.status_code == 400
    assert response.json is not None
    assert response.json["request_id"] == "req_up"
    assert len(upstream.requests) == 2


def test_8_a_stream_is_healed_too(client: FlaskClient, upstream: UpstreamStub) -> None:
    events = native_events()
    upstream.answer(refusal("Invalid `signature` in `thinking` block"), streamed(*events))
    response = ask(client, ASK, {"role": "assistant", "content": [FOREIGN, TEXT]}, stream=True)
    assert response.data == b"".join(events)
    assert response.headers["x-claude-proxy-dropped"] == "thinking"
