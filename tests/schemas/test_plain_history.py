"""The one walk over a plain history against the three that decide about any other."""

from __future__ import annotations

import copy
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.errors import InvalidRequest
from proxy.schemas import load_message_request
from proxy.schemas import request as loading
from proxy.schemas.plain_history import is_plain
from proxy.schemas.request import MESSAGE
from proxy.schemas.request_rules import check_image_sizes
from proxy.schemas.turn_rules import check_pairing, check_turns
from tests.schemas.body_builders import (
    Json,
    assistant,
    claude_code_request,
    image,
    request,
    system,
    text,
    tool_result,
    tool_use,
    user,
)

MARKED: Json = {"cache_control": {"type": "ephemeral"}}
THOUGHT: Json = {"type": "thinking", "thinking": "", "signature": "s"}
LONG = [
    user(text("read it"), text()),
    assistant(THOUGHT, text(**MARKED), tool_use(), {**tool_use("d"), **MARKED}),
    user(
        tool_result(content=[text(), text(**MARKED)], is_error=False, **MARKED),
        tool_result("d"),
        text(),
    ),
    {"role": "assistant", "content": "done"},
    {"role": "user", "content": "and the other"},
    assistant({**tool_use(), "id": "b"}, {**tool_use(), "id": "c", "caller": None}),
    user({**tool_result(), "tool_use_id": "c"}, {"type": "tool_result", "tool_use_id": "b"}),
    system(text("The following skills are available")),
    assistant({"type": "redacted_thinking", "data": "x"}, tool_use()),
]

PLAIN: list[Any] = [
    pytest.param(LONG, id="2.7 calls, thoughts, texts and results in turn"),
    pytest.param(LONG[:4], id="2.7 it ends with the assistant"),
    pytest.param(LONG[1:], id="2.7 it begins with the assistant"),
    pytest.param([{"role": "user", "content": "hello"}], id="2.7 one text"),
    pytest.param([system("x"), *LONG[:2], system(text()), LONG[2]], id="2.4 system turns"),
]
ADDED = ["cache_control", "is_error", "content", "text", "toolset_name", "output_config", "x"]
"""Members that a random history gets."""
NOT_PLAIN: list[Any] = [
    pytest.param([], id="2.7 nothing"),
    pytest.param(None, id="2.7 no list"),
    pytest.param([user(image())], id="1.2 an image"),
    pytest.param([system(text(), tool_result()), *LONG], id="22 a result in a system turn"),
    pytest.param([{"role": "system", "output_config": {"effort": "low"}}], id="2.4 no content"),
    pytest.param([user(text()), system(), assistant(text())], id="2.4 an empty system turn"),
    pytest.param(
        [user(text()), {**system("x"), "output_config": {"effort": "low"}}],
        id="2.10 effort beside text",
    ),
    pytest.param(
        [user(text()), {**system("x"), "output_config": None}], id="2.10 null, which is right"
    ),
    pytest.param([user(text()), system(text(), {"type": "tool_removal"})], id="2.10 tool changes"),
    pytest.param([system("x"), LONG[0], system("x"), LONG[0]], id="2.7 between two of the user"),
    pytest.param([LONG[0], LONG[0]], id="2.7 two turns of the user"),
    pytest.param([*LONG[:2], user(text())], id="2.7 a call without its result"),
    pytest.param([user(tool_result())], id="2.7 a result without its call"),
    pytest.param(
        [LONG[0], assistant(tool_use(), tool_use()), user(tool_result())],
        id="9 one id for two calls",
    ),
    pytest.param([LONG[0], assistant(tool_use(name=""))], id="9 a call without a name"),
    pytest.param(
        [LONG[0], assistant(tool_use("")), user(tool_result(""))], id="9 a call without an id"
    ),
    pytest.param(
        [LONG[0], assistant(tool_use()), user(tool_result(), tool_result())],
        id="9 two results of one call, which is tolerated",
    ),
    *(
        pytest.param(
            [LONG[0], assistant({**tool_use(), "toolset_name": name}), user(tool_result())],
            id=f"1.3 the toolset {name}",
        )
        for name in (["computer"], {"computer": 1}, 5, True, 1.5)
    ),
    pytest.param(
        [LONG[0], assistant(tool_use()), user(tool_result(toolset_name=["computer"]))],
        id="1.3 a toolset of a result",
    ),
    pytest.param([user(text(), tool_use())], id="22 a call of the user"),
    pytest.param([user(text(), THOUGHT)], id="22 a thought of the user"),
    pytest.param([system(text(), THOUGHT), *LONG], id="22 a thought in a system turn"),
    pytest.param([system({"type": "", "text": "x"}), *LONG], id="2.4 a block without a type"),
    pytest.param([user(text()), assistant()], id="2.7 an empty last turn, which is right"),
]


@pytest.mark.parametrize("turns", PLAIN)
def test_plain(turns: list[Json]) -> None:
    assert is_plain(turns)
    assert MESSAGE.accepts(request(*copy.deepcopy(turns)))


@pytest.mark.parametrize("turns", NOT_PLAIN)
def test_not_plain(turns: Any) -> None:
    assert not is_plain(turns)


def test_what_an_agent_sends_is_plain() -> None:
    turns = claude_code_request()["messages"]
    # Among its results are an image and a reference, among its texts a document.
    assert not is_plain(turns)
    for result in turns[3]["content"]:
        result["content"] = "a text"
    turns[5]["content"][1:2] = []
    assert is_plain(turns)


REPLACEMENTS: list[Any] = [
    *(None, True, 0, "", "x", "user", "assistant", "system", "text", "tool_use", "tool_result"),
    *([], {}, [None], ["x"], '{"a": 1}', {"type": "text"}, {"type": []}),
    *(text(), tool_use(), tool_result(), image(), THOUGHT, [text()], [image()], user(text())),
]


def holders(value: Any) -> list[Any]:
    """Every list and object in ``value``."""
    members = value.values() if isinstance(value, dict) else value
    inner = [found for each in members if isinstance(each, dict | list) for found in holders(each)]
    return [value, *inner]


@st.composite
def histories(draw: st.DrawFn) -> list[Any]:
    """Turns, up to three of whose members were replaced, removed, repeated or added.

    Sometimes a block stands in another turn as well.
    """
    turns: list[Any] = copy.deepcopy(LONG[draw(st.integers(0, 6)) :])
    if draw(st.booleans()):
        lists = [turn["content"] for turn in turns if isinstance(turn["content"], list)]
        taken, given_to = draw(st.sampled_from(lists)), draw(st.sampled_from(lists))
        given_to.append(copy.deepcopy(draw(st.sampled_from(taken))))
    for _ in range(draw(st.integers(0, 3))):
        holder = draw(st.sampled_from(holders(turns)))
        value = copy.deepcopy(draw(st.sampled_from(REPLACEMENTS)))
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        action = draw(st.sampled_from(["replace", "remove", "repeat", "add"]))
        key = draw(st.sampled_from(keys)) if keys else None
        if action == "add" or key is None:
            if isinstance(holder, list):
                holder.append(value)
            else:
                holder[draw(st.sampled_from(ADDED))] = value
        elif action == "replace":
            holder[key] = value
        elif action == "remove":
            del holder[key]
        elif isinstance(holder, list):
            holder.append(copy.deepcopy(holder[key]))
    decoded: list[Any] = orjson.loads(orjson.dumps(turns))
    return decoded


@settings(max_examples=1500)
@given(histories())
def test_what_is_plain_is_right(turns: list[Any]) -> None:
    if is_plain(turns):
        assert MESSAGE.accepts(request(*turns))
        check_turns(turns)
        check_pairing(turns)
        check_image_sizes(turns, 0)


def outcome(body: Json) -> Json | str:
    try:
        return load_message_request(copy.deepcopy(body), image_max_chars=1, strict=True)
    except InvalidRequest as error:
        return error.message


@settings(max_examples=500)
@given(histories(), st.sampled_from([{}, {"max_tokens": None}, {"temperature": 2}]))
def test_the_outcome_is_that_of_the_three_walks(turns: list[Any], members: Json) -> None:
    body = request(*turns, **members)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "is_plain", lambda _: False)
        expected = outcome(body)
    assert outcome(body) == expected
