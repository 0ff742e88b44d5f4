"""What holds for every request and profile under Responses; the corpora of Chat pass the SDK's types too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import cache
from typing import Any

import orjson
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from openai.types.responses.response_create_params import ResponseCreateParamsStreaming
from pydantic import TypeAdapter, ValidationError

from proxy.convert.request.responses.messages_to_responses import messages_to_responses
from proxy.errors import InvalidRequest
from proxy.providers.profiles.base import Profile
from proxy.providers.profiles.overrides import overridden
from proxy.schemas import load_message_request
from tests.convert.chat_types import responses_problems
from tests.convert.random_requests import FLAGS, REQUESTS
from tests.convert.responses_builders import HOME, body, state
from tests.paths import GOLDEN

NAMES = sorted(path.name for path in (GOLDEN / "requests").glob("*.in.json"))
OWN_FIELDS = ("top_k", "plugins", "reasoning")
"""Fields that other upstreams have, or in other forms (``reasoning`` at OpenRouter)."""
OWN_FLAGS = st.fixed_dictionaries(
    {},
    optional={
        "api": st.just("responses"),
        "web_search": st.sampled_from(["tool", "plugin", "options"]),
        "reasoning_items": st.sampled_from(["encrypted", "text", "drop"]),
        "system_field": st.sampled_from(["developer", "system"]),
        "tool_output_parts": st.just(False),
        "phase": st.just(True),
        "store": st.just(False),
        "cache_key": st.just(True),
        "no_obfuscation": st.just(True),
        "user_field": st.just("safety_identifier"),
        "prefill_items": st.just("error"),
    },
)


@settings(max_examples=150, deadline=None)
@given(REQUESTS, FLAGS, OWN_FLAGS, st.booleans())
def test_laws(
    request: dict[str, Any], flags: dict[str, Any], own: dict[str, Any], ours: bool
) -> None:
    if ours:
        _sign(request["messages"])
    before = deepcopy(request)
    profile = Profile(**(flags | own))
    try:
        converted = messages_to_responses(request, profile, model="m", max_tokens=100, origin=HOME)
    except InvalidRequest as refused:
        event(refused.message)
        assert request == before
        return
    event("converted")
    assert request == before, "the request is not changed"
    _check_items(converted.body["input"])
    checked = {name: each for name, each in converted.body.items() if name not in OWN_FIELDS}
    assert responses_problems(checked) == []
    assert orjson.dumps(converted.body)


def _sign(turns: Sequence[dict[str, Any]]) -> None:
    """Give the thinking of ``turns`` state of this upstream."""
    for turn in turns:
        for block in turn["content"] if isinstance(turn["content"], list) else ():
            if block["type"] == "thinking":
                block["signature"] = state()
            elif block["type"] == "redacted_thinking":
                block["data"] = state("rs_2")


def _check_items(items: Sequence[Mapping[str, Any]]) -> None:
    open_calls: list[str] = []
    previous: Mapping[str, Any] = {}
    for item in items:
        kind = item["type"]
        if kind == "function_call_output":
            assert item["call_id"] in open_calls, "an output behind its call"
            open_calls.remove(item["call_id"])
        elif kind == "function_call":
            open_calls.append(item["call_id"])
        elif kind == "message" and item["role"] != "assistant":
            assert not open_calls, "every call is answered first"
        if kind == "message":
            assert item["content"], "no empty content"
            if item["role"] == "user":
                assert previous.get("role") != "user", "one message of the user"
        if previous.get("type") == "reasoning":
            assert item.get("role") not in ("user", "system", "developer"), "a follower"
            assert kind != "function_call_output"
        assert "status" not in item
        assert kind == "reasoning" or "id" not in item
        previous = item
    assert previous["type"] != "reasoning"
    assert any(i["type"] == "function_call_output" or i.get("role") == "user" for i in items)


@cache
def _adapter() -> TypeAdapter[Any]:
    return TypeAdapter(ResponseCreateParamsStreaming)


@pytest.mark.parametrize("name", NAMES)
def test_golden_requests_of_chat_pass_the_types(name: str) -> None:
    case = orjson.loads((GOLDEN / "requests" / name).read_bytes())
    request: dict[str, Any] = load_message_request(case["request"])
    profile = overridden(Profile(prefill_items="send"), {**case["profile"], "prefill": "send"})
    converted = messages_to_responses(
        request, profile, model=case["model"], max_tokens=case["max_tokens"], origin=HOME
    )
    checked = {each: value for each, value in converted.body.items() if each not in OWN_FIELDS}
    assert responses_problems(checked) == []
    streamed = {**checked, "stream": True}
    _adapter().validate_python(streamed)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(
            {"input": [{"type": "reasoning", "summary": [], "encrypted_content": "x"}]},
            id="reasoning without id",
        ),
        pytest.param(
            {
                "input": [
                    {
                        "type": "message",
                        "role": "user",
                        "content": [{"type": "input_image", "image_url": "u"}],
                    }
                ]
            },
            id="image without detail",
        ),
        pytest.param({"tool_choice": {"type": "web_search"}}, id="choice of a search"),
        pytest.param({"tools": [{"type": "function", "name": "a"}]}, id="without strict"),
    ],
)
def test_the_checkers_themselves(wrong: dict[str, Any]) -> None:
    sent = {**body(), "stream": True, **wrong}
    assert responses_problems(sent)
    if "tools" not in wrong:
        with pytest.raises(ValidationError):
            _adapter().validate_python(sent)
    assert responses_problems({**body(), "unknown": 1}) == ["body.unknown: unknown"]
