"""Plain request fields: docs/protocol.md 1.1."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from tests.convert.request_builders import (
    CACHE,
    convert,
    fields_beside_messages,
    messages,
    noted,
    says,
    user,
)

STREAM = {"stream": True, "stream_options": {"include_usage": True}}
SOMEBODY = sha256(b"somebody").hexdigest()


def test_minimal_body() -> None:
    chat = convert()
    assert chat.body == {
        "model": "gpt-x",
        "messages": [{"role": "user", "content": "hi"}],
        "max_tokens": 100,
    }
    assert chat.drops.report() == []


@pytest.mark.parametrize(
    ("fields", "flags", "expected", "drops"),
    [
        pytest.param({"stop_sequences": ["a"]}, {}, {"stop": ["a"]}, {}, id="1.1 stop"),
        pytest.param({"stop_sequences": []}, {}, {}, {}, id="1.1 empty stop omitted"),
        pytest.param({"stream": True}, {}, STREAM, {}, id="1.1 stream asks for usage"),
        pytest.param({"stream": False}, {}, {}, {}, id="1.1 stream false omits both"),
        pytest.param(
            {"stream": True},
            {"no_stream_usage": True},
            {"stream": True},
            {},
            id="1.1 P.no_stream_usage",
        ),
        pytest.param({}, {"stream_only": True}, STREAM, {}, id="10.9 stream_only streams upstream"),
        pytest.param(
            {"temperature": 0, "top_p": 0.5},
            {},
            {"temperature": 0, "top_p": 0.5},
            {},
            id="1.1 temperature and top_p forwarded",
        ),
        pytest.param(
            {"temperature": 1, "top_p": 0.5},
            {"no_sampling": True},
            {},
            {"temperature": "noted", "top_p": "noted"},
            id="1.1 P.no_sampling",
        ),
        pytest.param({"top_k": 5}, {}, {}, {"top_k": "noted"}, id="1.1 top_k dropped"),
        pytest.param({"top_k": 5}, {"top_k": True}, {"top_k": 5}, {}, id="1.1 P.top_k"),
        pytest.param(
            {"metadata": {"user_id": "somebody"}},
            {},
            {},
            {"metadata": "routine"},
            id="1.1 metadata dropped",
        ),
        pytest.param(
            {"metadata": {"user_id": "somebody"}},
            {"user_field": "user"},
            {"user": SOMEBODY},
            {},
            id="1.1 P.user_field user",
        ),
        pytest.param(
            {"metadata": {"user_id": "somebody"}},
            {"user_field": "safety_identifier"},
            {"safety_identifier": SOMEBODY},
            {},
            id="1.1 P.user_field safety_identifier",
        ),
        pytest.param(
            {"metadata": {"user_id": None}},
            {"user_field": "user"},
            {},
            {"metadata": "routine"},
            id="1.1 metadata without user",
        ),
        pytest.param(
            {"service_tier": "standard_only"},
            {},
            {},
            {"service_tier": "noted"},
            id="1.1 service_tier dropped",
        ),
        pytest.param({"service_tier": "auto"}, {}, {}, {}, id="1.1 service_tier auto omitted"),
        pytest.param(
            {"service_tier": "standard_only"},
            {"service_tier": True},
            {"service_tier": "default"},
            {},
            id="1.1 P.service_tier standard_only",
        ),
        pytest.param(
            {"service_tier": "auto"},
            {"service_tier": True},
            {},
            {},
            id="1.1 P.service_tier auto omitted",
        ),
        pytest.param(
            {"output_config": {"task_budget": {"type": "tokens", "total": 5}}},
            {},
            {},
            {"output_config.task_budget": "noted"},
            id="1.1 task_budget dropped",
        ),
        pytest.param(CACHE, {}, {}, {"cache_control": "routine"}, id="1.1 cache_control dropped"),
        pytest.param(
            CACHE,
            {"cache": "anthropic"},
            {},
            {"cache_control": "routine"},
            id="1.1 top-level cache_control dropped with a cache too",
        ),
        pytest.param({"speed": "fast"}, {}, {}, {"speed": "noted"}, id="1.1 speed dropped"),
        pytest.param(
            {"inference_geo": "eu"},
            {},
            {},
            {"inference_geo": "noted"},
            id="1.1 inference_geo dropped",
        ),
        pytest.param(
            {"diagnostics": {"previous_message_id": None}},
            {},
            {},
            {"diagnostics": "routine"},
            id="1.1 diagnostics dropped",
        ),
        pytest.param(
            {"container": "c1"}, {}, {}, {"container": "noted"}, id="1.1 container dropped"
        ),
        pytest.param(
            {"fallbacks": [{"model": "m"}]},
            {},
            {},
            {"fallbacks": "noted"},
            id="1.1 fallbacks dropped",
        ),
        pytest.param(
            {"fallback_credit_token": "t", "billing_policy": "p"},
            {},
            {},
            {"fallback_credit_token": "routine", "billing_policy": "routine"},
            id="1.1 fallback_credit_token and billing_policy dropped",
        ),
        pytest.param({"foo": 1}, {}, {}, {"foo": "noted"}, id="edge 6 unknown field dropped"),
        pytest.param(
            {"a\r\nb: c": 1},
            {},
            {},
            {"unknown": "noted"},
            id="edge 6 odd name stays out of a header",
        ),
        pytest.param(
            {"mcp_servers": [], "container": None, "metadata": None, "service_tier": None},
            {},
            {},
            {},
            id="1.1 empty fields are absent",
        ),
        pytest.param(
            dict.fromkeys(("system", "stop_sequences", "stream", "temperature", "tools")),
            {},
            {},
            {},
            id="9 null is absent",
        ),
        pytest.param(
            {"temperature": 0.5, "stop_sequences": ["a"]},
            {"unsupported": ("temperature", "stop", "model", "messages", "seed")},
            {},
            {"temperature": "noted", "stop_sequences=local": "noted"},
            id="10.11 P.unsupported removed, never model and messages",
        ),
        pytest.param(
            {"stream": True},
            {"unsupported": ("stream",)},
            {},
            {"stream": "noted"},
            id="10.11 P.unsupported takes what depends on a field along",
        ),
    ],
)
def test_fields(
    fields: dict[str, Any], flags: dict[str, Any], expected: dict[str, Any], drops: dict[str, str]
) -> None:
    chat = convert(flags=flags, **fields)
    assert fields_beside_messages(chat) == expected
    assert chat.body["model"] == "gpt-x"
    assert noted(chat) == drops


@pytest.mark.parametrize(
    ("limit", "flags", "requested", "expected", "drops"),
    [
        pytest.param(100, {}, 100, {"max_tokens": 100}, {}, id="1.1 max_tokens"),
        pytest.param(
            100,
            {"token_field": "max_completion_tokens"},
            100,
            {"max_completion_tokens": 100},
            {},
            id="1.1 P.token_field",
        ),
        pytest.param(
            32000,
            {"max_output": 8192},
            32000,
            {"max_tokens": 8192},
            {"max_tokens=8192": "noted"},
            id="1.1 P.max_output clamps and says so",
        ),
        pytest.param(
            50,
            {"max_output": 8192},
            32000,
            {"max_tokens": 50},
            {"max_tokens=50": "noted"},
            id="1.1 a limit resolved before is noted too",
        ),
        pytest.param(50, {}, None, {"max_tokens": 50}, {}, id="1.1 a default is no loss"),
        pytest.param(None, {}, None, {}, {}, id="1.1 counting sends no limit"),
    ],
)
def test_output_limit(
    limit: int | None,
    flags: dict[str, Any],
    requested: int | None,
    expected: dict[str, int],
    drops: dict[str, str],
) -> None:
    chat = convert(flags=flags, limit=limit, max_tokens=requested)
    assert {k: v for k, v in chat.body.items() if "tokens" in k} == expected
    assert noted(chat) == drops


def test_model_of_the_answer_is_the_clients() -> None:
    assert convert().reply.model == "claude-x"


def test_model_may_come_from_the_path_alone() -> None:
    assert convert(model=None).reply.model == "gpt-x"


def test_plain_profile_flags_reach_the_reply() -> None:
    reply = convert(flags={"think_tags": True, "tool_args": "buffer"}).reply
    assert (reply.think_tags, reply.tool_args) == (True, "buffer")


def test_calls_in_text_need_tools_that_may_be_called_and_the_flag() -> None:
    tools = [{"name": "Read", "input_schema": {"type": "object"}}]
    chat = convert(tools=tools)
    assert (chat.reply.text_tool_calls, chat.reply.messages) == (True, chat.body["messages"])
    for fields, flags in (
        ({}, {}),
        ({"tools": tools}, {"text_tool_calls": False}),
        ({"tools": tools, "tool_choice": {"type": "none"}}, {}),
        ({"tools": tools, "tool_choice": {"type": "none"}}, {"tool_choice": "auto_only"}),
        (
            {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
            {"web_search": "options"},
        ),
    ):
        reply = convert(flags=flags, **fields).reply
        assert (reply.text_tool_calls, reply.messages) == (False, ())


def test_messages_are_not_a_place_for_request_fields() -> None:
    assert messages(user("hi"), speed="fast") == [says("user", "hi")]
