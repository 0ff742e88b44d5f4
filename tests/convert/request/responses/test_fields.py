"""Top-level fields of a Responses request (R 2.1, 2.5, 2.6)."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import orjson
import pytest

from proxy.errors import InvalidRequest
from tests.convert.request_builders import (
    CACHE,
    assistant,
    noted,
    system,
    text,
    tool,
    user,
)
from tests.convert.responses_builders import (
    BREAKPOINT,
    body,
    convert,
    fields_beside_input,
    part,
    says,
)

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
FORMAT = {"type": "json_schema", "schema": {**SCHEMA, "additionalProperties": False}}
STRICT_SCHEMA = {**SCHEMA, "additionalProperties": False, "required": ["a"]}
UUID = "0a1b2c3d-0000-4000-8000-000000000001"
NEVER_SENT = (
    "previous_response_id",
    "conversation",
    "background",
    "truncation",
    "context_management",
    "prompt",
    "moderation",
    "top_logprobs",
    "user",
    "metadata",
    "stop",
)


def hashed(value: str) -> str:
    return sha256(value.encode()).hexdigest()


def test_the_least_request() -> None:
    converted = convert()
    assert converted.api == "responses"
    assert converted.body == {
        "model": "gpt-x",
        "input": [says("user", "hi")],
        "max_output_tokens": 100,
        "store": False,
    }
    assert converted.drops.report() == []
    assert converted.reply.max_tokens == 100
    assert converted.reply.model == "claude-x"


def test_a_full_request_sends_no_field_that_keeps_or_refers_to_state() -> None:
    converted = convert(
        user("hi"),
        flags={"user_field": "safety_identifier", "cache_key": True},
        metadata={"user_id": "u"},
        stop_sequences=["x"],
        context_management={"edits": []},
    )
    assert not set(NEVER_SENT) & set(converted.body)


@pytest.mark.parametrize(
    ("flags", "limit", "expected", "header"),
    [
        ({}, 100, 100, ""),
        ({"min_output": 16}, 1, 16, "max_tokens=16"),
        ({"max_output": 50}, 100, 50, "max_tokens=50"),
        ({}, None, None, ""),
    ],
)
def test_limit(flags: dict[str, Any], limit: int | None, expected: int | None, header: str) -> None:
    converted = convert(flags=flags, limit=limit, max_tokens=limit)
    assert converted.body.get("max_output_tokens") == expected
    assert converted.reply.max_tokens == expected
    assert converted.drops.header() == header


def test_token_field_of_chat_is_not_used() -> None:
    sent = body(flags={"token_field": "max_completion_tokens"})
    assert "max_completion_tokens" not in sent
    assert sent["max_output_tokens"] == 100


def test_system_becomes_instructions_without_billing_header() -> None:
    blocks = [text("x-anthropic-billing-header: a=1"), text("A"), text("B", **CACHE)]
    converted = convert(system=blocks)
    assert converted.body["instructions"] == "A\n\nB"
    assert noted(converted) == {"cache_control": "routine"}


@pytest.mark.parametrize("role", ["developer", "system"])
def test_system_field_names_the_role_of_a_first_item(role: str) -> None:
    sent = body(system="A", flags={"system_field": role})
    assert "instructions" not in sent
    assert sent["input"] == [says(role, "A"), says("user", "hi")]


def test_marked_system_block_makes_it_a_developer_message() -> None:
    flags = {"cache": "breakpoint"}
    sent = body(system=[text("A"), text("B", **CACHE)], flags=flags)
    assert "instructions" not in sent
    assert sent["input"][0] == says("developer", [part("A"), part("B", **BREAKPOINT)])
    assert body(system=[text("A"), text("B")], flags=flags)["instructions"] == "A\n\nB"


def test_last_four_breakpoints_are_kept() -> None:
    turns = [user(text(str(number), **CACHE)) for number in range(5)]
    between = [turn for each in turns for turn in (each, assistant("ok"))]
    converted = convert(*between[:-1], system=[text("S", **CACHE)], flags={"cache": "breakpoint"})
    marked = [
        each["text"]
        for item in converted.body["input"]
        if isinstance(item["content"], list)
        for each in item["content"]
        if "prompt_cache_breakpoint" in each
    ]
    assert marked == ["1", "2", "3", "4"]


def test_markers_of_anthropic_form_do_not_exist_here() -> None:
    converted = convert(user(text("a", **CACHE)), flags={"cache": "anthropic"})
    assert converted.body["input"] == [says("user", "a")]
    assert noted(converted) == {"cache_control": "routine"}


def test_stream() -> None:
    assert fields_beside_input(convert(stream=True)) == {"stream": True}
    assert fields_beside_input(convert(stream=True, flags={"no_obfuscation": True})) == {
        "stream": True,
        "stream_options": {"include_obfuscation": False},
    }
    assert fields_beside_input(convert(flags={"no_obfuscation": True})) == {}
    assert fields_beside_input(convert(flags={"stream_only": True})) == {"stream": True}


def test_store_is_false_unless_the_upstream_does_not_know_it() -> None:
    assert body()["store"] is False
    assert "store" not in body(flags={"store": False})


@pytest.mark.parametrize(
    ("flags", "included"),
    [
        ({}, None),
        ({"thinking_style": "effort"}, ["reasoning.encrypted_content"]),
        ({"thinking_style": "effort", "reasoning_items": "text"}, None),
        ({"thinking_style": "effort", "reasoning_items": "drop"}, None),
        ({"reasoning_items": "encrypted"}, ["reasoning.encrypted_content"]),
    ],
)
def test_include(flags: dict[str, Any], included: list[str] | None) -> None:
    assert body(flags=flags).get("include") == included


def test_stop_sequences_are_cut_here() -> None:
    converted = convert(stop_sequences=["</block>", "b"], flags={"max_stop": 4})
    assert "stop" not in converted.body
    assert converted.reply.cut_here == ("</block>", "b")
    assert converted.reply.stop_sequences == ("</block>", "b")
    assert converted.drops.header() == "stop_sequences=local"


def test_sampling() -> None:
    asked: dict[str, Any] = {"temperature": 0.5, "top_p": 0.9, "top_k": 5}
    converted = convert(**asked)
    assert fields_beside_input(converted) == {"temperature": 0.5, "top_p": 0.9}
    assert converted.drops.header() == "top_k"
    sent = convert(**asked, flags={"no_sampling": True, "top_k": True}, not_checked=["top_k"])
    assert fields_beside_input(sent) == {"top_k": 5}
    assert sent.drops.header() == "temperature, top_p"


def test_schema_of_the_answer() -> None:
    sent = body(output_config={"format": FORMAT})
    assert sent["text"] == {
        "format": {
            "type": "json_schema",
            "name": "output",
            "schema": STRICT_SCHEMA | sent["text"]["format"]["schema"],
            "strict": True,
        }
    }
    assert sent["text"]["format"]["schema"]["required"] == ["a"]
    assert body(output_format=FORMAT)["text"] == sent["text"]


def test_open_schema_is_not_strict() -> None:
    open_schema = {"type": "object", "additionalProperties": {"type": "string"}}
    converted = convert(output_config={"format": {"type": "json_schema", "schema": open_schema}})
    assert converted.body["text"]["format"]["strict"] is False
    assert converted.drops.header() == "output_config.format=not_strict"


def test_answers_of_upstreams_without_schemas() -> None:
    converted = convert(output_config={"format": FORMAT}, flags={"structured": "json_object"})
    assert converted.body["text"] == {"format": {"type": "json_object"}}
    assert converted.body["instructions"].startswith("Answer with one JSON value")
    assert converted.drops.header() == "output_config.format=json_object"
    none = convert(output_config={"format": FORMAT}, flags={"structured": "none"})
    assert "text" not in none.body
    assert none.body["instructions"].startswith("Answer with one JSON value")


def test_text_format_of_llama_cpp() -> None:
    sent = body(
        output_config={"format": FORMAT},
        flags={"text_format": "response_format"},
        not_checked=["response_format"],
    )
    assert "text" not in sent
    assert sent["response_format"]["type"] == "json_schema"
    assert sent["response_format"]["json_schema"]["name"] == "output"


def test_service_tier() -> None:
    flags = {"service_tier": True}
    assert body(service_tier="standard_only", flags=flags)["service_tier"] == "default"
    assert "service_tier" not in body(service_tier="auto", flags=flags)
    dropped = convert(service_tier="standard_only")
    assert "service_tier" not in dropped.body
    assert dropped.drops.header() == "service_tier"


def test_rest_is_noted_as_for_chat() -> None:
    converted = convert(container={"id": "c"}, speed="fast", diagnostics={"a": 1})
    assert fields_beside_input(converted) == {}
    assert noted(converted) == {
        "container": "noted",
        "speed": "noted",
        "diagnostics": "routine",
    }


@pytest.mark.parametrize(
    ("user_id", "session", "person"),
    [
        pytest.param(
            orjson.dumps({"device_id": "d", "account_uuid": "a", "session_id": "s"}).decode(),
            "s",
            "a",
            id="Claude Code",
        ),
        pytest.param(
            orjson.dumps({"device_id": "d", "account_uuid": "", "session_id": "s"}).decode(),
            "s",
            "d",
            id="without account",
        ),
        pytest.param(f"user_d_account_a_session_{UUID}", UUID, "a", id="older"),
        pytest.param(f"user_d_account__session_{UUID}", UUID, "d", id="older, without account"),
        pytest.param("somebody", None, "somebody", id="a name"),
        pytest.param("{no json", None, "{no json", id="no JSON"),
        pytest.param('{"session_id": 5}', None, '{"session_id": 5}', id="no strings"),
        pytest.param("{}", None, "{}", id="empty JSON"),
    ],
)
def test_user(user_id: str, session: str | None, person: str) -> None:
    flags = {"cache_key": True, "user_field": "safety_identifier"}
    converted = convert(metadata={"user_id": user_id}, flags=flags)
    key = {"prompt_cache_key": hashed(session)} if session else {}
    assert fields_beside_input(converted) == {**key, "safety_identifier": hashed(person)}
    assert converted.drops.report() == []


def test_user_only_as_far_as_the_upstream_takes_it() -> None:
    metadata = {"user_id": f"user_d_account_a_session_{UUID}"}
    for flags in ({}, {"user_field": "user"}):
        converted = convert(metadata=metadata, flags=flags)
        assert fields_beside_input(converted) == {}
        assert noted(converted) == {"metadata": "routine"}
    only_key = fields_beside_input(convert(metadata=metadata, flags={"cache_key": True}))
    assert only_key == {"prompt_cache_key": hashed(UUID)}
    assert len(only_key["prompt_cache_key"]) == 64


def test_sessions_of_one_device_have_different_keys() -> None:
    flags = {"cache_key": True, "user_field": "safety_identifier"}
    first, second = (
        body(metadata={"user_id": f"user_{'d' * 64}_account_a_session_{n}"}, flags=flags)
        for n in (1, 2)
    )
    assert first["prompt_cache_key"] != second["prompt_cache_key"]
    assert first["safety_identifier"] == second["safety_identifier"]


def test_unsupported_fields_are_removed_with_those_that_need_them() -> None:
    flags = {
        "unsupported": ("tools", "stream", "store", "max_output_tokens", "input", "model"),
        "no_obfuscation": True,
    }
    choice = {"type": "any", "disable_parallel_tool_use": True}
    converted = convert(stream=True, tools=[tool()], tool_choice=choice, flags=flags)
    assert converted.body == {"model": "gpt-x", "input": [says("user", "hi")]}
    assert converted.drops.header() == "max_output_tokens, store, stream, tools"
    assert list(converted.reply.functions) == []
    assert converted.reply.max_tokens is None


def test_reply_knows_what_only_the_request_says() -> None:
    flags = {"silent_cut": True, "eof_ends": True, "think_tags": True}
    reply = convert(flags=flags, thinking={"type": "enabled", "budget_tokens": 2000}).reply
    assert (reply.silent_cut, reply.eof_ends, reply.think_tags) == (True, True, True)
    assert reply.thinking_asked
    assert not convert(thinking={"type": "disabled"}).reply.thinking_asked
    assert convert(origin="abc").reply.origin == "abc"


def test_context_edits_are_applied() -> None:
    edit = {"type": "clear_thinking_20251015", "keep": {"type": "thinking_turns", "value": 1}}
    old = {"type": "thinking", "thinking": "long " * 50, "signature": "x"}
    converted = convert(
        user("a"),
        assistant(old, "A"),
        user("b"),
        assistant(old, "B"),
        user("c"),
        context_management={"edits": [edit]},
    )
    management = converted.reply.context_management
    assert management is not None
    assert [each["type"] for each in management["applied_edits"]] == ["clear_thinking_20251015"]


def test_a_request_without_a_user_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="at least one user message"):
        convert(system("only a prompt"))
