"""Tool calls of a stream: keys, the queue, names and ids (docs/protocol.md section 4)."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.convert.reply.chat_to_message import chat_to_message
from proxy.convert.reply.private_state import pack_tool_state
from tests.convert.chunk_builders import (
    body,
    chunk,
    end,
    entry,
    reply,
    signed,
    text,
    tool,
    tools,
    translated,
    translator,
)


def calls(events: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """``(id, name, arguments)`` of each tool_use block, in order."""
    found: list[tuple[str, str, str]] = []
    for event in events:
        block = event.get("content_block", {})
        if block.get("type") == "tool_use":
            assert block["input"] == {}
            found.append((block["id"], block["name"], ""))
        elif event.get("delta", {}).get("type") == "input_json_delta":
            call_id, name, arguments = found[-1]
            found[-1] = (call_id, name, arguments + event["delta"]["partial_json"])
    return found


A1 = ("a", "f", '{"x":1}')
B1 = ("b", "g", '{"y":2}')


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        pytest.param(
            [tool(0, "a", "f", ""), tool(0, arguments='{"x"'), tool(0, arguments=":1}")],
            [A1],
            id="4 key index",
        ),
        pytest.param(
            [tool(0, "a", "f", '{"x"'), tool(1, "b", "g", '{"y"'), tool(0, arguments=":1}"),
             tool(1, arguments=":2}")],
            [A1, B1],
            id="edge 77 interleaved by index",
        ),
        pytest.param(
            [tools(entry(0, "a", "f", '{"x"'), entry(1, "b", "g", '{"y"')),
             tools(entry(1, arguments=":2}"), entry(0, arguments=":1}"))],
            [A1, B1],
            id="edge 77 interleaved within a chunk",
        ),
        pytest.param(
            [tool(0, "a", "f", '{"x":1}'), tool(0, "b", "g", '{"y":2}')],
            [A1, B1],
            id="edge 79 index 0 for all, whole calls",
        ),
        pytest.param(
            [tool(0, "a", "f", '{"x"'), tool(0, arguments=":1}"), tool(0, "b", "g", '{"y"'),
             tool(0, arguments=":2}")],
            [A1, B1],
            id="edge 79 index 0 for all, in fragments",
        ),
        pytest.param(
            [tool(0, "a", "f", '{"x"'), tool(0, "other", None, ":1}")],
            [A1],
            id="4 key a new id without a name is no new call",
        ),
        pytest.param(
            [tool(None, "a", "f", '{"x"'), tool(None, "b", "g", '{"y"'),
             tool(None, "a", None, ":1}"), tool(None, "b", None, ":2}")],
            [A1, B1],
            id="edge 78 no index, by id",
        ),
        pytest.param(
            [tool(None, "a", "f", '{"x"'), tool(None, None, None, ":1}"),
             tool(None, "b", "g", '{"y":2}')],
            [A1, B1],
            id="edge 78 no index and no id is the last call",
        ),
        pytest.param(
            [tool(None, "", "f", '{"x":1}'), tool(None, "", "g", '{"y":2}')],
            [("toolu_1", "f", '{"x":1}'), ("toolu_2", "g", '{"y":2}')],
            id="edge 78 no index, no id, another name (Gemini)",
        ),
        pytest.param(
            [tool(None, "", "f", '{"x":1}'), tool(None, "", "f", '{"x":2}')],
            [("toolu_1", "f", '{"x":1}'), ("toolu_2", "f", '{"x":2}')],
            id="edge 78 no index, no id, the same name after whole arguments",
        ),
        pytest.param(
            [tool(None, None, "f", '{"x"'), tool(None, "a", None, ":1}")],
            [("toolu_1", "f", '{"x":1}')],
            id="edge 78 no index, an id that comes late",
        ),
        pytest.param(
            [tool(-1, "a", "f", '{"x"'), tool(-1, None, None, ":1}")],
            [A1],
            id="edge 80 index -1 is none",
        ),
        pytest.param(
            [tool(0, None, "f", '{"x":1}'), tool(0, None, "g", '{"y":2}')],
            [("toolu_1", "f", '{"x":1}'), ("toolu_2", "g", '{"y":2}')],
            id="edge 79 index 0 for all and no ids",
        ),
        pytest.param(
            [tool(0, "a", None, '{"x"'), tool(0, None, None, ":1"), tool(0, None, "f", "}")],
            [A1],
            id="edge 81 a late name",
        ),
        pytest.param(
            [tool(0, "a", None, '{"x":1}'), tool(1, "b", "g", '{"y":2}'), tool(0, None, "f")],
            [B1, A1],
            id="4 a name that comes after another call",
        ),
        pytest.param(
            [tool(0, "a", None, '{"x":1}'), tool(1, "b", "g", '{"y":2}')],
            [B1],
            id="edge 82 a name that never comes",
        ),
        pytest.param(
            [tool(0, None, "f", '{"x":1}')], [("toolu_1", "f", '{"x":1}')], id="edge 82 no id"
        ),
        pytest.param(
            [tool(0, None, "f", '{"x"'), tool(0, "a", None, ":1}")],
            [("toolu_1", "f", '{"x":1}')],
            id="edge 81 an id that comes after the start is too late",
        ),
        pytest.param(
            [tool(0, "a", "f", '{"x"'), tool(0, "a", "f", ":1"), tool(0, "", "zzz", "}"),
             tool(0, None, None, "")],
            [A1],
            id="edge 83 a repeated name",
        ),
        pytest.param(
            [tool(0, "a", "f", '{"x":1}'), tool(0, "a", "f", '{"x":1}')],
            [A1],
            id="edge 87 a repeated call",
        ),
        pytest.param(
            [tool(0, "a", "f", '{"x":1}'), tool(0, None, "f", '{"x":1}')],
            [A1],
            id="edge 87 a repeated call without its id",
        ),
        pytest.param(
            [tool(0, "a", "f", '{"x":1}'), tool(0, "a", "f", '{ "x": 1 }')],
            [A1],
            id="edge 87 a repeated call in other spacing",
        ),
        pytest.param(
            [tool(0, None, "f", '{"x":1}'), tool(0, None, "f", ""), tool(0, None, "f", " ")],
            [("toolu_1", "f", '{"x":1} ')],
            id="edge 83 a repeated name after whole arguments",
        ),
        pytest.param(
            [tool(None, "a", "f", '{"x"'), tool(None, "a", "f", ":1}")],
            [A1],
            id="edge 83 a repeated name without an index",
        ),
        pytest.param(
            [tool(None, None, "f", '{"x"'), tool(None, None, "f", ":1}")],
            [("toolu_1", "f", '{"x":1}')],
            id="edge 83 a repeated name without index and id",
        ),
        pytest.param(
            [tool(None, "a", None, '{"x"'), tool(None, "a", "f", ":1}")],
            [A1],
            id="edge 81 a late name without an index",
        ),
        pytest.param(
            [tool(0, None, "f", '{"x"'), tool(0, "a", "f", ":1}")],
            [("toolu_1", "f", '{"x":1}')],
            id="edge 81 a late id with the name again",
        ),
        pytest.param(
            [tool(0, "a", "f", '{"x"'), tool(0, "b", None, ":1}"), tool(0, "b", "g", '{"y":2}')],
            [A1, B1],
            id="4 key only the first id of a call counts",
        ),
        pytest.param(
            [tool(None, "a", "f", '{"x":1}'), tool(None, "b", None, '{"y"'),
             tool(None, "b", "g", ":2}")],
            [A1, B1],
            id="4 key without an index a new id is a new call",
        ),
        pytest.param(
            [tool(None, None, "f", '{"x":1}'), tool(None, "b", "f", '{"x":1}')],
            [("toolu_1", "f", '{"x":1}'), ("b", "f", '{"x":1}')],
            id="edge 78 the same call with a new id",
        ),
        pytest.param(
            [tool(0, "a", "f", "{"), tool(0, None, None, '{"x"'), tool(0, None, None, '{"x":1}')],
            [A1],
            id="edge 87 cumulative arguments",
        ),
        pytest.param(
            [tool(0, "a", "f", {"x": 1}), tool(1, "b", "g", {"y": 2})],
            [A1, B1],
            id="3 arguments as an object in a stream",
        ),
        pytest.param(
            [tool(0, "a", "f"), tool(1, "b", "g", '{"y":2}')],
            [("a", "f", ""), B1],
            id="4 arguments never sent",
        ),
        pytest.param(
            [tool(0, "a", "f", "null"), tool(1, "b", "g", '{"y":2}')],
            [("a", "f", ""), B1],
            id="edge 76 null in a stream",
        ),
        pytest.param(
            [tool(0, "a", "f", "[1]")], [("a", "f", '{"value":[1]}')], id="3 no object in a stream"
        ),
        pytest.param(
            [tool(0, "call_1", "f", "{}"), tool(1, "call_1", "g", "{}")],
            [("call_1", "f", "{}"), ("toolu_1", "g", "{}")],
            id="edge 86 one id twice in an answer",
        ),
        pytest.param(
            [tool(0, "functions.Bash:0", "f", "{}")],
            [("toolu_cp1_1_ZnVuY3Rpb25zLkJhc2g6MA", "f", "{}")],
            id="edge 85 an odd id in a stream",
        ),
        pytest.param(
            [tool(0, "call_0", "f", "{}")],
            [("toolu_1", "f", "{}")],
            id="10.2 an id of the history in a stream",
        ),
        pytest.param(
            [tool(0, "a", "f_0a1b2c3d", "{}")],
            [("a", "a very long.name", "{}")],
            id="1.3 names are mapped back in a stream",
        ),
        pytest.param(
            [chunk({"function_call": {"name": "f", "arguments": '{"x"'}}),
             chunk({"function_call": {"arguments": ":1}"}})],
            [("toolu_1", "f", '{"x":1}')],
            id="4 legacy function_call",
        ),
        pytest.param(
            [tools({"index": 0, "id": "a", "custom": {"name": "f", "input": "say "}}),
             tools({"index": 0, "custom": {"input": '"x"'}})],
            [("a", "f", '{"input":"say \\"x\\""}')],
            id="3 tool_calls custom in a stream",
        ),
    ],
)  # fmt: skip
def test_calls(chunks: list[object], expected: list[tuple[str, str, str]]) -> None:
    context = reply(
        known_tool_ids=frozenset({"call_0"}), tool_names={"f_0a1b2c3d": "a very long.name"}
    )
    events = translated([*chunks, end("tool_calls")], context)
    assert calls(events) == expected
    assert events[-2]["delta"]["stop_reason"] == "tool_use"


def test_4_three_calls_at_once_follow_in_the_order_they_were_named() -> None:
    chunks = [
        tool(0, "a", "f", "{"),
        tool(1, "b", "g", "{"),
        tool(2, "c", "h", "{}"),
        tool(1, arguments="}"),
        tool(0, arguments="}"),
        end("tool_calls"),
    ]
    assert body(translated(chunks)) == [
        "0 tool_use a f",
        "input_json_delta {",
        "input_json_delta }",
        "0 stop",
        "1 tool_use b g",
        "input_json_delta {}",
        "1 stop",
        "2 tool_use c h",
        "input_json_delta {}",
        "2 stop",
        "end tool_use",
    ]


def test_4_buffered_arguments_are_one_delta() -> None:
    chunks = [tool(0, "a", "f", '{"x"'), tool(0, arguments=": 1}"), text("t"), end()]
    assert body(translated(chunks, reply(tool_args="buffer")))[:3] == [
        "0 tool_use a f",
        'input_json_delta {"x": 1}',
        "0 stop",
    ]


def test_4_buffered_calls_that_were_queued_are_sent_whole() -> None:
    chunks = [
        tool(0, "a", "f", '{"x"'),
        tool(1, "b", "g", "[1]"),
        tool(2, "c", "h", "{"),
        text("t"),
    ]
    events = translated([*chunks, end()], reply(tool_args="buffer"))
    assert calls(events) == [
        ("a", "f", r'{"_raw":"{\"x\""}'),
        ("b", "g", '{"value":[1]}'),
        ("c", "h", '{"_raw":"{"}'),
    ]


def test_11_buffered_arguments_that_are_not_json_become_raw() -> None:
    events = translated([tool(0, "a", "f", '{"x"'), end("length")], reply(tool_args="buffer"))
    assert calls(events) == [("a", "f", r'{"_raw":"{\"x\""}')]


def test_10_5_buffered_half_calls_are_not_sent_before_an_error() -> None:
    events = translated([tool(0, "a", "f", '{"x"')], reply(tool_args="buffer"))
    assert [event["type"] for event in events[2:]] == ["content_block_start", "error"]


def test_edge_88_runaway_blanks_end_the_stream() -> None:
    stream = translator()
    stream.feed(tool(0, "a", "f", '{"x":1'))
    for _ in range(2000):
        events = stream.feed(tool(0, arguments="\n"))
        if stream.ended:
            break
    assert [event["type"] for event in events] == ["error"]
    assert "blank characters" in events[0]["error"]["message"]


STATE = {"google": {"thought_signature": "S"}}


def test_10_3_private_state_goes_before_its_call() -> None:
    begun = {**entry(0, "a", "f", "{"), "extra_content": STATE}
    again = {**entry(0, arguments="}"), "extra_content": STATE}
    assert body(translated([tools(begun), tools(again), end()])) == [
        f"0 redacted_thinking {pack_tool_state('a', STATE)}",
        "0 stop",
        "1 tool_use a f",
        "input_json_delta {",
        "input_json_delta }",
        "1 stop",
        "end tool_use",
    ]


def test_10_3_late_private_state_goes_after_its_call() -> None:
    late = {**entry(0, arguments="}"), "extra_content": STATE}
    queued = {**entry(1, "b", "g", "{}"), "extra_content": STATE}
    assert body(translated([tool(0, "a", "f", "{"), tools(late), tools(queued), end()])) == [
        "0 tool_use a f",
        "input_json_delta {",
        "input_json_delta }",
        "0 stop",
        f"1 redacted_thinking {pack_tool_state('a', STATE)}",
        "1 stop",
        f"2 redacted_thinking {pack_tool_state('b', STATE)}",
        "2 stop",
        "3 tool_use b g",
        "input_json_delta {}",
        "3 stop",
        "end tool_use",
    ]


def test_10_3_state_for_a_closed_call_goes_to_the_end() -> None:
    late = {**entry(0), "extra_content": STATE}
    chunks = [tool(0, "a", "f", "{}"), text("t"), tools(late), text("u"), end()]
    assert body(translated(chunks))[3:] == [
        "1 text",
        "text_delta t",
        "text_delta u",
        "1 stop",
        f"2 redacted_thinking {pack_tool_state('a', STATE)}",
        "2 stop",
        "end tool_use",
    ]


def test_4_no_index_of_a_fragment_names_a_legacy_call() -> None:
    streamed = translator()
    for item in (
        tool(1, "a", "f", "{}"),
        text("x"),
        chunk({"function_call": {"name": "g", "arguments": '{"y"'}}),
        tool(1, None, None, "1"),
        tool(-1, None, None, "2"),
    ):
        streamed.feed(item)
    # A negative index is none, so both go to the call that the fragment before them named.
    assert streamed.warnings["arguments_for_closed_call"] == 2


def test_4_arguments_that_go_on_plainly_name_the_last_call_too() -> None:
    chunks = [
        tool(1, "a", "f", '{"x"'),
        tool(2, "b", None, "{}"),
        tool(1, None, None, ":1"),
        tool(None, None, None, "}"),
        end("tool_calls"),
    ]
    assert calls(translated(chunks)) == [("a", "f", '{"x":1}')]


FULL = {"usage": {"prompt_tokens": 9, "completion_tokens": 50}}
ROOM = {"usage": {"prompt_tokens": 9, "completion_tokens": 49}}
HALF = [tool(0, "a", "f", '{"x"')]


@pytest.mark.parametrize(
    ("chunks", "finish", "usage", "stop_reason", "cut"),
    [
        pytest.param(HALF, "tool_calls", FULL, "max_tokens", True, id="edge 32 finish tool_calls"),
        pytest.param(HALF, "stop", FULL, "max_tokens", True, id="edge 32 finish stop"),
        pytest.param(HALF, "mystery", FULL, "max_tokens", True, id="edge 32 unknown finish"),
        pytest.param(HALF, "function_call", FULL, "max_tokens", True, id="edge 32 function_call"),
        pytest.param(HALF, "length", ROOM, "max_tokens", True, id="edge 32 length without usage"),
        pytest.param(
            [*HALF, tool(1, "b", "g", '{"y":')], "tool_calls", FULL, "max_tokens", True,
            id="edge 32 with a queued call",
        ),
        pytest.param(
            [tool(0, "a", "f", "{}"), tool(1, "b", "g", '{"y":')], "tool_calls", FULL, "max_tokens",
            True, id="edge 32 the second call",
        ),
        pytest.param(
            [tool(0, "a", "f", '"{')], "tool_calls", FULL, "max_tokens", False, id="edge 32 held text"
        ),
        pytest.param(HALF, "model_length", ROOM, "model_context_window_exceeded", True, id="edge 34 amid a call"),
        pytest.param(HALF, "tool_calls", ROOM, "tool_use", False, id="edge 32 not at the limit"),
        pytest.param(HALF, "content_filter", FULL, "max_tokens", True, id="edge 32 filtered"),
        pytest.param(
            [tool(0, "a", "f", '{"x":1}')], "tool_calls", FULL, "tool_use", False,
            id="edge 32 whole arguments at the limit",
        ),
        pytest.param(
            [tool(0, "a", "f", "{}")], "tool_calls", FULL, "tool_use", False,
            id="edge 32 no arguments at the limit",
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("late", [False, True], ids=["usage with the finish", "usage behind it"])
def test_a_call_that_the_limit_cut(
    chunks: list[object],
    finish: str,
    usage: dict[str, Any],
    stop_reason: str,
    cut: bool,
    late: bool,
) -> None:
    ends = [end(finish), {"choices": [], **usage}] if late else [end(finish, **usage)]
    events = translated([*chunks, *ends], reply(max_tokens=50))
    assert events[-2]["delta"]["stop_reason"] == stop_reason
    last = calls(events)[-1][2]
    assert cut is (last in ('{"x"', '{"y":'))


def test_edge_32_a_whole_answer_that_the_limit_cut() -> None:
    message = {"tool_calls": [entry(None, "a", "f", '{"x": "y')]}
    answer = {"choices": [{"message": message, "finish_reason": "tool_calls"}], **FULL}
    cut = chat_to_message(answer, reply(max_tokens=50))
    assert cut["stop_reason"] == "max_tokens"
    assert cut["content"][0]["input"] == {"_raw": '{"x": "y'}


WHOLE_F = ["0 tool_use a f", 'input_json_delta {"x"', "input_json_delta :1}", "0 stop"]


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        pytest.param(
            [*HALF, chunk({"content": "\nOkay", "tool_calls": [entry(0, arguments=":1}")]})],
            [*WHOLE_F, "1 text", "text_delta \nOkay", "1 stop"],
            id="4 text beside the last piece",
        ),
        pytest.param(
            [*HALF, text("Okay"), text("!"), tool(0, arguments=":1}"), text(".")],
            [*WHOLE_F, "1 text", "text_delta Okay", "text_delta !", "text_delta .", "1 stop"],
            id="4 text between the pieces",
        ),
        pytest.param(
            [*HALF, chunk({"reasoning_content": "hm", "tool_calls": [entry(0, arguments=":1}")]})],
            [*WHOLE_F, "1 thinking", "thinking_delta hm", signed("hm"), "1 stop"],
            id="4 reasoning beside the last piece",
        ),
        pytest.param(
            [*HALF, chunk({"reasoning": "hm"}), text("a"), tool(0, arguments=":1}")],
            [*WHOLE_F, "1 thinking", "thinking_delta hm", signed("hm"), "1 stop", "2 text",
             "text_delta a", "2 stop"],
            id="4 reasoning and text between the pieces",
        ),
        pytest.param(
            [tool(0, "a", "f", ""), text("a"), tool(0, arguments='{"x"'), tool(0, arguments=":1}")],
            [*WHOLE_F, "1 text", "text_delta a", "1 stop"],
            id="4 text before the first piece",
        ),
        pytest.param(
            [*HALF, tool(1, "b", "g", '{"y"'), text("a"), tool(0, arguments=":1}"),
             tool(1, arguments=":2}")],
            [*WHOLE_F, "1 tool_use b g", 'input_json_delta {"y"', "input_json_delta :2}", "1 stop",
             "2 text", "text_delta a", "2 stop"],
            id="4 text amid two calls",
        ),
        pytest.param(
            [*HALF, chunk({"refusal": "no"}), tool(0, arguments=":1}")],
            [*WHOLE_F, "1 text", "text_delta no", "1 stop"],
            id="4 a refusal amid a call",
        ),
        pytest.param(
            [*HALF, text("a")],
            ["0 tool_use a f", 'input_json_delta {"x"', 'input_json_delta :null,"_raw":""}', "0 stop",
             "1 text", "text_delta a", "1 stop"],
            id="4 text waits until the answer ends",
        ),
    ],
)  # fmt: skip
def test_what_comes_amid_a_call_does_not_cut_it(chunks: list[object], expected: list[str]) -> None:
    assert body(translated([*chunks, end("tool_calls")]))[:-1] == expected


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        pytest.param(
            [tool(0, "a", "f", '{"x":1}'), tool(0, "a", "f", '{"x":2}')],
            [A1, ("toolu_1", "f", '{"x":2}')],
            id="4 the same index and id",
        ),
        pytest.param(
            [tool(0, "a", "f", '{"x"'), tool(0, arguments=":1}"), tool(0, "a", "g", '{"y"'),
             tool(0, arguments=":2}")],
            [A1, ("toolu_1", "g", '{"y":2}')],
            id="4 the same index and id, in pieces",
        ),
        pytest.param(
            [tool(0, "a", "f", "{}"), tool(0, "a", "f", '{"x":1}')], [A1], id="4 real arguments with the name"
        ),
        pytest.param(
            [tool(0, "a", "f", {}), tool(0, "a", "f", {"x": 1})], [A1], id="4 real arguments as an object"
        ),
        pytest.param(
            [tool(0, "a", "f", '{"x":1}'), tool(0, "a", "f", {"x": 1})], [A1], id="4 a copy as an object"
        ),
        pytest.param(
            [tools(entry(0, "a", "f", "{}"), entry(1, "b", "g", "{}")), tool(0, arguments='{"x":1}'),
             tool(1, arguments='{"y":2}')],
            [A1, B1],
            id="3 heads of two calls, then their arguments",
        ),
        pytest.param(
            [tool(0, "a", "f", "{}"), tool(0, arguments='{"x"'), tool(0, arguments=":1}"),
             tool(1, "b", "g", "{}"), tool(1, arguments='{"y":2}')],
            [A1, B1],
            id="3 heads with an empty object",
        ),
    ],
)  # fmt: skip
def test_calls_behind_whole_arguments(
    chunks: list[object], expected: list[tuple[str, str, str]]
) -> None:
    assert calls(translated([*chunks, end("tool_calls")])) == expected
