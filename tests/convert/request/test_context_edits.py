"""Context edits: docs/protocol.md 1.6."""

from __future__ import annotations

import copy
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.convert.reply.private_state import (
    pack_call_id,
    pack_detail,
    pack_members,
    pack_tool_state,
)
from proxy.convert.request.context_edits import EDITS, apply_edits
from proxy.convert.request.converted import ConvertedRequest
from proxy.convert.request.messages_to_chat import message_request_to_chat
from proxy.errors import InvalidRequest
from proxy.providers.profiles.base import Profile
from proxy.schemas import load_message_request
from proxy.schemas.context_edits import EDITS as SHAPES
from proxy.tokens import cheap_estimate
from tests.convert.request_builders import (
    PDF,
    PNG,
    assistant,
    call,
    document,
    image,
    noted,
    result,
    system,
    text,
    thinking,
    user,
)

CLEARED = "[Old tool result content cleared]"
LONG = "word " * 400
THINKS = {"reasoning_history": "reasoning_content"}


def uses(**options: Any) -> dict[str, Any]:
    return {"type": "clear_tool_uses_20250919", **options}


def thoughts(**options: Any) -> dict[str, Any]:
    return {"type": "clear_thinking_20251015", **options}


def count(kind: str, value: Any) -> dict[str, Any]:
    return {"type": kind, "value": value}


ALWAYS = {"trigger": count("tool_uses", 0)}


def keep(value: int) -> dict[str, Any]:
    return {"keep": count("tool_uses", value), **ALWAYS}


def turns_kept(value: int) -> dict[str, Any]:
    return {"keep": count("thinking_turns", value)}


def edited(
    *turns: dict[str, Any], edits: list[Any], flags: dict[str, Any] | None = None, **fields: Any
) -> ConvertedRequest:
    body = {"model": "m", "max_tokens": 9, "messages": list(turns), **fields}
    request = load_message_request(orjson.dumps({**body, "context_management": {"edits": edits}}))
    before = copy.deepcopy(request)
    chat = message_request_to_chat(request, Profile(**(flags or {})), model="m", max_tokens=9)
    assert request == before, "the request is not changed"
    return chat


def told(chat: ConvertedRequest) -> Any:
    assert chat.reply.context_management is not None
    return chat.reply.context_management["applied_edits"]


def history(*names: str, size: int = 400) -> list[dict[str, Any]]:
    """A tool loop: a call and its result of ``size`` words for each name."""
    turns = [user("go")]
    for number, name in enumerate(names):
        turns.append(assistant(call(f"t{number}", name, q=f"q{number}")))
        turns.append(user(result(f"r{number} " * size, f"t{number}")))
    return turns


def results(chat: ConvertedRequest) -> list[str]:
    """The tool results that are sent, each by its first word or as cleared."""
    contents = [each["content"] for each in chat.body["messages"] if each["role"] == "tool"]
    return ["-" if content == CLEARED else content.split()[0] for content in contents]


def arguments(chat: ConvertedRequest) -> list[str]:
    return [
        each["function"]["arguments"]
        for message in chat.body["messages"]
        for each in message.get("tool_calls", ())
    ]


@pytest.mark.parametrize(
    ("names", "options", "expected"),
    [
        pytest.param("aaaaa", ALWAYS, ["-", "-", "r2", "r3", "r4"], id="three are kept"),
        pytest.param("aaaaa", keep(1), ["-", "-", "-", "-", "r4"], id="keep one"),
        pytest.param("aaa", keep(0), ["-", "-", "-"], id="keep none"),
        pytest.param("aaa", keep(3), ["r0", "r1", "r2"], id="keep all there are"),
        pytest.param("aaa", keep(99), ["r0", "r1", "r2"], id="keep more than there are"),
        pytest.param("aaa", keep(1) | {"keep": None}, ["r0", "r1", "r2"], id="keep null"),
        pytest.param(
            "abab", keep(1) | {"exclude_tools": ["b"]}, ["-", "r1", "-", "r3"], id="a tool excluded"
        ),
        pytest.param(
            "abab", keep(2) | {"exclude_tools": ["b"]}, ["-", "r1", "r2", "r3"], id="both of the last"
        ),
        pytest.param(
            "ab", keep(0) | {"exclude_tools": ["a", "b"]}, ["r0", "r1"], id="every tool excluded"
        ),
        pytest.param("ab", keep(0) | {"exclude_tools": ["c"]}, ["-", "-"], id="an unknown tool"),
        pytest.param("ab", keep(0) | {"exclude_tools": []}, ["-", "-"], id="none excluded"),
        pytest.param(
            "aaaa", {"trigger": count("tool_uses", 4)}, ["r0", "r1", "r2", "r3"], id="4 of 4 uses"
        ),
        pytest.param(
            "aaaa", {"trigger": count("tool_uses", 3)}, ["-", "r1", "r2", "r3"], id="4 of 3 uses"
        ),
        pytest.param("aaaa", {}, ["r0", "r1", "r2", "r3"], id="100,000 tokens are the default"),
        pytest.param(
            "aaaa",
            {"trigger": count("input_tokens", 1000)},
            ["-", "r1", "r2", "r3"],
            id="tokens exceeded",
        ),
        pytest.param(
            "aaaa",
            {"trigger": count("input_tokens", 1000.0)},
            ["-", "r1", "r2", "r3"],
            id="a whole number as a float",
        ),
        pytest.param(
            "aaaa",
            {"trigger": count("input_tokens", 1300)},
            ["r0", "r1", "r2", "r3"],
            id="tokens not exceeded",
        ),
        pytest.param(
            "aaaa",
            keep(2) | {"clear_at_least": count("input_tokens", 500)},
            ["-", "-", "r2", "r3"],
            id="enough is freed",
        ),
        pytest.param(
            "aaaa",
            keep(2) | {"clear_at_least": count("input_tokens", 700)},
            ["r0", "r1", "r2", "r3"],
            id="too little is freed",
        ),
        pytest.param(
            "aaaa", keep(2) | {"clear_at_least": None}, ["-", "-", "r2", "r3"], id="least is null"
        ),
        pytest.param("", keep(0), [], id="no tools at all"),
    ],
)  # fmt: skip
def test_tool_results(names: str, options: dict[str, Any], expected: list[str]) -> None:
    chat = edited(*history(*names), edits=[uses(**options)])
    assert results(chat) == expected
    assert arguments(chat) == [f'{{"q":"q{n}"}}' for n in range(len(names))]
    cleared = expected.count("-")
    plain = edited(*history(*names), edits=[])
    freed = cheap_estimate(plain.body) - cheap_estimate(chat.body)
    entry = {
        "type": "clear_tool_uses_20250919",
        "cleared_tool_uses": cleared,
        "cleared_input_tokens": freed,
    }
    assert told(chat) == ([entry] if cleared else [])
    assert "context_management" not in noted(chat)


@pytest.mark.parametrize(
    ("names", "edits", "expected", "counts"),
    [
        pytest.param("aaaa", [keep(2), keep(2)], ["-", "-", "r2", "r3"], [2], id="the same twice"),
        pytest.param("aaaa", [keep(2)] * 4, ["-", "-", "r2", "r3"], [2], id="four times"),
        pytest.param(
            "aaaa", [keep(3), keep(1)], ["-", "-", "-", "r3"], [1, 2], id="one clears the rest"
        ),
        pytest.param("aaaa", [keep(1), keep(3)], ["-", "-", "-", "r3"], [3], id="nothing is left"),
        pytest.param(
            "abab",
            [keep(0) | {"exclude_tools": ["b"]}, keep(0)],
            ["-", "-", "-", "-"],
            [2, 2],
            id="the excluded tools by the second",
        ),
        pytest.param(
            "aaaa",
            [keep(2), keep(2) | {"clear_tool_inputs": True}],
            ["-", "-", "r2", "r3"],
            [2, 2],
            id="the inputs by the second",
        ),
        pytest.param(
            "aaaa",
            [keep(2) | {"clear_tool_inputs": True}] * 2,
            ["-", "-", "r2", "r3"],
            [2],
            id="results and inputs twice",
        ),
    ],
)
def test_what_is_cleared_already_is_not_counted_again(
    names: str, edits: list[dict[str, Any]], expected: list[str], counts: list[int]
) -> None:
    chat = edited(*history(*names), edits=[uses(**options) for options in edits])
    assert results(chat) == expected
    assert [entry["cleared_tool_uses"] for entry in told(chat)] == counts


def test_what_the_client_cleared_itself_is_not_counted() -> None:
    turns = [user("go"), assistant(call("t0", "a")), user(result(CLEARED, "t0"))]
    chat = edited(*turns, *history("a", "a")[1:], edits=[uses(**keep(1))])
    assert results(chat) == ["-", "-", "r1"]
    assert [entry["cleared_tool_uses"] for entry in told(chat)] == [1]


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        pytest.param(True, ["{}", "{}", '{"q":"q2"}'], id="all"),
        pytest.param(False, ['{"q":"q0"}', '{"q":"q1"}', '{"q":"q2"}'], id="none"),
        pytest.param(None, ['{"q":"q0"}', '{"q":"q1"}', '{"q":"q2"}'], id="null"),
        pytest.param(["b"], ['{"q":"q0"}', "{}", '{"q":"q2"}'], id="of one tool"),
        pytest.param([], ['{"q":"q0"}', '{"q":"q1"}', '{"q":"q2"}'], id="of no tool"),
        pytest.param(["c"], ['{"q":"q0"}', '{"q":"q1"}', '{"q":"q2"}'], id="of another tool"),
    ],
)
def test_tool_inputs(inputs: Any, expected: list[str]) -> None:
    chat = edited(*history("a", "b", "b"), edits=[uses(**keep(1), clear_tool_inputs=inputs)])
    assert arguments(chat) == expected
    assert results(chat) == ["-", "-", "r2"]


@pytest.mark.parametrize(
    ("content", "flags", "sent"),
    [
        pytest.param([text(LONG), text(LONG)], {}, CLEARED, id="several texts"),
        pytest.param([image(PNG)], {"vision": True}, CLEARED, id="an image"),
        pytest.param([document(PDF)], {"pdf": "file"}, CLEARED, id="a file"),
        pytest.param(LONG, {}, CLEARED, id="a string"),
        pytest.param(None, {}, CLEARED, id="nothing"),
    ],
)
def test_what_a_result_may_hold(content: Any, flags: dict[str, Any], sent: str) -> None:
    turns = [user("go"), assistant(call()), user(result(content)), assistant("done"), user("more")]
    chat = edited(*turns, edits=[uses(**keep(0))], flags=flags)
    assert [message["content"] for message in chat.body["messages"]] == [
        "go",
        None,
        sent,
        "done",
        "more",
    ]
    assert told(chat)[0]["cleared_input_tokens"] >= 0


def test_a_cleared_error_is_still_an_error() -> None:
    turns = [user("go"), assistant(call()), user(result(LONG, is_error=True))]
    chat = edited(*turns, edits=[uses(**keep(0))])
    assert chat.body["messages"][-1]["content"] == f"[tool error] {CLEARED}"


def test_tools_of_a_server_are_cleared_too() -> None:
    hits = [{"type": "web_search_result", "url": "u", "title": LONG}]
    search = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"q": LONG}}
    found = {"type": "web_search_tool_result", "tool_use_id": "s", "content": hits}
    asked = {"type": "mcp_tool_use", "id": "m", "name": "ask", "input": {}}
    said = {"type": "mcp_tool_result", "tool_use_id": "m", "content": [text(LONG)]}
    turns = [user("go"), assistant(search, found, asked, said, text("so")), user("on")]
    chat = edited(*turns, edits=[uses(**keep(0), clear_tool_inputs=["web_search"])])
    assert chat.body["messages"][1]["content"].split("\n") == [
        "[called web_search with {}]",
        "[web_search result]",
        CLEARED,
        "[called ask with {}]",
        "[ask result]",
        CLEARED,
        "so",
    ]
    assert told(chat)[0]["cleared_tool_uses"] == 2
    kept = edited(*turns, edits=[uses(**keep(0), exclude_tools=["web_search"])])
    assert told(kept)[0]["cleared_tool_uses"] == 1


def test_calls_without_a_result_are_neither_kept_nor_cleared() -> None:
    turns = [*history("a", "a", "a"), assistant(call("open"))]
    chat = edited(*turns, edits=[uses(**keep(1))])
    assert results(chat) == ["-", "-", "r2"]


def test_an_id_that_occurs_again_is_another_use() -> None:
    loop = [assistant(call("t", "a")), user(result("r " * 9, "t"))]
    chat = edited(user("go"), *loop, *loop, *loop, edits=[uses(**keep(1))])
    assert results(chat) == ["-", "-", "r"]
    assert told(chat)[0]["cleared_tool_uses"] == 2


def test_parallel_calls_count_one_by_one() -> None:
    calls = assistant(call("a", "x"), call("b", "x"), call("c", "x"))
    answers = user(result("r0", "a"), result("r1", "b"), text("and"), result("r2", "c"))
    chat = edited(user("go"), calls, answers, edits=[uses(**keep(1))])
    assert results(chat) == ["-", "-", "r2"]


def loop(*minds: str | None) -> list[dict[str, Any]]:
    """Conversation turns with one thought each (None: without), answered by the user."""
    turns = [user("go")]
    for mind in minds:
        turns.append(assistant(*([thinking(mind)] if mind else []), text("said")))
        turns.append(user("next"))
    return turns


def minds(chat: ConvertedRequest) -> list[str]:
    found = [m.get("reasoning_content") for m in chat.body["messages"] if m["role"] == "assistant"]
    return [mind or "-" for mind in found]


@pytest.mark.parametrize(
    ("turns", "options", "expected", "cleared"),
    [
        pytest.param(loop("A", "B", "C"), {}, "--C", 2, id="the last turn is the default"),
        pytest.param(loop("A", "B", "C"), {"keep": None}, "--C", 2, id="null"),
        pytest.param(loop("A", "B", "C"), turns_kept(2), "-BC", 1, id="the last two"),
        pytest.param(loop("A", "B", "C"), turns_kept(3), "ABC", 0, id="as many as there are"),
        pytest.param(loop("A", "B", "C"), turns_kept(9), "ABC", 0, id="more than there are"),
        pytest.param(loop("A", "B", "C"), {"keep": "all"}, "ABC", 0, id="all"),
        pytest.param(loop("A", "B", "C"), {"keep": {"type": "all"}}, "ABC", 0, id="all, an object"),
        pytest.param(loop("A", None, "C", None), turns_kept(1), "--C-", 1, id="turns that thought"),
        pytest.param(loop(None, None), turns_kept(1), "--", 0, id="no thoughts"),
        pytest.param(
            [
                *loop("A"),
                assistant(thinking("B"), call("t1")),
                user(result("r", "t1")),
                assistant(thinking("C"), call("t2")),
                user(result("r", "t2")),
            ],
            {},
            "-BC",
            1,
            id="a tool loop is one turn",
        ),
        pytest.param(
            [
                user("go"),
                assistant(thinking("A"), call("t1")),
                user(result("r", "t1"), text("and this")),
                assistant(thinking("B"), text("x")),
                user("on"),
            ],
            {},
            "-B",
            1,
            id="words beside a result begin another turn",
        ),
        pytest.param(
            [
                user("go"),
                assistant(thinking("A"), call("t1")),
                user(result("r", "t1")),
                system("be brief"),
                assistant(thinking("B"), text("x")),
                user("on"),
            ],
            {},
            "AB",
            0,
            id="a system turn does not",
        ),
        pytest.param(
            [user("go"), assistant(thinking("A"), thinking("A2"), text("x")), *loop("B")[0:]],
            {},
            "-B",
            1,
            id="two thoughts of one turn",
        ),
        pytest.param(
            [user("go"), assistant("a string"), *loop("B", "C")], {}, "--C", 1, id="plain strings"
        ),
    ],
)
def test_thinking(
    turns: list[dict[str, Any]], options: dict[str, Any], expected: str, cleared: int
) -> None:
    chat = edited(*turns, edits=[thoughts(**options)], flags=THINKS)
    assert minds(chat) == list(expected)
    entries = told(chat)
    assert [entry["cleared_thinking_turns"] for entry in entries] == ([cleared] if cleared else [])


def test_thinking_that_is_never_sent_frees_nothing() -> None:
    chat = edited(*loop(LONG, LONG), edits=[thoughts()])
    assert told(chat) == [
        {"type": "clear_thinking_20251015", "cleared_thinking_turns": 1, "cleared_input_tokens": 0}
    ]


def test_the_tokens_of_cleared_thinking() -> None:
    [entry] = told(edited(*loop(LONG, LONG), edits=[thoughts()], flags=THINKS))
    assert entry["cleared_input_tokens"] == len(LONG) // 4


def test_a_turn_of_which_only_thinking_was_there() -> None:
    chat = edited(
        user("a"), assistant(thinking("A")), user("b"), *loop("C")[1:],
        edits=[thoughts()], flags=THINKS,
    )  # fmt: skip
    assert [message["content"] for message in chat.body["messages"]] == ["a\n\nb", "said", "next"]


def redacted(data: str) -> dict[str, Any]:
    return {"type": "redacted_thinking", "data": data}


def test_state_that_an_upstream_needs_is_no_thinking() -> None:
    extra = {"google": {"thought_signature": "sig"}}
    turns = [
        user("go"),
        assistant(thinking("A"), redacted(pack_tool_state("t1", extra)), call("t1")),
        user(result("r", "t1")),
        assistant("x"),
        *loop("B"),
    ]
    chat = edited(*turns, edits=[thoughts()], flags={**THINKS, "extra_content": True})
    [sent] = [m["tool_calls"][0] for m in chat.body["messages"] if "tool_calls" in m]
    assert sent["extra_content"] == extra
    assert told(chat)[0]["cleared_thinking_turns"] == 1


def test_the_upstreams_id_of_a_call_is_no_thinking() -> None:
    long = "functions.Read:" + "7" * 200
    own = redacted(pack_call_id("t1", long))
    turns = [user("go"), assistant(thinking("A"), own, call("t1")), user(result("r", "t1"))]
    chat = edited(*turns, assistant("x"), *loop("B"), edits=[thoughts()], flags=THINKS)
    sent = [m["tool_calls"][0]["id"] for m in chat.body["messages"] if "tool_calls" in m]
    assert sent == [m["tool_call_id"] for m in chat.body["messages"] if m["role"] == "tool"]
    assert sent == [long]
    assert told(chat)[0]["cleared_thinking_turns"] == 1


@pytest.mark.parametrize(
    ("data", "flags"),
    [
        pytest.param("theirs", "details", id="an upstream's own"),
        pytest.param(
            pack_detail({"type": "reasoning.encrypted", "data": "x"}), "details", id="an item"
        ),
        pytest.param(
            pack_members({"reasoning_opaque": "x"}), "reasoning_text", id="an opaque member"
        ),
    ],
)
def test_encrypted_reasoning_is_thinking(data: str, flags: str) -> None:
    turns = [user("go"), assistant(redacted(data), text("x")), *loop("B")]
    sent = {"reasoning_details", "reasoning_opaque"}
    plain = edited(*turns, edits=[], flags={"reasoning_history": flags})
    assert sent & plain.body["messages"][1].keys()
    chat = edited(*turns, edits=[thoughts()], flags={"reasoning_history": flags})
    assert not sent & chat.body["messages"][1].keys()


def test_edits_are_applied_in_their_order() -> None:
    turns = [*loop(LONG), assistant(thinking("B"), call("t1")), user(result(LONG, "t1"))]
    trigger = {"trigger": count("input_tokens", 700), "keep": count("tool_uses", 0)}
    alone = edited(*turns, edits=[uses(**trigger)], flags=THINKS)
    assert [entry["type"] for entry in told(alone)] == ["clear_tool_uses_20250919"]
    # Without the cleared thinking there are too few tokens for the other edit.
    both = edited(*turns, edits=[thoughts(), uses(**trigger)], flags=THINKS)
    assert [entry["type"] for entry in told(both)] == ["clear_thinking_20251015"]


@pytest.mark.parametrize(
    ("management", "expected"),
    [
        pytest.param(None, None, id="null"),
        pytest.param({}, None, id="nothing"),
        pytest.param({"edits": []}, None, id="no edits"),
        pytest.param({"edits": None}, None, id="edits null"),
        pytest.param({"edits": [thoughts(keep="all")]}, {"applied_edits": []}, id="nothing to do"),
        pytest.param({"other": 1}, None, id="an unknown member"),
    ],
)
def test_what_is_told_without_anything_to_clear(management: Any, expected: Any) -> None:
    body = {"model": "m", "max_tokens": 9, "messages": [user("hi")]}
    request = load_message_request(orjson.dumps({**body, "context_management": management}))
    chat = message_request_to_chat(request, Profile(), model="m", max_tokens=9)
    assert chat.reply.context_management == expected
    assert noted(chat) == {}


@pytest.mark.parametrize(
    ("management", "message"),
    [
        pytest.param("x", "context_management: Input should be a valid dictionary", id="no object"),
        pytest.param(
            {"edits": {}}, "context_management.edits: Input should be a valid list", id="no list"
        ),
        pytest.param(
            {"edits": ["x"]},
            "context_management.edits.0: Input should be a valid dictionary",
            id="no edit",
        ),
        pytest.param(
            {"edits": [{}]},
            "context_management.edits.0: Unable to extract tag using discriminator 'type'",
            id="no type",
        ),
        pytest.param(
            {"edits": [thoughts(keep="all"), {"type": "clear_all"}]},
            "context_management.edits.1: Input tag 'clear_all' found using 'type' does not match any "
            f"of the expected tags: {', '.join(map(repr, SHAPES))}",
            id="an unknown type",
        ),
        pytest.param(
            {"edits": [uses(trigger=count("messages", 5))]},
            "context_management.edits.0.clear_tool_uses_20250919.trigger: Input tag 'messages' found "
            "using 'type' does not match any of the expected tags: 'input_tokens', 'tool_uses'",
            id="an unknown trigger",
        ),
        pytest.param(
            {"edits": [uses(trigger={"type": "tool_uses"})]},
            "context_management.edits.0.clear_tool_uses_20250919.trigger.tool_uses.value: Field "
            "required",
            id="a trigger without a value",
        ),
        pytest.param(
            {"edits": [uses(keep=3)]},
            "context_management.edits.0.clear_tool_uses_20250919.keep: Input should be a valid "
            "dictionary",
            id="keep as a number",
        ),
        pytest.param(
            {"edits": [uses(keep=count("tool_uses", -1))]},
            "context_management.edits.0.clear_tool_uses_20250919.keep.tool_uses.value: Input should "
            "be greater than or equal to 0",
            id="keep below zero",
        ),
        pytest.param(
            {"edits": [uses(keep=count("tool_uses", 1.5))]},
            "context_management.edits.0.clear_tool_uses_20250919.keep.tool_uses.value: Input should "
            "be a valid integer",
            id="a fraction",
        ),
        pytest.param(
            {"edits": [uses(clear_at_least=count("tool_uses", 1))]},
            "context_management.edits.0.clear_tool_uses_20250919.clear_at_least: Input tag "
            "'tool_uses' found using 'type' does not match any of the expected tags: 'input_tokens'",
            id="least in another unit",
        ),
        pytest.param(
            {"edits": [uses(exclude_tools="read")]},
            "context_management.edits.0.clear_tool_uses_20250919.exclude_tools: Input should be a "
            "valid list",
            id="a tool that is no list",
        ),
        pytest.param(
            {"edits": [uses(exclude_tools=[5])]},
            "context_management.edits.0.clear_tool_uses_20250919.exclude_tools.0: Input should be a "
            "valid string",
            id="a tool that is a number",
        ),
        pytest.param(
            {"edits": [uses(clear_tool_inputs="yes")]},
            "context_management.edits.0.clear_tool_uses_20250919.clear_tool_inputs: Input should be "
            "a valid boolean or list",
            id="inputs as a word",
        ),
        pytest.param(
            {"edits": [thoughts(keep="some")]},
            "context_management.edits.0.clear_thinking_20251015.keep: Input should be a valid "
            "dictionary",
            id="another word than all",
        ),
        pytest.param(
            {"edits": [thoughts(**turns_kept(0))]},
            "context_management.edits.0.clear_thinking_20251015.keep.thinking_turns.value: Input "
            "should be greater than or equal to 1",
            id="no thinking turn",
        ),
        pytest.param(
            {"edits": [uses(), thoughts()]},
            "context_management.edits.1: the `clear_thinking_20251015` strategy must be listed first",
            id="thinking is not first",
        ),
        pytest.param(
            {"edits": [uses()] * 17},
            "context_management.edits: List should have at most 16 items after validation, not 17",
            id="too many edits",
        ),
    ],
)
def test_what_is_refused(management: Any, message: str) -> None:
    body = {"model": "m", "max_tokens": 9, "messages": [user("hi")]}
    with pytest.raises(InvalidRequest) as caught:
        load_message_request(orjson.dumps({**body, "context_management": management}))
    assert caught.value.message == message


def test_an_error_behind_cleared_blocks_has_the_clients_path() -> None:
    refused = document({"type": "file", "file_id": "f"})
    turns = [user("go"), assistant(thinking("A"), text("x"), refused), user("on"), *loop("B")[1:]]
    with pytest.raises(InvalidRequest, match=r"^messages\.1\.content\.2\.document"):
        edited(*turns, edits=[thoughts()], flags=THINKS)


def test_every_edit_of_the_history_has_a_shape() -> None:
    assert EDITS.keys() <= SHAPES.keys()


def test_tokens_are_counted_only_where_they_matter() -> None:
    counted: list[int] = []

    def tokens(request: Any) -> int:
        counted.append(len(request["messages"]))
        return 1_000_000

    def asked(*edits: dict[str, Any]) -> Any:
        return apply_edits({"messages": turns, "context_management": {"edits": edits}}, tokens)[1]

    turns = [*loop("A", "B"), *history("a", "a")]
    assert asked(thoughts(keep="all"), uses(), uses(trigger=count("tool_uses", 9))) == []
    assert counted == []
    asked(uses(**keep(1)), uses(**keep(0)))
    assert len(counted) == 3, "once before, once after each edit"


EDIT = st.one_of(
    st.builds(lambda n: thoughts(**turns_kept(n)), st.integers(1, 3)),
    st.builds(
        lambda n, least, inputs: uses(
            **keep(n), clear_at_least=count("input_tokens", least), clear_tool_inputs=inputs
        ),
        st.integers(0, 4),
        st.integers(0, 300),
        st.booleans(),
    ),
)


@given(st.lists(st.sampled_from("abc"), max_size=5), st.lists(EDIT, min_size=1, max_size=2))
def test_edits_change_no_call_and_no_word(names: list[str], edits: list[dict[str, Any]]) -> None:
    """The law: messages, roles, ids and texts stay; what is told is what is missing."""
    turns = [*loop("A", "B"), *history(*names, size=40)]
    ordered = sorted(edits, key=lambda edit: edit["type"])
    plain = edited(*turns, edits=[], flags=THINKS).body
    chat = edited(*turns, edits=ordered, flags=THINKS)
    for before, after in zip(plain["messages"], chat.body["messages"], strict=True):
        assert before["role"] == after["role"]
        assert [c["id"] for c in before.get("tool_calls", ())] == [
            c["id"] for c in after.get("tool_calls", ())
        ]
        assert after["role"] == "tool" or before["content"] == after["content"]
    freed = sum(entry["cleared_input_tokens"] for entry in told(chat))
    assert freed >= cheap_estimate(plain) - cheap_estimate(chat.body)
