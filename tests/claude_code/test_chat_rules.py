"""The strict upstream refuses what real services refuse, or the other tests prove nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.claude_code.chat_rules import Rules, complaint

USER = {"role": "user", "content": "hi"}
SYSTEM = {"role": "system", "content": "be kind"}
PIXEL = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}


def call(number: int, name: str = "look") -> dict[str, Any]:
    function = {"name": name, "arguments": "{}"}
    return {"id": f"call_{number}", "type": "function", "function": function}


def calling(*numbers: int, content: str | None = None) -> dict[str, Any]:
    return {"role": "assistant", "content": content, "tool_calls": [call(n) for n in numbers]}


def result(number: int) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": f"call_{number}", "content": "seen"}


def tool(**function: Any) -> dict[str, Any]:
    whole = {"name": "look", "parameters": {"type": "object", "properties": {}}, **function}
    return {"type": "function", "function": whole}


def body(*messages: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    return {"model": "m", "messages": list(messages or [USER]), **fields}


@pytest.mark.parametrize(
    "request_body",
    [
        pytest.param(body(), id="least"),
        pytest.param(body(SYSTEM, USER, max_tokens=16384), id="system first"),
        pytest.param(body(stream=True, stream_options={"include_usage": True}), id="stream"),
        pytest.param(body(USER, calling(0, 1), result(1), result(0), USER), id="both answered"),
        pytest.param(body({"role": "user", "content": [PIXEL]}), id="image"),
        pytest.param(body(tools=[tool()], tool_choice="required"), id="tool"),
    ],
)
def test_good(request_body: dict[str, Any]) -> None:
    assert complaint(request_body, Rules()) is None


@pytest.mark.parametrize(
    ("request_body", "words"),
    [
        pytest.param([], "parse", id="not an object"),
        pytest.param(body(top_k=1), "Unrecognized request argument", id="unknown field"),
        pytest.param(body(temperature=None), "null", id="null field"),
        pytest.param(body(max_tokens=16385), "supports at most 16384 completion", id="limit"),
        pytest.param(body(stream=False), "'stream'", id="stream false"),
        pytest.param(body(stream_options={"include_usage": True}), "only allowed", id="options"),
        pytest.param(body(tools=[]), "too short", id="no tools"),
        pytest.param(body(tool_choice="auto"), "only allowed", id="choice without tools"),
        pytest.param(body(tools=[tool(name="a.b")]), "pattern", id="tool name"),
        pytest.param(body(tools=[tool(name="x" * 65)]), "pattern", id="long tool name"),
        pytest.param(body(tools=[tool(cache_control={})]), "Unknown parameter", id="tool key"),
        pytest.param(body(tools=[tool(parameters={"type": "object"})]), "missing", id="schema"),
        pytest.param(body(tools=[tool(), tool()]), "unique", id="same tool twice"),
        pytest.param(body(USER, SYSTEM, USER), "beginning", id="late system"),
        pytest.param(body(SYSTEM, SYSTEM, USER), "beginning", id="two systems"),
        pytest.param(body(USER, USER), "alternate", id="user twice"),
        pytest.param(body(USER, {"role": "assistant", "content": "a"}), "last", id="prefill"),
        pytest.param(body({"role": "user", "content": ""}), "non-empty", id="empty content"),
        pytest.param(body({"role": "user", "content": []}), "empty array", id="no parts"),
        pytest.param(body({**USER, "cache_control": {}}), "unsupported", id="message key"),
        pytest.param(body(USER, calling(0), USER), "did not have response", id="unanswered"),
        pytest.param(body(USER, calling(0, 1), result(0), USER), "call_1", id="half answered"),
        pytest.param(body(USER, calling(0), USER, result(0)), "call_0", id="late answer"),
        pytest.param(body(USER, result(0)), "must be a response", id="orphan"),
        pytest.param(body(USER, calling(0), result(0), result(0)), "response", id="twice"),
        pytest.param(body(USER, calling(0, content=""), result(0)), "non-empty", id="blank text"),
    ],
)
def test_bad(request_body: object, words: str) -> None:
    error = complaint(request_body, Rules())
    assert error is not None
    assert words in error["message"]
