"""Histories in the shapes that upstreams demand: docs/protocol.md 2.11."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from proxy.convert.request.history_shapes import SHAPES
from proxy.convert.request.messages_to_chat import message_request_to_chat
from proxy.errors import InvalidRequest
from proxy.providers.profiles import profile_for
from proxy.providers.profiles.base import HistoryShape, Profile
from proxy.schemas import load_message_request
from tests.convert import history_rules
from tests.convert.random_requests import FLAGS, REQUESTS
from tests.convert.request_builders import (
    PNG_PART,
    answer,
    assistant,
    call,
    chat_call,
    convert,
    image,
    messages,
    noted,
    result,
    says,
    system,
    text,
    thinking,
    tool,
    user,
)
from tests.paths import GOLDEN

LOOK = [tool()]
ASKED = user("q")
CALLS = assistant("I look.", call("t1", q=1), call("t2", "find"))
RESULTS = user(result("one"), result("two", "t2"))
SENT_CALLS = [chat_call("t1", arguments='{"q":1}'), chat_call("t2", "find")]
SKIPPED = {"google": {"thought_signature": "skip_thought_signature_validator"}}


def shaped(*turns: dict[str, Any], shapes: str, **fields: Any) -> Any:
    flags = {"history_shapes": tuple(shapes.split()), **fields.pop("flags", {})}
    return messages(*turns, flags=flags, **fields)


CASES = [
    # One call per message.
    pytest.param(
        "one_call",
        [ASKED, CALLS, RESULTS],
        [
            says("user", "q"),
            says("assistant", "I look.", tool_calls=SENT_CALLS[:1]),
            answer("one"),
            says("assistant", None, tool_calls=SENT_CALLS[1:]),
            answer("two", "t2"),
        ],
        id="one_call: each call is followed by its result",
    ),
    pytest.param(
        "one_call",
        [ASKED, CALLS, user(result("two", "t2"), result("one"), "go on")],
        [
            says("user", "q"),
            says("assistant", "I look.", tool_calls=SENT_CALLS[:1]),
            answer("one"),
            says("assistant", None, tool_calls=SENT_CALLS[1:]),
            answer("two", "t2"),
            says("user", "go on"),
        ],
        id="one_call: results in another order",
    ),
    pytest.param(
        "one_call",
        [ASKED, assistant(call()), user(result())],
        [says("user", "q"), says("assistant", None, tool_calls=[chat_call()]), answer()],
        id="one_call: a single call stays",
    ),
    pytest.param(
        "one_call",
        [
            ASKED,
            assistant(call("t1"), call("t2")),
            user(result("a"), result("b"), result("c", "t2")),
        ],
        [
            says("user", "q"),
            says("assistant", None, tool_calls=[chat_call("t1")]),
            answer("a"),
            answer("b"),
            says("assistant", None, tool_calls=[chat_call("t2")]),
            answer("c", "t2"),
        ],
        id="one_call: two results of one call",
    ),
    pytest.param(
        "one_call",
        [ASKED, assistant(call("t1"), call("t2"))],
        [
            says("user", "q"),
            says("assistant", None, tool_calls=[chat_call("t1")]),
            says("assistant", None, tool_calls=[chat_call("t2")]),
        ],
        id="one_call: open calls at the end",
    ),
    # Content or calls.
    pytest.param(
        "content_or_calls",
        [ASKED, CALLS, RESULTS],
        [
            says("user", "q"),
            says("assistant", None, tool_calls=SENT_CALLS),
            answer("one"),
            answer("two", "t2"),
        ],
        id="content_or_calls: the text before calls is left out",
    ),
    pytest.param(
        "content_or_calls",
        [ASKED, assistant("done"), user("more")],
        [says("user", "q"), says("assistant", "done"), says("user", "more")],
        id="content_or_calls: text alone stays",
    ),
    # No system role.
    pytest.param(
        "no_system",
        [system("Be brief."), ASKED],
        [says("user", "Be brief.\n\nq")],
        id="no_system: the prompt begins the user's first message",
    ),
    pytest.param(
        "no_system",
        [system("S"), user(image(), "see")],
        [says("user", [text("S"), PNG_PART, text("see")])],
        id="no_system: before a picture",
    ),
    pytest.param(
        "no_system",
        [system("S"), assistant("hello"), ASKED],
        [says("user", "S"), says("assistant", "hello"), says("user", "q")],
        id="no_system: the assistant began",
    ),
    pytest.param(
        "no_system",
        [ASKED, assistant("a"), system("late"), user("r")],
        [says("user", "q"), says("assistant", "a"), says("user", "<system>\nlate\n</system>\n\nr")],
        id="no_system: a later one in tags",
    ),
    # Only assistant or tool after tool.
    pytest.param(
        "no_user_after_tool",
        [
            ASKED,
            assistant(call()),
            user(result("x"), "<system-reminder>Be brief.</system-reminder>"),
        ],
        [
            says("user", "q"),
            says("assistant", None, tool_calls=[chat_call()]),
            answer("x\n\n<user>\n<system-reminder>Be brief.</system-reminder>\n</user>"),
        ],
        id="no_user_after_tool: a reminder moves into the result",
    ),
    pytest.param(
        "no_user_after_tool",
        [ASKED, CALLS, user(result("one"), result("two", "t2"), "stop", "now")],
        [
            says("user", "q"),
            says("assistant", "I look.", tool_calls=SENT_CALLS),
            answer("one"),
            answer("two\n\n<user>\nstop\n\nnow\n</user>", "t2"),
        ],
        id="no_user_after_tool: into the last of several",
    ),
    pytest.param(
        "no_user_after_tool",
        [ASKED, assistant(call()), user(result([image()]))],
        [
            says("user", "q"),
            says("assistant", None, tool_calls=[chat_call()]),
            answer("(see attached image)"),
            says("assistant", "[files of the tool results follow]"),
            says("user", [text("[image from tool result t1]"), PNG_PART]),
        ],
        id="no_user_after_tool: a picture cannot move",
    ),
    pytest.param(
        "no_user_after_tool",
        [ASKED, assistant(call()), user(result("x")), system("late"), assistant("ok"), user("r")],
        [
            says("user", "q"),
            says("assistant", None, tool_calls=[chat_call()]),
            answer("x\n\n<system>\nlate\n</system>"),
            says("assistant", "ok"),
            says("user", "r"),
        ],
        id="no_user_after_tool: a late system turn",
    ),
    # Alternation.
    pytest.param(
        "alternate",
        [assistant("hello"), ASKED],
        [
            says("user", "[start of the conversation]"),
            says("assistant", "hello"),
            says("user", "q"),
        ],
        id="alternate: the assistant began",
    ),
    pytest.param(
        "alternate",
        [ASKED, system("late"), user("r")],
        [says("user", "q\n\n<system>\nlate\n</system>\n\nr")],
        id="alternate: a system turn between two of the user",
    ),
    pytest.param(
        "alternate",
        [ASKED, assistant(call()), user(result("x"), "wait"), assistant("ok"), user("r")],
        [
            says("user", "q"),
            says("assistant", None, tool_calls=[chat_call()]),
            answer("x\n\n<user>\nwait\n</user>"),
            says("assistant", "ok"),
            says("user", "r"),
        ],
        id="alternate: text behind a result",
    ),
    pytest.param(
        "alternate calls_as_text",
        [ASKED, assistant(call()), user(result("x"), "wait")],
        [
            says("user", "q"),
            says("assistant", "[called look with {}]"),
            says("user", "[look result]\nx\n\nwait"),
        ],
        id="alternate: without the role tool",
    ),
    # Calls as text.
    pytest.param(
        "calls_as_text",
        [ASKED, CALLS, RESULTS],
        [
            says("user", "q"),
            says("assistant", 'I look.\n[called look with {"q":1}]\n[called find with {}]'),
            says("user", "[look result]\none\n\n[find result]\ntwo"),
        ],
        id="calls_as_text: several calls",
    ),
    pytest.param(
        "calls_as_text",
        [ASKED, assistant(call()), user(result("bad", is_error=True))],
        [
            says("user", "q"),
            says("assistant", "[called look with {}]"),
            says("user", "[look result]\n[tool error] bad"),
        ],
        id="calls_as_text: an error stays one",
    ),
    pytest.param(
        "calls_as_text",
        [
            ASKED,
            assistant(call("t1", "look")),
            user(result("a")),
            assistant(call("t1", "find")),
            user(result("b")),
        ],
        [
            says("user", "q"),
            says("assistant", "[called look with {}]"),
            says("user", "[look result]\na"),
            says("assistant", "[called find with {}]"),
            says("user", "[find result]\nb"),
        ],
        id="calls_as_text: an id used twice",
    ),
    pytest.param(
        "calls_need_tools",
        [ASKED, assistant(call()), user(result("x"), "Summarise.")],
        [
            says("user", "q"),
            says("assistant", "[called look with {}]"),
            says("user", "[look result]\nx\n\nSummarise."),
        ],
        id="calls_need_tools: a request without tools",
    ),
    # The user last.
    pytest.param(
        "user_last",
        [ASKED, assistant("The answer is")],
        [
            says("user", "q"),
            says("assistant", "The answer is"),
            says(
                "user", "Continue your last message exactly where it ends. Do not repeat any of it."
            ),
        ],
        id="user_last: a prefill becomes a request to go on",
    ),
    pytest.param(
        "user_last", [ASKED, assistant(" ")], [says("user", "q")], id="user_last: a blank prefill"
    ),
    pytest.param(
        "user_last",
        [ASKED, assistant("a"), system("late")],
        [says("user", "q"), says("assistant", "a"), says("user", "<system>\nlate\n</system>")],
        id="user_last: a system turn at the end",
    ),
    pytest.param(
        "user_last",
        [ASKED, assistant(call()), user(result("x"))],
        [says("user", "q"), says("assistant", None, tool_calls=[chat_call()]), answer("x")],
        id="user_last: a result is the user's",
    ),
    pytest.param(
        "user_last",
        [ASKED, assistant(call())],
        [
            says("user", "q"),
            says("assistant", "[called look with {}]"),
            says(
                "user", "Continue your last message exactly where it ends. Do not repeat any of it."
            ),
        ],
        id="user_last: open calls",
    ),
    pytest.param(
        "one_call user_last",
        [ASKED, assistant("I look.", call(), call("t2", "find"))],
        [
            says("user", "q"),
            says("assistant", "I look.\n[called look with {}]\n[called find with {}]"),
            says(
                "user", "Continue your last message exactly where it ends. Do not repeat any of it."
            ),
        ],
        id="user_last: open calls, one each",
    ),
    pytest.param(
        "user_last",
        [ASKED, system("late"), assistant(" ")],
        [says("user", "q\n\n<system>\nlate\n</system>")],
        id="user_last: a blank prefill behind a system turn",
    ),
    # Members.
    pytest.param(
        "named_results",
        [ASKED, CALLS, RESULTS],
        [
            says("user", "q"),
            says("assistant", "I look.", tool_calls=SENT_CALLS),
            {**answer("one"), "name": "look"},
            {**answer("two", "t2"), "name": "find"},
        ],
        id="named_results: each result names its tool",
    ),
]


@pytest.mark.parametrize(("shapes", "turns", "expected"), CASES)
def test_shapes(shapes: str, turns: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    assert shaped(*turns, shapes=shapes, flags={"mid_system": "inline"}) == expected


def test_calls_stay_calls_where_the_request_has_tools() -> None:
    turns = [ASKED, assistant(call()), user(result())]
    plain = messages(*turns, tools=LOOK)
    assert shaped(*turns, shapes="calls_need_tools", tools=LOOK) == plain


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"tools": []}, id="an empty list"),
        pytest.param(
            {"tools": [{"type": "web_search_20250305", "name": "s"}]}, id="a server tool only"
        ),
        pytest.param(
            {"tools": LOOK, "tool_choice": {"type": "none"}, "flags": {"tool_choice": "auto_only"}},
            id="no tool is to be called, and the field is not supported",
        ),
        pytest.param(
            {"tools": LOOK, "flags": {"unsupported": ("tools",)}}, id="tools are never sent"
        ),
    ],
)
def test_calls_become_text_where_no_tools_are_sent(fields: dict[str, Any]) -> None:
    sent = shaped(ASKED, assistant(call()), user(result()), shapes="calls_need_tools", **fields)
    assert history_rules.no_tool_role(sent) is None


def test_an_unsigned_call_skips_the_check_of_its_signature() -> None:
    flags = {"extra_content": True}
    sent = shaped(ASKED, CALLS, RESULTS, shapes="signed_calls", flags=flags)
    assert sent[1]["tool_calls"] == [{**SENT_CALLS[0], "extra_content": SKIPPED}, SENT_CALLS[1]]
    assert history_rules.gemini(messages(ASKED, CALLS, RESULTS, flags=flags)) is not None


def test_no_signature_where_the_member_is_refused() -> None:
    turns = [ASKED, CALLS, RESULTS]
    assert shaped(*turns, shapes="signed_calls") == messages(*turns)


def test_reasoning_of_every_message_is_filled() -> None:
    flags = {"reasoning_history": "reasoning_content"}
    turns = [ASKED, assistant("a"), ASKED, assistant(thinking("hm"), call()), user(result())]
    sent = shaped(*turns, shapes="reasoning_filled", flags=flags)
    assert [each.get("reasoning_content") for each in sent] == [None, " ", None, "hm", None]
    assert shaped(*turns, shapes="reasoning_filled") == messages(*turns)


def test_reasoning_stays_with_the_first_of_single_calls() -> None:
    flags = {"reasoning_history": "reasoning_content"}
    turns = [ASKED, assistant(thinking("hm"), call("t1"), call("t2")), RESULTS]
    sent = shaped(*turns, shapes="one_call", flags=flags)
    assert [each.get("reasoning_content") for each in sent] == [None, "hm", None, "", None]


@pytest.mark.parametrize(
    ("shapes", "turns", "told"),
    [
        pytest.param(
            "content_or_calls", [ASKED, CALLS, RESULTS], ["text_before_tool_use"], id="text"
        ),
        pytest.param("no_system", [system("S"), ASKED], ["system=user_text"], id="system"),
        pytest.param(
            "no_user_after_tool",
            [ASKED, assistant(call()), user(result(), "x")],
            ["text_after_tool_result=tool_result"],
            id="text behind a result",
        ),
        pytest.param(
            "no_user_after_tool",
            [ASKED, assistant(call()), user(result(), image())],
            ["files_after_tool_result=own_message"],
            id="files behind a result",
        ),
        pytest.param(
            "calls_as_text",
            [ASKED, CALLS, RESULTS],
            ["tool_result=text", "tool_use=text"],
            id="calls",
        ),
        pytest.param("user_last", [ASKED, assistant("a")], ["prefill=user_turn"], id="prefill"),
        pytest.param(
            "alternate", [assistant("a"), ASKED], ["leading_assistant_turn=second_turn"], id="first"
        ),
        pytest.param("one_call", [ASKED, CALLS, RESULTS], [], id="nothing is degraded"),
        pytest.param("alternate", [ASKED, assistant("a"), ASKED], [], id="nothing to do"),
    ],
)
def test_what_is_degraded_is_told(
    shapes: str, turns: list[dict[str, Any]], told: list[str]
) -> None:
    chat = convert(*turns, flags={"history_shapes": tuple(shapes.split())})
    assert sorted(noted(chat)) == told


def test_a_conversation_without_the_user_is_still_refused() -> None:
    for name in SHAPES:
        with pytest.raises(InvalidRequest):
            shaped(system("S"), assistant("a"), shapes=name)


def test_every_shape_of_the_flag_has_its_function() -> None:
    assert tuple(SHAPES) == get_args(HistoryShape)


@pytest.mark.parametrize("shape", history_rules.RULES)
@pytest.mark.parametrize(
    "path", sorted((GOLDEN / "requests").glob("*.in.json")), ids=lambda p: p.name
)
def test_strict_servers_accept_what_claude_code_sends(path: Path, shape: HistoryShape) -> None:
    request = load_message_request(orjson.loads(path.read_bytes())["request"])
    profile = Profile(history_shapes=(shape,), web_search="options")
    chat = message_request_to_chat(request, profile, model="m", max_tokens=100)
    rules = (*history_rules.RULES[shape], history_rules.pairs)
    assert [rule(chat.body["messages"]) for rule in rules] == [None] * len(rules)


@settings(max_examples=300, deadline=None)
@given(REQUESTS, FLAGS, st.lists(st.sampled_from(tuple(SHAPES)), unique=True))
def test_strict_servers_accept_every_shaped_history(
    request: dict[str, Any], flags: dict[str, Any], shapes: list[HistoryShape]
) -> None:
    before = deepcopy(request)
    profile = Profile(**{**flags, "system_role": "system", "history_shapes": tuple(shapes)})
    try:
        chat = message_request_to_chat(request, profile, model="m", max_tokens=100)
    except InvalidRequest as refused:
        event(refused.message)
        return
    sent = chat.body["messages"]
    assert request == before, "the request is not changed"
    rules = [rule for name in shapes for rule in history_rules.RULES.get(name, ())]
    if "no_user_after_tool" in shapes and profile.mid_system == "inline":
        # A late system turn is another matter: Mistral's profile wraps it.
        rules = [rule for rule in rules if rule is not history_rules.mistral]
    if {"alternate", "calls_as_text"} <= set(shapes):
        rules.append(history_rules.strict_alternation)
    if "calls_need_tools" in shapes and "tools" not in chat.body:
        rules.append(history_rules.no_tool_role)
    rules.append(history_rules.pairs)
    assert [rule(sent) for rule in rules if rule(sent)] == []


@settings(max_examples=200, deadline=None)
@given(REQUESTS)
def test_the_known_providers_rules_accept_every_history(request: dict[str, Any]) -> None:
    for host, model, rule in (
        ("api.mistral.ai", "devstral-medium-latest", history_rules.mistral),
        ("generativelanguage.googleapis.com", "gemini-3-pro", history_rules.gemini),
    ):
        try:
            chat = message_request_to_chat(
                request, profile_for(host, model), model="m", max_tokens=100
            )
        except InvalidRequest:
            continue
        assert rule(chat.body["messages"]) is None
