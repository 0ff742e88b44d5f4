"""The plain checks against marshmallow's own nested validation, and both against any JSON."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marshmallow import fields

from proxy.errors import InvalidRequest
from proxy.schemas import check_chat_support, load_count_request, load_message_request, wording
from proxy.schemas.fields import Items
from proxy.schemas.request import COUNT, DEFAULTED_MESSAGE, MESSAGE
from tests.schemas.body_builders import (
    Json,
    assistant,
    claude_code_request,
    claude_code_search_request,
    image,
    request,
    system,
    text,
    tool,
    tool_result,
    tool_use,
    user,
)

SHAPES = [MESSAGE, DEFAULTED_MESSAGE, COUNT]

DOCUMENT = {
    "type": "document",
    "title": "T",
    "source": {"type": "content", "content": [text(), image()]},
}
ADDITION = {
    "type": "tool_addition",
    "tool": {"type": "tool_definition", "definition": tool("write")},
}
REMOVAL = {"type": "tool_removal", "tool": {"type": "tool_reference", "name": "write"}}
EDITS = [
    {"type": "clear_thinking_20251015", "keep": {"type": "thinking_turns", "value": 2}},
    {
        "type": "clear_tool_uses_20250919",
        "trigger": {"type": "input_tokens", "value": 5},
        "keep": {"type": "tool_uses", "value": 3},
        "clear_at_least": {"type": "input_tokens", "value": 5},
        "exclude_tools": ["read"],
        "clear_tool_inputs": ["read"],
    },
]
KITCHEN_SINK = request(
    user(
        text(cache_control={"type": "ephemeral"}),
        DOCUMENT,
        {"type": "search_result", "source": "S", "title": "T", "content": [text()]},
        {"type": "mid_conv_system", "content": [text()]},
        {"type": "compaction", "content": None, "tool_changes": [ADDITION]},
    ),
    assistant(
        {"type": "thinking", "thinking": "x", "signature": "s"},
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
        {
            "type": "web_search_tool_result",
            "tool_use_id": "s",
            "content": [{"type": "web_search_result", "url": "u", "title": "t"}],
        },
        {
            "type": "web_fetch_tool_result",
            "tool_use_id": "s",
            "content": {"type": "web_fetch_result", "url": "u", "content": DOCUMENT},
        },
        {"type": "mcp_tool_result", "tool_use_id": "s", "content": [text()], "is_error": False},
        tool_use(),
    ),
    user(tool_result(content=[image(), {"type": "tool_reference", "tool_name": "x"}, DOCUMENT])),
    system(text("now"), ADDITION, REMOVAL),
    {"role": "system", "output_config": {"effort": "low"}},
    system="be brief",
    stop_sequences=["END"],
    stream=True,
    temperature=0.5,
    top_p=1,
    top_k=5,
    tools=[
        tool(strict=True, input_examples=[{}]),
        {"type": "computer_20250124", "name": "computer", "display_width_px": 1024},
        {"type": "web_search_20250305", "name": "web_search", "user_location": {}},
    ],
    tool_choice={"type": "tool", "name": "read", "disable_parallel_tool_use": True},
    thinking={"type": "enabled", "budget_tokens": 1024, "display": "omitted"},
    output_config={"effort": "high", "format": {"type": "json_schema", "schema": {}}},
    output_format={"type": "json_schema", "schema": {}},
    metadata={"user_id": "u"},
    service_tier="auto",
    context_management={"edits": EDITS},
)
BODIES = [KITCHEN_SINK, claude_code_request(), claude_code_search_request(), request()]

REPLACEMENTS: list[Any] = [
    None,
    True,
    0,
    -1,
    5.0,
    5.5,
    1e30,
    "",
    "x",
    "text",
    "tool_use",
    "tool_result",
    "image",
    "assistant",
    "system",
    '{"a": 1}',
    [],
    {},
    [None],
    ["x"],
    [text()],
    {"type": "text"},
    {"type": "none"},
    {"type": []},
    text(),
    tool_use(),
    tool_result(),
]
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every member and item below ``value``."""
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, member in items:
        yield (*path, key)
        yield from paths(member, (*path, key))


PATHS = [[path for path in paths(body) if "input_schema" not in path] for body in BODIES]


@st.composite
def mutated_bodies(draw: st.DrawFn) -> Json:
    """A valid body in which up to three values were replaced, removed or given a new neighbour."""
    number = draw(st.integers(0, len(BODIES) - 1))
    body = copy.deepcopy(BODIES[number])
    for path in draw(st.lists(st.sampled_from(PATHS[number]), max_size=3)):
        holder: Any = body
        for key in path[:-1]:
            try:
                holder = holder[key]
            except (KeyError, IndexError, TypeError):
                holder = None
        if not isinstance(holder, dict if isinstance(path[-1], str) else list):
            continue
        action = draw(st.sampled_from(["replace", "remove", "add"]))
        value = copy.deepcopy(draw(st.sampled_from(REPLACEMENTS) | JSON_VALUES))
        if action == "remove" and isinstance(holder, dict):
            holder.pop(path[-1], None)
        elif action == "add" and isinstance(holder, list):
            holder.append(value)
        elif isinstance(holder, dict) or path[-1] < len(holder):
            holder[path[-1]] = value
    decoded: Json = orjson.loads(orjson.dumps(body))
    return decoded


@settings(max_examples=400)
@given(mutated_bodies(), st.sampled_from(SHAPES))
def test_the_fast_check_says_what_the_full_schema_says(body: Json, shape: Any) -> None:
    accepted = shape.accepts(body)
    worded = shape.full.validate(body)
    with pytest.MonkeyPatch.context() as patch:
        # marshmallow's own list looks at every item, without the plain checks.
        patch.setattr(Items, "_deserialize", fields.List._deserialize)
        errors = shape.full.validate(body)
    assert accepted == (not errors) == (not worded)
    if errors:
        assert wording.first_error(errors) == wording.first_error(worded) != ""


def reason_or_request(load: Any, body: Any, **options: Any) -> str | Json:
    """The refusal's message, or the request; any other exception is a failure."""
    try:
        loaded: Json = load(body, **options)
        check_chat_support(loaded)
    except InvalidRequest as error:
        return error.message
    return loaded


@settings(max_examples=200)
@given(mutated_bodies() | JSON_VALUES, st.booleans(), st.sampled_from([0, 10]))
def test_any_json_gives_a_request_or_a_reason(body: Any, strict: bool, image_chars: int) -> None:
    options = {"strict": strict, "api_version": "2026-10-21", "image_max_chars": image_chars}
    for load in (load_message_request, load_count_request):
        outcome = reason_or_request(load, orjson.dumps(body), **options)
        assert outcome
        if isinstance(outcome, dict):
            assert reason_or_request(load, copy.deepcopy(outcome), **options) == outcome


@given(st.binary(max_size=200))
def test_any_bytes_give_a_request_or_a_reason(body: bytes) -> None:
    assert reason_or_request(load_message_request, body)


def test_the_bodies_to_mutate_are_valid() -> None:
    for body in BODIES:
        load_message_request(copy.deepcopy(body))
