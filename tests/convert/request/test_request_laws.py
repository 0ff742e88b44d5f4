"""What holds for every request and profile: docs/protocol.md section 2, edge cases 4, 18, 90."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import orjson
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from proxy.convert.request.messages_to_chat import message_request_to_chat
from proxy.errors import InvalidRequest
from proxy.providers.profiles.base import Profile
from tests.convert.chat_types import problems
from tests.convert.random_requests import FILED, FLAGS, REQUESTS

OWN_FIELDS = {
    "reasoning",
    "enable_thinking",
    "thinking_budget",
    "thinking",
    "plugins",
    "continue_final_message",
    "add_generation_prompt",
    "top_k",
}
"""Fields of single upstreams that the SDK's types do not know."""
OWN_MEMBERS = {"reasoning_content", "reasoning_details", "prefix", "cache_control"}


@settings(max_examples=200, deadline=None)
@given(REQUESTS, FLAGS)
def test_laws(request: dict[str, Any], flags: dict[str, Any]) -> None:
    before = deepcopy(request)
    try:
        chat = message_request_to_chat(request, Profile(**flags), model="m", max_tokens=100)
    except InvalidRequest as refused:
        event(refused.message)
        assert request == before
        return
    event("converted")
    assert request == before, "the request is not changed"
    messages = chat.body["messages"]
    _check_order(messages)
    _check_content(messages, flags)
    assert problems(_plain(chat.body)) == []
    assert orjson.dumps(chat.body)


def _check_order(messages: Sequence[Mapping[str, Any]]) -> None:
    open_calls: set[str] = set()
    previous = ""
    for message in messages:
        role = message["role"]
        if role == "tool":
            assert message["tool_call_id"] in open_calls, "a result directly behind its call"
            open_calls.discard(message["tool_call_id"])
        else:
            assert not open_calls or message is messages[-1], "every call is answered first"
            open_calls = {call["id"] for call in message.get("tool_calls", ())}
            assert role != previous or role not in ("user", "assistant"), "roles alternate"
        previous = role
    assert sum(message["role"] in ("user", "tool") for message in messages)


def _check_content(messages: Sequence[Mapping[str, Any]], flags: Mapping[str, Any]) -> None:
    for message in messages:
        content = message["content"]
        if "tool_calls" in message and not content:
            assert content == (None if flags.get("null_content", True) else "")
            continue
        assert content, "no empty content"
        if isinstance(content, list):
            assert all(part.get("text", "-") for part in content), "no empty part"
        if not flags.get("cache") and isinstance(content, list):
            assert any(part["type"] != "text" for part in content), "text alone is a string"


def _plain(value: Any) -> Any:
    """``value`` without what single upstreams have beyond the SDK's types."""
    if isinstance(value, Mapping):
        return {
            key: _plain(member)
            for key, member in value.items()
            if key not in OWN_MEMBERS and not (key in OWN_FIELDS and "messages" in value)
        }
    return [_plain(item) for item in value] if isinstance(value, list) else value


@settings(max_examples=30, deadline=None)
@given(REQUESTS, FILED, st.data())
def test_file_sources_are_refused_where_they_stand(
    request: dict[str, Any], block: dict[str, Any], data: st.DataObject
) -> None:
    turns = request["messages"]
    index = data.draw(st.integers(0, len(turns)))
    turns.insert(index, {"role": "user", "content": [block]})
    with pytest.raises(InvalidRequest) as refused:
        message_request_to_chat(request, Profile(), model="m", max_tokens=None)
    assert refused.value.message == (
        f"messages.{index}.content.0.{block['type']}.source: "
        "file sources are not supported by this upstream"
    )


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param({}, ["body.messages: missing", "body.model: missing"], id="missing"),
        pytest.param(
            {"model": "m", "messages": [], "top_k": 1}, ["body.top_k: unknown"], id="unknown"
        ),
        pytest.param(
            {"model": "m", "messages": [{"role": "user", "content": 1}]},
            ["body.messages.0.content: 1 is not <class 'str'>"],
            id="wrong type",
        ),
        pytest.param(
            {"model": "m", "messages": [], "tools": [{"type": "function", "function": {}}]},
            ["body.tools.0.function.name: missing"],
            id="missing inside",
        ),
    ],
)
def test_the_checker_itself(body: dict[str, Any], expected: list[str]) -> None:
    assert sorted(problems(body)) == expected
