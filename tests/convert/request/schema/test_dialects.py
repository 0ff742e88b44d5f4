"""Schemas pass the rules of each service, and arguments come back as the client's schema says."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from proxy.convert.reply.client_values import restored
from proxy.convert.request.converted import ConvertedRequest
from proxy.convert.request.messages_to_chat import message_request_to_chat
from proxy.convert.request.schema.dialect import (
    CACHE_BYTES,
    DEEPEST,
    LARGEST,
    Dialect,
    Rewritten,
    dialect_of,
    in_dialect,
    rewrite,
)
from proxy.convert.request.schema.drafts import draft_2020
from proxy.convert.request.schema.steps import STEPS
from proxy.failures.schema_refusals import GRAMMARS
from proxy.providers.profiles import Profile, overridden, profile_for
from proxy.providers.profiles.schema_dialects import SchemaStep
from tests.convert.request.schema import service_rules
from tests.convert.request.schema.random_schemas import FAITHFUL, JUNK, ODD, values_for

HOSTS = {
    "openai": "api.openai.com",
    "gemini": "generativelanguage.googleapis.com",
    "moonshot": "api.moonshot.ai",
    "mistral": "api.mistral.ai",
    "llamacpp": "localhost:8080",
}
PROFILES: dict[str, Profile] = {name: profile_for(host, "m") for name, host in HOSTS.items()}
BEDROCK = overridden(Profile(), {"schema_steps": ("draft_2020", "merge_root")})
"""What a gateway to Bedrock has after its first refusal."""
PROFILES["bedrock"] = BEDROCK
CLAUDE_CODE: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("claude_code_2_1_197.json").read_text("utf-8")
)
"""The schemas of its tools by their names, as it sent them, with the descriptions cut."""
SERVICES = pytest.mark.parametrize("service", sorted(service_rules.RULES))


def parameters_sent(schema: dict[str, Any], profile: Profile) -> Any:
    """The parameters of a tool with ``schema`` in the body for ``profile``."""
    return tool_of(schema, profile).body["tools"][0]["function"].get("parameters")


@SERVICES
@given(schema=ODD)
@settings(max_examples=60, deadline=None)
def test_any_schema_passes_the_rules_of_a_service(service: str, schema: dict[str, Any]) -> None:
    before = deepcopy(schema)
    sent = parameters_sent(schema, PROFILES[service])
    assert service_rules.RULES[service](sent) == []
    assert schema == before, "the client's schema is not modified"


@given(schema=ODD)
@settings(max_examples=60, deadline=None)
def test_an_answers_schema_is_strict_only_if_the_rules_of_strict_mode_hold(
    schema: dict[str, Any],
) -> None:
    request = {
        "messages": [{"role": "user", "content": "hi"}],
        "output_config": {"format": {"type": "json_schema", "schema": schema}},
    }
    chat = message_request_to_chat(request, PROFILES["openai"], model="m", max_tokens=100)
    sent = chat.body["response_format"]["json_schema"]
    assert service_rules.openai(sent["schema"]) == []
    if sent["strict"]:
        assert service_rules.openai_strict(sent["schema"]) == []


@given(schema=ODD)
@settings(max_examples=60, deadline=None)
def test_after_a_refused_grammar_any_schema_compiles(schema: dict[str, Any]) -> None:
    healed = overridden(Profile(), GRAMMARS.flags(Profile()))
    sent = parameters_sent(schema, healed)
    assert service_rules.llamacpp(sent) == []
    assert service_rules.xgrammar(sent) == []


def test_strict_schemas_are_not_rare() -> None:
    schema = CLAUDE_CODE["TaskGet"]
    request = {
        "messages": [{"role": "user", "content": "hi"}],
        "output_config": {"format": {"type": "json_schema", "schema": schema}},
    }
    chat = message_request_to_chat(request, PROFILES["openai"], model="m", max_tokens=100)
    assert chat.body["response_format"]["json_schema"]["strict"] is True


@SERVICES
@pytest.mark.parametrize("name", sorted(CLAUDE_CODE))
def test_claude_codes_tools_pass_the_rules_of_a_service(service: str, name: str) -> None:
    sent = parameters_sent(CLAUDE_CODE[name], PROFILES[service])
    assert service_rules.RULES[service](sent) == []


def test_claude_codes_tools_go_to_a_gateway_before_bedrock_as_they_are() -> None:
    for schema in CLAUDE_CODE.values():
        assert parameters_sent(schema, Profile()) == schema
        assert service_rules.bedrock(schema) == []


def rewritten_for(service: str, schema: dict[str, Any]) -> Rewritten:
    dialect = dialect_of(PROFILES[service])
    assert isinstance(dialect, Dialect)
    return rewrite(schema, dialect)


@pytest.mark.parametrize("service", ["gemini", "moonshot"])
@given(data=st.data(), schema=FAITHFUL)
@settings(max_examples=60, deadline=None)
def test_values_come_back_as_the_clients_schema_says(
    service: str, data: st.DataObject, schema: dict[str, Any]
) -> None:
    done = rewritten_for(service, schema)
    value = data.draw(values_for(done.schema))
    text = restored(json.dumps(value), schema) if done.recoded else json.dumps(value)
    errors = list(Draft202012Validator(draft_2020(schema)).iter_errors(json.loads(text)))
    assert [error.message for error in errors] == []


@pytest.mark.parametrize("name", sorted(STEPS))
@given(schema=st.one_of(ODD, JUNK))
@settings(max_examples=40, deadline=None)
def test_a_step_alone_takes_any_schema(name: SchemaStep, schema: dict[str, Any]) -> None:
    before = deepcopy(schema)
    for for_answers in (False, True):
        done = rewrite(schema, Dialect((name,), (), (), for_answers))
        json.dumps(done.schema)
        assert [step for step, _ in done.steps] == ([name] if done.schema != schema else [])
    assert schema == before


@given(arguments=st.one_of(JUNK, st.dictionaries(st.sampled_from("abc"), JUNK)), schema=JUNK)
@settings(max_examples=100, deadline=None)
def test_any_arguments_are_read_by_any_schema(
    arguments: dict[str, Any], schema: dict[str, Any]
) -> None:
    assert json.loads(restored(json.dumps(arguments), schema)).keys() == arguments.keys()


def tool_of(schema: dict[str, Any], profile: Profile) -> ConvertedRequest:
    request = {
        "messages": [{"role": "user", "content": "hi"}],
        "tools": [{"name": "t", "input_schema": schema}],
    }
    return message_request_to_chat(request, profile, model="m", max_tokens=100)


UNION = {
    "type": "object",
    "properties": {
        "n": {"type": "integer", "enum": [1, 2]},
        "u": {"type": "string", "format": "uri"},
    },
    "anyOf": [{"required": ["n"]}, {"required": ["u"]}],
    "$schema": "http://json-schema.org/draft-07/schema#",
}


def test_the_dry_run_names_every_rewrite() -> None:
    chat = tool_of(UNION, PROFILES["gemini"])
    report = {(row["name"], row["became"], row["routine"]) for row in chat.drops.report()}
    place = "tools.input_schema"
    assert report == {
        (place, "merge_root", False),
        (place, "string_formats", False),
        (place, "enum_strings", True),
        (f"{place}.$schema", None, True),
    }
    assert chat.drops.header() == f"{place}=merge_root, {place}=string_formats"


def test_a_rewritten_schema_is_kept() -> None:
    """Requests of a session bring the same schemas, parsed anew."""
    first = tool_of(deepcopy(UNION), PROFILES["gemini"])
    second = tool_of(deepcopy(UNION), PROFILES["gemini"])
    other = tool_of(deepcopy(UNION), PROFILES["openai"])
    sent = [chat.body["tools"][0]["function"]["parameters"] for chat in (first, second, other)]
    assert sent[0] is sent[1]
    assert sent[0] != sent[2]
    assert first.drops.report() == second.drops.report()


def test_what_is_kept_is_limited() -> None:
    dialect = dialect_of(PROFILES["gemini"])
    assert dialect is not None
    wide = {**UNION, "description": "x" * 200_000}
    first = in_dialect({**wide, "title": "first"}, dialect).schema
    for number in range(CACHE_BYTES // 200_000 + 1):
        in_dialect({**wide, "title": f"{number}"}, dialect)
    again = in_dialect({**wide, "title": "first"}, dialect).schema
    assert again == first
    assert again is not first


def test_the_order_in_a_profile_has_no_meaning() -> None:
    steps = PROFILES["gemini"].schema_steps
    turned = Dialect(steps[::-1], (), ())
    assert rewrite(UNION, turned) == rewrite(UNION, Dialect(steps, (), ()))


@pytest.mark.parametrize("name", ["too large", "too deep"])
def test_what_is_too_large_or_too_deep_is_sent_as_it_is(name: str) -> None:
    schema: dict[str, Any] = {**UNION, "description": "x" * LARGEST}
    if name == "too deep":
        inner: dict[str, Any] = {"const": 1}
        for _ in range(DEEPEST):
            inner = {"items": inner}
        schema = {"type": "object", "properties": {"a": inner}}
    assert parameters_sent(schema, PROFILES["gemini"]) is schema


STRING = {"type": "string"}
NUMBERS = {"enum": list(range(12_000))}
HOSTILE: dict[str, dict[str, Any]] = {
    "a long enum in every branch": {"a": {**NUMBERS, "anyOf": [{"title": str(n)} for n in range(140)]}},
    "a long definition used often": {f"p{n}": {"$ref": "#/$defs/e", "minLength": 1} for n in range(900)},
    "definitions that multiply": {"a": {"$ref": "#/$defs/d0"}},
    "unions that multiply": {"a": {"$ref": "#/$defs/u0"}},
    "a root in every branch": {"a": {"type": "string", "anyOf": [{"$ref": "#"}] * 2000}},
    "many parts": {"a": {"allOf": [{"properties": {f"p{n}": STRING}} for n in range(2000)]}},
}  # fmt: skip
DEFINITIONS: dict[str, Any] = {
    "e": NUMBERS,
    **{f"d{n}": {"properties": {c: {"$ref": f"#/$defs/d{n + 1}"} for c in "abcdefgh"}} for n in range(30)},
    **{f"u{n}": {"minLength": n, "anyOf": [{"$ref": f"#/$defs/u{n + 1}"}] * 9} for n in range(30)},
}  # fmt: skip


@pytest.mark.parametrize("service", sorted(HOSTS))
@pytest.mark.parametrize("name", HOSTILE)
def test_no_schema_grows_beyond_measure(name: str, service: str) -> None:
    schema = {"type": "object", "properties": HOSTILE[name], "$defs": DEFINITIONS}
    dialect = dialect_of(PROFILES[service])
    assert dialect is not None
    size = len(json.dumps(schema))
    assert size < LARGEST
    assert len(json.dumps(in_dialect(schema, dialect).schema)) < 20 * size + LARGEST
