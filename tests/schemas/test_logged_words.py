"""What the log gets of a refusal: the field and the kind of the complaint, no text of the client."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.convert.request.drops import Drops
from proxy.convert.request.messages_to_chat import message_request_to_chat
from proxy.errors import InvalidRequest, logged_words
from proxy.providers.profiles.base import Profile
from proxy.schemas import load_message_request
from tests.convert.request_builders import convert
from tests.convert.request_builders import tool as declared
from tests.convert.request_builders import user as said
from tests.schemas.body_builders import (
    Json,
    assistant,
    image,
    refusal,
    request,
    system,
    text,
    tool,
    tool_result,
    tool_use,
    user,
)

WORD = "canaryword"
SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 8}
REMOVAL = {"type": "tool_removal", "tool": {"type": "tool_reference", "name": "b"}}
PAPER = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "d"}}
BODIES = (
    request(
        user(text(), image(), PAPER),
        assistant(text(), tool_use()),
        user(tool_result(content=[text(), image()])),
        assistant({"type": "thinking", "thinking": "t", "signature": "s"}, text()),
        user("more"),
        system(text(), REMOVAL),
        system=[text()],
        tools=[
            tool("a"),
            tool("b"),
            {"type": "bash_20250124", "name": "bash"},
            SEARCH,
            {"type": "computer_toolset_20260801", "configs": {"zoom": {"enabled": False}}},
        ],
        tool_choice={"type": "tool", "name": "a"},
        thinking={"type": "enabled", "budget_tokens": 1024},
        metadata={"user_id": "u"},
        stop_sequences=["x"],
        stream=True,
        temperature=1.0,
        output_config={"effort": "low"},
        context_management={"edits": [{"type": "clear_tool_uses_20250919"}]},
    ),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value below ``value``."""
    if path:
        yield path
    if isinstance(value, dict):
        items: list[tuple[Any, Any]] = list(value.items())
    else:
        items = list(enumerate(value)) if isinstance(value, list) else []
    for step, member in items:
        yield from places(member, (*path, step))


def planted(body: Json, path: tuple[Any, ...], how: str) -> Json:
    """``body`` with ``WORD`` at ``path``: as the value, as its end, in a list, or as its name."""
    changed = copy.deepcopy(body)
    owner: Any = changed
    for step in path[:-1]:
        owner = owner[step]
    old = owner[path[-1]]
    if how == "name" and isinstance(owner, dict):
        owner[WORD] = owner.pop(path[-1])
    elif how == "end" and isinstance(old, str):
        owner[path[-1]] = old + WORD
    else:
        owner[path[-1]] = {"value": WORD, "list": [WORD], "object": {WORD: WORD}}.get(how, WORD)
    return changed


CHANGES = st.sampled_from(
    [
        (body, path, how)
        for body in BODIES
        for path in places(body)
        if path[0] != "model"
        for how in ("value", "end", "list", "object", "name")
    ]
)


@settings(max_examples=1000)
@given(st.lists(CHANGES, min_size=1, max_size=2), st.booleans())
def test_no_word_of_a_refused_request_is_for_the_log(changes: list[Any], strict: bool) -> None:
    body: Json = changes[0][0]
    for _, path, how in changes:
        try:
            body = planted(body, path, how)
        except (KeyError, IndexError, TypeError, AttributeError):
            # The first change has removed the place of the second.
            continue
    assert WORD not in words_for_the_log(orjson.dumps(body), strict)


def words_for_the_log(body: bytes, strict: bool) -> str:
    """What the access line has of the refusal of ``body``, or of what its conversion left out."""
    try:
        loaded = load_message_request(body, strict=strict)
        profile = Profile(server_tools="drop")
        chat = message_request_to_chat(loaded, profile, model="m", max_tokens=9)
    except InvalidRequest as error:
        return logged_words(error.message)
    return chat.drops.logged()


@pytest.mark.parametrize("body", BODIES)
def test_they_are_accepted_as_they_are(body: Json) -> None:
    assert words_for_the_log(orjson.dumps(body), False).endswith(", tools.web_search")


def logged(body: Json) -> str:
    with pytest.raises(InvalidRequest) as caught:
        load_message_request(orjson.dumps(body))
    return logged_words(caught.value.message)


@pytest.mark.parametrize(
    ("body", "told", "words"),
    [
        pytest.param(
            request(user({"type": WORD})),
            "messages.0.content.0: Input tag 'canaryword' found using 'type'",
            "messages.0.content.0: the tag found using 'type' does not match any of the expected tags",
            id="a tag",
        ),
        pytest.param(
            request(tools=[{"type": "computer_toolset_1", "configs": {WORD: {}}}]),
            "tools.0.computer_toolset_1.configs.canaryword: Extra inputs are not permitted",
            "tools.0.computer_toolset.configs....: Extra inputs are not permitted",
            id="a member",
        ),
        pytest.param(
            request(tools=[tool("a")], tool_choice={"type": "tool", "name": WORD}),
            "Tool 'canaryword' not found in provided tools",
            "tool_choice: the tool was not found in provided tools",
            id="the name of a tool",
        ),
        pytest.param(
            request(user("x"), assistant(tool_use(WORD)), user("x")),
            "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: "
            "canaryword.",
            "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after",
            id="the id of a call",
        ),
        pytest.param(
            request(user(tool_result(WORD))),
            "messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: "
            "canaryword.",
            "messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks",
            id="the id of a result",
        ),
        pytest.param(
            request(max_tokens=WORD),
            "max_tokens: Input should be a valid integer",
            "max_tokens: Input should be a valid integer",
            id="what quotes nothing is the same",
        ),
    ],
)
def test_the_client_gets_the_sentence_and_the_log_its_kind(
    body: Json, told: str, words: str
) -> None:
    assert refusal(body).startswith(told)
    assert logged(body) == words


def test_drops_of_names_that_the_client_chose() -> None:
    drops = Drops()
    drops.drop("top_k")
    drops.drop(WORD, logged="unknown")
    drops.drop(f"tools.{WORD}", logged="tools")
    drops.drop(f"tools.{WORD}2", logged="tools")
    assert drops.header() == f"{WORD}, tools.{WORD}, tools.{WORD}2, top_k"
    assert drops.logged() == "tools;n=2, top_k, unknown"


def test_tools_above_the_limit_are_counted() -> None:
    names = ("a", "b", f"mcp__{WORD}")
    chat = convert(said("hi"), flags={"max_tools": 2}, tools=[declared(n) for n in names])
    assert chat.drops.header() == f"tools.mcp__{WORD}"
    assert chat.drops.logged() == "tools"
