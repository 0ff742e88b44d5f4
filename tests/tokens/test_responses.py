"""Counting a Responses body: as the same content counts in a Chat Completions body (R 1.5)."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.convert.request.messages_to_chat import message_request_to_chat
from proxy.convert.request.responses.messages_to_responses import messages_to_responses
from proxy.providers.profiles.base import Profile
from proxy.tokens import cheap_estimate, count_chat_tokens
from tests.convert.request_builders import (
    PDF,
    assistant,
    call,
    document,
    image,
    result,
    thinking,
    tool,
    user,
)
from tests.convert.responses_builders import HOME, state
from tests.tokens.test_count import CL100K, tokens

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}


def counts(*turns: dict[str, Any], **fields: Any) -> tuple[int, int]:
    """Tokens of the same request as a Chat Completions and as a Responses body."""
    flags = fields.pop("flags", {})
    request = {"model": "m", "max_tokens": 9, "messages": list(turns), **fields}
    profile = Profile(**{"pdf": "file", **flags})
    chat = message_request_to_chat(request, profile, model="m", max_tokens=9)
    ours = messages_to_responses(request, profile, model="m", max_tokens=9, origin=HOME)
    estimates = [cheap_estimate(each.body) for each in (chat, ours)]
    assert estimates[1] == pytest.approx(estimates[0], abs=4)
    first, second = (count_chat_tokens(each.body, CL100K).tokens for each in (chat, ours))
    return first, second


@pytest.mark.parametrize(
    ("turns", "fields"),
    [
        pytest.param([user("hello there")], {}, id="text"),
        pytest.param([user("a"), assistant("b"), user("c")], {"system": "S"}, id="system"),
        pytest.param([user("a", image(), document(PDF))], {}, id="media"),
        pytest.param(
            [user("a"), assistant("b", call(q="x")), user(result("found it"))], {}, id="tool call"
        ),
        pytest.param(
            [user("a")],
            {"tools": [tool(description="D")], "tool_choice": {"type": "any"}},
            id="tools",
        ),
        pytest.param(
            [user("a")],
            {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
            id="schema",
        ),
        pytest.param(
            [user("a")],
            {
                "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
                "flags": {"text_format": "response_format"},
            },
            id="schema in Chat's field",
        ),
        pytest.param(
            [user("a")], {"system": "S", "flags": {"system_field": "developer"}}, id="first item"
        ),
    ],
)
def test_counts_as_for_chat(turns: list[dict[str, Any]], fields: dict[str, Any]) -> None:
    chat, ours = counts(*turns, **fields)
    assert ours == chat


def test_call_without_text_is_no_message() -> None:
    chat, ours = counts(user("a"), assistant(call(q="x")), user(result("found it")))
    assert ours == chat - 4


def test_image_in_an_output_counts_as_an_image() -> None:
    parts, moved = (
        count_chat_tokens(
            messages_to_responses(
                {"messages": [user("a"), assistant(call()), user(result([image()]))]},
                Profile(tool_output_parts=inside),
                model="m",
                max_tokens=None,
            ).body,
            CL100K,
        ).tokens
        for inside in (True, False)
    )
    moved_message = 4 + tokens("(see attached image)") + tokens("[image from tool result t1]")
    assert moved - parts == moved_message
    assert parts > 1600


def test_encrypted_reasoning_counts_nothing_and_plain_reasoning_its_text() -> None:
    turns = [user("a"), assistant(thinking("some thought", state()), "b"), user("c")]
    request = {"messages": turns}
    without, encrypted, plain = (
        count_chat_tokens(
            messages_to_responses(
                request, Profile(reasoning_items=form), model="m", max_tokens=None, origin=HOME
            ).body,
            CL100K,
        ).tokens
        for form in ("drop", "encrypted", "text")
    )
    assert encrypted == without
    assert plain - without == tokens("some thought")


def test_search_of_the_upstream() -> None:
    action = {"type": "search", "query": "q"}
    item = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": action}
    body = {"model": "m", "input": [item, {"type": "unknown"}]}
    assert count_chat_tokens(body, CL100K).tokens == (
        3 + 8 + tokens('{"type":"search","query":"q"}')
    )
