"""Each row of the state table of docs/protocol.md section 4, and the edge cases of streams."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from proxy.convert.reply.context import ReplyContext
from proxy.convert.reply.events import Event
from proxy.convert.reply.private_state import pack_detail
from proxy.errors import Overloaded, UpstreamError, UpstreamTimeout
from proxy.sse import Signal
from tests.convert.chunk_builders import (
    body,
    chunk,
    details,
    end,
    entry,
    reasoning,
    reply,
    shape,
    signed,
    text,
    tool,
    translated,
    translator,
    usage_chunk,
)

DONE = Signal.DONE
BAD = Signal.UNDECODABLE
CUT = "error api_error: upstream closed the stream before it finished"

S0: Sequence[object] = ()
S1 = (chunk({"role": "assistant", "content": ""}),)
TX = (text("t"),)
TH = (reasoning("r"),)
TO = (tool(0, "a", "f", '{"x"'),)
TO_WHOLE = (tool(0, "a", "f", '{"x":1}'),)
QUEUED = (*TO, tool(1, "b", "g", '{"y":2}'))
FIN = (text("t"), end())

SIGNED = "signature_delta cp1.RUNJ5CLwUpcZHq0T4h09tS"
"""Of the thinking ``r``."""


def summary(index: int) -> str:
    """The signature of a summary: it is not to come back as the thoughts themselves."""
    return f"signature_delta {pack_detail({'type': 'reasoning.summary', 'index': index})}"


def last_step(before: Sequence[object], item: object, **facts: Any) -> list[str]:
    """The shape of what ``item`` causes after ``before``."""
    stream = translator(reply(**facts))
    for earlier in before:
        stream.feed(earlier)
    return shape(stream.feed(item))


@pytest.mark.parametrize(
    ("before", "item", "expected"),
    [
        pytest.param(
            S0,
            text("a"),
            ["message_start", "ping", "0 text", "text_delta a"],
            id="4 S0 first chunk starts the message and is handled",
        ),
        pytest.param(S0, S1[0], ["message_start", "ping"], id="edge 46 role-only chunk opens nothing"),
        pytest.param(S0, {"choices": []}, ["message_start", "ping"], id="edge 53 no choices at first"),
        pytest.param(S1, reasoning("a"), ["0 thinking", "thinking_delta a"], id="4 S1 reasoning"),
        pytest.param(
            TX, reasoning("a"), ["0 stop", "1 thinking", "thinking_delta a"], id="4 TX reasoning"
        ),
        pytest.param(
            TO_WHOLE, reasoning("a"), ["0 stop", "1 thinking", "thinking_delta a"], id="4 TO reasoning"
        ),
        pytest.param(TO, reasoning("a"), [], id="4 TO reasoning, half a call"),
        pytest.param(TH, reasoning("a"), ["thinking_delta a"], id="4 TH reasoning"),
        pytest.param(S1, text("a"), ["0 text", "text_delta a"], id="4 S1 content"),
        pytest.param(
            TH, text("a"), [SIGNED, "0 stop", "1 text", "text_delta a"], id="4 TH content"
        ),
        pytest.param(TO_WHOLE, text("a"), ["0 stop", "1 text", "text_delta a"], id="4 TO content"),
        pytest.param(TO, text("a"), [], id="4 TO content, half a call"),
        pytest.param(TX, text("a"), ["text_delta a"], id="4 TX content"),
        pytest.param(TX, chunk({"refusal": "no"}), ["text_delta no"], id="4 TX refusal"),
        pytest.param(
            TX,
            tool(0, "a", "f", "{"),
            ["0 stop", "1 tool_use a f", "input_json_delta {"],
            id="4 TX new call",
        ),
        pytest.param(
            TH,
            tool(0, "a", "f"),
            [SIGNED, "0 stop", "1 tool_use a f"],
            id="4 TH new call without arguments",
        ),
        pytest.param(S1, tool(0, "a"), [], id="4 any call without a name waits"),
        pytest.param(TO, tool(0, arguments=":1}"), ["input_json_delta :1}"], id="4 TO its fragment"),
        pytest.param(TO, tool(1, "b", "g", "{}"), [], id="4 TO new call is queued"),
        pytest.param(
            TO_WHOLE,
            tool(1, "b", "g", "{"),
            ["0 stop", "1 tool_use b g", "input_json_delta {"],
            id="4 TO complete, new call follows",
        ),
        pytest.param(QUEUED, tool(1, arguments=" "), [], id="4 TO fragment for a queued call"),
        pytest.param(
            (*TO_WHOLE, text("a")), tool(0, arguments="x"), [], id="4 TO fragment for a closed call"
        ),
        pytest.param(
            QUEUED,
            tool(0, arguments=":1}"),
            ["input_json_delta :1}", "0 stop", "1 tool_use b g", 'input_json_delta {"y":2}'],
            id="4 TO complete, the queue moves up",
        ),
        pytest.param(
            (*QUEUED, text("a")),
            tool(0, arguments=":1}"),
            [
                "input_json_delta :1}",
                "0 stop",
                "1 tool_use b g",
                'input_json_delta {"y":2}',
                "1 stop",
                "2 text",
                "text_delta a",
            ],
            id="4 any text while calls are queued",
        ),
        pytest.param(
            (*QUEUED, reasoning("a")),
            tool(0, arguments=":1}"),
            [
                "input_json_delta :1}",
                "0 stop",
                "1 tool_use b g",
                'input_json_delta {"y":2}',
                "1 stop",
                "2 thinking",
                "thinking_delta a",
            ],
            id="4 any reasoning while calls are queued",
        ),
        pytest.param(TX, end(), [], id="4 any finish_reason is remembered"),
        pytest.param(TX, usage_chunk(5, 5), [], id="4 any usage is remembered"),
        pytest.param(FIN, text("late"), ["text_delta late"], id="4 FIN late deltas count"),
        pytest.param(
            FIN, DONE, ["0 stop", "end end_turn", "message_stop"], id="4 FIN [DONE]"
        ),
        pytest.param(
            (*QUEUED, end("tool_calls")),
            DONE,
            [
                'input_json_delta :null,"_raw":""}',
                "0 stop",
                "1 tool_use b g",
                'input_json_delta {"y":2}',
                "1 stop",
                "end tool_use",
                "message_stop",
            ],
            id="4 FIN flushes the queue",
        ),
        pytest.param(
            TX, DONE, ["0 stop", "end end_turn", "message_stop"], id="4 not FIN [DONE] after text"
        ),
        pytest.param(
            TO_WHOLE, DONE, ["0 stop", "end tool_use", "message_stop"], id="4 not FIN [DONE] after a call"
        ),
        pytest.param(
            S1, DONE, ["0 text", "0 stop", "end end_turn", "message_stop"], id="4 no content"
        ),
        pytest.param(S0, DONE, [CUT], id="5 an empty stream is no answer"),
        pytest.param(
            TX,
            {"error": {"message": "boom", "type": "server_error"}},
            ["error api_error: boom"],
            id="4 any error chunk",
        ),
        pytest.param(
            TX,
            {"error": {"message": "slow down", "code": 429}},
            ["error rate_limit_error: slow down"],
            id="5 an error chunk's code",
        ),
        pytest.param(
            TX,
            [{"error": {"message": "boom", "code": 500}}],
            ["error api_error: boom"],
            id="4 any error chunk in a list",
        ),
        pytest.param(
            TX,
            {"object": "error", "message": "boom", "code": 400},
            ["error invalid_request_error: boom"],
            id="4 any error object",
        ),
        pytest.param(
            TO, {"error": "boom"}, ["error api_error: boom"], id="10.5 an open call stays open"
        ),
        pytest.param(
            TX,
            end("error"),
            ["error api_error: the upstream ended its answer with finish_reason 'error'"],
            id="4 any finish_reason of row 7",
        ),
        pytest.param(
            TX,
            end("insufficient_system_resource"),
            [
                "error overloaded_error: the upstream ended its answer with finish_reason"
                " 'insufficient_system_resource'"
            ],
            id="3 row 7 in a stream, no resources",
        ),
        pytest.param(TX, BAD, [], id="4 any undecodable line is skipped"),
        pytest.param((*TX, BAD, BAD), text("a"), ["text_delta a"], id="4 two bad lines"),
        pytest.param(
            (*TX, BAD, BAD),
            BAD,
            ["error api_error: the upstream sent 3 undecodable lines in a row"],
            id="4 three undecodable lines in a row",
        ),
        pytest.param(
            (*TX, BAD, BAD, text("x"), BAD, BAD), text("y"), ["text_delta y"], id="4 not in a row"
        ),
        pytest.param((*TX, None, "x"), 3, ["error api_error: the upstream sent 3 undecodable lines in a row"], id="4 JSON that is no object"),
        pytest.param(
            TX,
            {"choices": [{"index": 1, "delta": {"content": "x"}}]},
            ["text_delta x"],
            id="4 index other than 0",
        ),
        pytest.param(TX, chunk({"role": "assistant"}), [], id="4 role-only delta"),
        pytest.param(TX, chunk({"content": "a"}, obfuscation="zzz"), ["text_delta a"], id="4 obfuscation"),
        pytest.param(
            TX, {"choices": [{"index": 0, "content_filter_offsets": {}}]}, [], id="edge 54 no delta"
        ),
        pytest.param(TX, text(""), [], id="edge 47 no empty delta"),
        pytest.param(TX, end(""), [], id="edge 57 empty finish_reason"),
        pytest.param((*FIN, DONE), text("x"), [], id="edge 58 nothing after the end"),
        pytest.param((*TX, {"error": "x"}), DONE, [], id="4 END nothing after an error"),
        pytest.param((*TX, {"error": "x"}), text("x"), [], id="4 END no text after an error"),
        pytest.param(TO_WHOLE, text("\n"), ["0 stop", "1 text", "text_delta \n"], id="4 TO blanks after a whole call"),
    ],
)  # fmt: skip
def test_step(before: Sequence[object], item: object, expected: list[str]) -> None:
    assert last_step(before, item) == expected


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        pytest.param(FIN, ["0 stop", "end end_turn", "message_stop"], id="edge 58 FIN EOF"),
        pytest.param(TX, [CUT], id="4 not FIN EOF"),
        pytest.param(TO, [CUT], id="10.5 EOF leaves the call open"),
        pytest.param(S0, [CUT], id="11 EOF before the first chunk"),
        pytest.param((*TX, end("")), [CUT], id="edge 57 empty finish_reason does not finish"),
        pytest.param((*FIN, DONE), [], id="4 END EOF"),
        pytest.param((*TX, {"error": "x"}), [], id="4 END EOF after an error"),
    ],
)
def test_end_of_the_connection(before: Sequence[object], expected: list[str]) -> None:
    stream = translator()
    for item in before:
        stream.feed(item)
    assert shape(stream.finish()) == expected
    assert stream.ended
    assert stream.finish() == []


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        pytest.param(TX, ["error timeout_error: silent"], id="4 not FIN read error"),
        pytest.param(TO, ["error timeout_error: silent"], id="10.5 timeout leaves the call open"),
        pytest.param(S0, ["error timeout_error: silent"], id="4 S0 read error"),
        pytest.param(FIN, ["0 stop", "end end_turn", "message_stop"], id="4 FIN is complete"),
        pytest.param((*FIN, DONE), [], id="4 END read error"),
    ],
)
def test_broken_connection(before: Sequence[object], expected: list[str]) -> None:
    stream = translator()
    for item in before:
        stream.feed(item)
    assert shape(stream.fail(UpstreamTimeout("silent"))) == expected
    assert stream.ended
    assert stream.fail(Overloaded("draining")) == []


def test_4_payloads_of_message_start_and_error() -> None:
    stream = translator(input_estimate=321)
    assert stream.feed(S1[0]) == [
        {
            "type": "message_start",
            "message": {
                "id": "msg_A1fresh",
                "type": "message",
                "role": "assistant",
                "model": "claude-x",
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "stop_details": None,
                "usage": {
                    "input_tokens": 321,
                    "cache_creation_input_tokens": 0,
                    "cache_read_input_tokens": 0,
                    "output_tokens": 0,
                },
            },
        },
        {"type": "ping"},
    ]
    assert stream.fail(Overloaded("draining")) == [
        {
            "type": "error",
            "error": {"type": "overloaded_error", "message": "draining"},
            "request_id": "req_1",
        }
    ]


def test_4_a_message_can_start_before_the_first_chunk() -> None:
    stream = translator()
    start = stream.start()
    assert shape(start) == ["message_start", "ping"]
    assert start[0]["message"]["id"] == "msg_fresh"
    assert stream.started
    assert stream.start() == []
    assert shape(stream.feed(text("a"))) == ["0 text", "text_delta a"]


@pytest.mark.parametrize(
    ("item", "status"),
    [
        pytest.param({"error": {"message": "x", "code": 429}}, 429, id="edge 45 error chunk"),
        pytest.param(end("network_error"), 502, id="3 row 7 in the first chunk"),
        pytest.param({"error": {}}, 500, id="5 an error without a word"),
        pytest.param(DONE, 502, id="5 [DONE] alone"),
    ],
)
def test_s0_an_error_before_the_start_is_told_apart(item: object, status: int) -> None:
    stream = translator()
    assert [event["type"] for event in stream.feed(item)] == ["error"]
    assert (stream.started, stream.ended) == (False, True)
    assert stream.error is not None
    assert stream.error.status == status
    assert stream.start() == []


def test_state_is_told() -> None:
    stream = translator()
    told = []
    for item in (S1[0], reasoning("r"), end("length"), DONE):
        stream.feed(item)
        told.append((stream.started, stream.content_seen, stream.finishing, stream.ended))
    assert told == [
        (True, False, False, False),
        (True, True, False, False),
        (True, True, True, False),
        (True, True, True, True),
    ]
    assert stream.stop_reason == "max_tokens"
    assert stream.error is None


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        pytest.param(
            [chunk({"tool_calls": tool(0, "a", "f", "{}")["choices"][0]["delta"]["tool_calls"],
                    "content": "t", "reasoning_content": "r"}, "tool_calls")],
            ["0 thinking", "thinking_delta r", SIGNED, "0 stop", "1 text", "text_delta t", "1 stop",
             "2 tool_use a f", "input_json_delta {}", "2 stop", "end tool_use"],
            id="edge 48 everything in one chunk",
        ),
        pytest.param(
            [text("a"), reasoning("r"), text("b"), end()],
            ["0 text", "text_delta a", "0 stop", "1 thinking", "thinking_delta r", SIGNED, "1 stop",
             "2 text", "text_delta b", "2 stop", "end end_turn"],
            id="edge 52 reasoning after text",
        ),
        pytest.param(
            [*TO_WHOLE, text("b"), end()],
            ["0 tool_use a f", 'input_json_delta {"x":1}', "0 stop", "1 text", "text_delta b",
             "1 stop", "end tool_use"],
            id="edge 51 text after a call",
        ),
        pytest.param(
            [text("\n"), tool(0, "a", "f", "{}"), end("tool_calls")],
            ["0 text", "text_delta \n", "0 stop", "1 tool_use a f", "input_json_delta {}", "1 stop",
             "end tool_use"],
            id="edge 50 blanks before a call",
        ),
        pytest.param(
            [*TO, text("\n"), reasoning(" "), tool(0, arguments=":1}"), end()],
            ["0 tool_use a f", 'input_json_delta {"x"', "input_json_delta :1}", "0 stop",
             "end tool_use"],
            id="edge 50 blanks amid a call do not cut it",
        ),
        pytest.param(
            [*TO, end("length")],
            ["0 tool_use a f", 'input_json_delta {"x"', "0 stop", "end max_tokens"],
            id="edge 32 length amid a call",
        ),
        pytest.param(
            [*TO, tool(1, "b", "g", '{"y"'), end("length")],
            ["0 tool_use a f", 'input_json_delta {"x"', "0 stop", "1 tool_use b g",
             'input_json_delta {"y"', "1 stop", "end max_tokens"],
            id="11 length with a queued call",
        ),
        pytest.param(
            [end("tool_calls")],
            ["0 text", "0 stop", "end end_turn"],
            id="edge 31 tool_calls without a call",
        ),
        pytest.param(
            [text("a"), end("stop"), end("stop"), end("stop")],
            ["0 text", "text_delta a", "0 stop", "end end_turn"],
            id="edge 56 several finish chunks",
        ),
        pytest.param(
            [text("a"), end("length"), end("mystery")],
            ["0 text", "text_delta a", "0 stop", "end max_tokens"],
            id="3 row 5 an unknown reason does not replace a known one",
        ),
        pytest.param(
            [text("a"), end("mystery")],
            ["0 text", "text_delta a", "0 stop", "end end_turn"],
            id="3 row 5 unknown in a stream",
        ),
        pytest.param(
            [text([{"type": "thinking", "thinking": [{"type": "text", "text": "r"}]},
                   {"type": "text", "text": "a"}]), end()],
            ["0 thinking", "thinking_delta r", SIGNED, "0 stop", "1 text", "text_delta a", "1 stop",
             "end end_turn"],
            id="edge 28 content parts in a stream",
        ),
        pytest.param(
            [{"choices": [{"message": {"role": "assistant", "content": "all"},
                           "finish_reason": "stop"}]}],
            ["0 text", "text_delta all", "0 stop", "end end_turn"],
            id="edge 38 one whole message as a chunk",
        ),
        pytest.param(
            [text("a"), {"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]}],
            ["0 text", "text_delta a", "0 stop", "end end_turn"],
            id="4 a whole message after its deltas is not told again",
        ),
        pytest.param(
            [chunk({"refusal": "I "}), chunk({"refusal": "won't."}), end()],
            ["0 text", "text_delta I ", "text_delta won't.", "0 stop", "end refusal"],
            id="3 refusal in a stream",
        ),
        pytest.param(
            [details({"type": "reasoning.text", "text": "r", "index": 0}),
             details({"type": "reasoning.text", "text": "", "signature": "SIG", "index": 0}),
             details({"type": "reasoning.encrypted", "data": "XX", "index": 1}), text("a"), end()],
            ["0 thinking", "thinking_delta r", "signature_delta SIG", "0 stop",
             "1 redacted_thinking XX", "1 stop", "2 text", "text_delta a", "2 stop", "end end_turn"],
            id="3 reasoning_details in a stream",
        ),
        pytest.param(
            [details({"type": "reasoning.summary", "summary": "r", "index": 0}),
             details({"type": "reasoning.summary", "summary": "s", "index": 1}), end()],
            ["0 thinking", "thinking_delta r", summary(0), "0 stop", "1 thinking",
             "thinking_delta s", summary(1), "1 stop", "end end_turn"],
            id="3 each item of reasoning_details is a block",
        ),
        pytest.param(
            [details({"type": "reasoning.text", "text": "r", "signature": "S1"}),
             details({"type": "reasoning.text", "text": "s", "signature": "S2"}), end()],
            ["0 thinking", "thinking_delta r", "signature_delta S1", "0 stop", "1 thinking",
             "thinking_delta s", "signature_delta S2", "1 stop", "end end_turn"],
            id="3 a signature completes a block",
        ),
        pytest.param(
            [details({"type": "reasoning.text", "text": "r", "signature": "S"}),
             details({"type": "reasoning.text", "text": "s", "signature": "S"}), end()],
            ["0 thinking", "thinking_delta r", "thinking_delta s", "signature_delta S", "0 stop",
             "end end_turn"],
            id="3 a signature that comes with every piece",
        ),
        pytest.param(
            [details({"type": "reasoning.text", "text": "r", "signature": "S"}), text("a"),
             details({"type": "reasoning.text", "text": "s"}), end()],
            ["0 thinking", "thinking_delta r", "signature_delta S", "0 stop", "1 text",
             "text_delta a", "1 stop", "2 thinking", "thinking_delta s", signed("s"), "2 stop",
             "end end_turn"],
            id="3 a signature is for its own block",
        ),
        pytest.param(
            [details({"type": "reasoning.text", "text": "r"}),
             details({"type": "reasoning.text", "text": "s", "index": 0}),
             details({"type": "reasoning.text", "text": "t"}), end()],
            ["0 thinking", "thinking_delta r", "thinking_delta s", "thinking_delta t",
             signed("rst"), "0 stop", "end end_turn"],
            id="3 an item without a number goes on",
        ),
        pytest.param(
            [details({"type": "reasoning.text", "signature": "S"}), text("a"), end()],
            ["0 thinking", "signature_delta S", "0 stop", "1 text", "text_delta a", "1 stop",
             "end end_turn"],
            id="3 a signature without text is kept",
        ),
        pytest.param(
            [text("a"), details({"type": "reasoning.text", "signature": "S"}), text("b"), end()],
            ["0 text", "text_delta a", "text_delta b", "0 stop", "end end_turn"],
            id="3 a signature that comes too late",
        ),
        pytest.param(
            [*TO, details({"type": "reasoning.encrypted", "data": "XX"}),
             tool(0, arguments=":1}"), end()],
            ["0 tool_use a f", 'input_json_delta {"x"', "input_json_delta :1}", "0 stop",
             "1 redacted_thinking XX", "1 stop", "end tool_use"],
            id="3 encrypted reasoning amid a call waits for its end",
        ),
        pytest.param(
            [details({"type": "reasoning.encrypted", "data": "XX"}), tool(0, "a", "f", "{}"), end()],
            ["0 redacted_thinking XX", "0 stop", "1 tool_use a f", "input_json_delta {}", "1 stop",
             "end tool_use"],
            id="3 encrypted reasoning goes before the call that follows it",
        ),
    ],
)  # fmt: skip
def test_whole_streams(chunks: list[object], expected: list[str]) -> None:
    assert body(translated(chunks)) == expected


HIDDEN = {"type": "reasoning.text", "text": "r"}
BOTH = chunk({"reasoning": "r", "reasoning_content": "r"})
ALL = chunk(
    {
        "reasoning": "r",
        "reasoning_content": "r",
        "reasoning_details": [{"type": "reasoning.text", "text": "r"}],
    }
)


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param([BOTH], id="3 never two forms, in one delta"),
        pytest.param([ALL], id="3 never three forms"),
        pytest.param([reasoning("r"), chunk({"reasoning": "r"})], id="3 never two forms, in turns"),
        pytest.param(
            [chunk({"reasoning": "r"}), details({"type": "reasoning.text", "text": "r"})],
            id="3 never two forms, details second",
        ),
        pytest.param(
            [chunk({"reasoning": "r", "reasoning_content": ""}), reasoning("r"), ALL],
            id="3 never two forms, all of them later",
        ),
    ],
)
def test_reasoning_is_told_once(chunks: list[object]) -> None:
    expected = ["0 thinking", "thinking_delta r", SIGNED, "0 stop", "end end_turn"]
    assert body(translated([*chunks, end()])) == expected


@pytest.mark.parametrize(
    ("chunks", "thinking"),
    [
        pytest.param(
            [reasoning("a"), reasoning("b"), reasoning("c"), chunk({"reasoning": "abc"})],
            "abc",
            id="3 a copy of all of it at the end",
        ),
        pytest.param([BOTH, chunk({"reasoning": "r"})], "rr", id="3 one form goes on alone"),
        pytest.param(
            [chunk({"reasoning": "in short", "reasoning_content": "at length"}), reasoning("!")],
            "at length!",
            id="3 two forms in other words",
        ),
    ],
)
def test_reasoning_in_several_forms(chunks: list[object], thinking: str) -> None:
    events = translated([*chunks, end()])
    told = [
        event["delta"].get("thinking", "")
        for event in events
        if "index" in event and "delta" in event
    ]
    assert "".join(told) == thinking


@pytest.mark.parametrize(
    ("delta", "seen"),
    [
        pytest.param({"role": "assistant", "content": ""}, False, id="role only"),
        pytest.param({"content": "a"}, True, id="text"),
        pytest.param({"content": "<thi"}, True, id="text that is held back"),
        pytest.param(
            {"content": [{"type": "thinking", "thinking": "a"}]}, True, id="thinking part"
        ),
        pytest.param({"refusal": "a"}, True, id="refusal"),
        pytest.param({"reasoning": "a"}, True, id="reasoning"),
        pytest.param({"tool_calls": [{"index": 0}]}, True, id="tool call"),
        pytest.param({"tool_calls": ["x"]}, False, id="odd tool call"),
    ],
)
def test_content_seen(delta: dict[str, Any], seen: bool) -> None:
    stream = translator(reply(think_tags=True, thinking="discard"))
    stream.feed(chunk(delta))
    assert stream.content_seen is seen


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param(
            {"thinking": "show"},
            ["0 thinking", "thinking_delta r", SIGNED, "0 stop", "1 text"],
            id="1.4 thinking is shown",
        ),
        pytest.param(
            {"thinking": "omit"},
            ["0 thinking", f"signature_delta {pack_detail(HIDDEN)}", "0 stop", "1 text"],
            id="1.4 display omitted keeps the signature",
        ),
        pytest.param({"thinking": "discard"}, ["0 text"], id="1.4 disabled discards it"),
    ],
)
def test_display_of_thinking(facts: dict[str, Any], expected: list[str]) -> None:
    events = body(translated([reasoning("r"), text("a"), end()], reply(**facts)))
    assert events[: len(expected)] == expected


def test_1_4_discarded_thinking_does_not_cut_text_or_calls() -> None:
    encrypted = {"type": "reasoning.encrypted", "data": "X"}
    signature = {"type": "reasoning.text", "signature": "S"}
    chunks = [*TO, reasoning("r"), details(encrypted, signature), tool(0, arguments=":1}"), end()]
    expected = ["0 tool_use a f", 'input_json_delta {"x"', "input_json_delta :1}", "0 stop"]
    assert body(translated(chunks, reply(thinking="discard")))[:-1] == expected


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        pytest.param(
            [text("<th"), text("ink>r</thi"), text("nk>a")],
            ["0 thinking", "thinking_delta r", SIGNED, "0 stop", "1 text", "text_delta a", "1 stop"],
            id="4 split think tags",
        ),
        pytest.param(
            [text("<thi"), tool(0, "a", "f", "{}")],
            ["0 text", "text_delta <thi", "0 stop", "1 tool_use a f", "input_json_delta {}",
             "1 stop"],
            id="4 held text is not lost before a call",
        ),
        pytest.param(
            [text("<thi"), chunk({"refusal": "no"})],
            ["0 text", "text_delta <thi", "text_delta no", "0 stop"],
            id="4 held text is not lost before a refusal",
        ),
        pytest.param(
            [text("<thi"), tool(0, "a", "f", "{}"), text("<think>")],
            ["0 text", "text_delta <thi", "0 stop", "1 tool_use a f", "input_json_delta {}",
             "1 stop", "2 text", "text_delta <think>", "2 stop"],
            id="3 only the very start counts",
        ),
        pytest.param([text("<")], ["0 text", "text_delta <", "0 stop"], id="4 held text at the end"),
        pytest.param(
            [text("<think>r</")],
            ["0 thinking", "thinking_delta r", "thinking_delta </",
             signed("r</"), "0 stop"],
            id="edge 117 held thinking at the end",
        ),
        pytest.param(
            [text("<think>"), text("</think>"), text("a")],
            ["0 text", "text_delta a", "0 stop"],
            id="edge 122 empty think tags",
        ),
    ],
)  # fmt: skip
def test_think_tags(chunks: list[object], expected: list[str]) -> None:
    tagged = reply(think_tags=True)
    assert body(translated([*chunks, end()], tagged))[:-1] == expected


def test_3_think_tags_are_text_without_the_flag() -> None:
    assert body(translated([text("<think>a"), end()]))[1] == "text_delta <think>a"


class Estimate:
    def count_input(self) -> int:
        return 70

    def count_output(self, output: str) -> int:
        return len(output)


def message_delta(events: list[Event]) -> dict[str, Any]:
    (event,) = (event for event in events if event["type"] == "message_delta")
    return event


REPORT = {"prompt_tokens": 10, "completion_tokens": 3}


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        pytest.param([text("ab"), end(usage=REPORT)], (10, 3, False), id="edge 55 with the finish"),
        pytest.param([text("ab"), end(), usage_chunk(10, 3)], (10, 3, False), id="edge 53 after it"),
        pytest.param(
            [chunk({"content": "a"}, usage={"prompt_tokens": 10, "completion_tokens": 1}),
             chunk({"content": "b"}, usage={"prompt_tokens": 10, "completion_tokens": 2}),
             end(usage=REPORT)],
            (10, 3, False),
            id="edge 55 cumulative",
        ),
        pytest.param(
            [text("ab"), {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop",
                                       "usage": REPORT}]}],
            (10, 3, False),
            id="4 usage within the choice (Kimi)",
        ),
        pytest.param(
            [text("ab"), end(x_groq={"usage": REPORT})], (10, 3, False), id="4 usage of Groq"
        ),
        pytest.param([text("ab"), end()], (70, 2, True), id="edge 73 never"),
        pytest.param([text("ab"), end(usage={"prompt_tokens": 0})], (70, 2, True), id="6 zeros"),
        pytest.param([text("ab"), end(usage="x")], (70, 2, True), id="4 usage of another type"),
        pytest.param(
            [reasoning("abc"), text("ab"), tool(0, "a", "f", "{}"), end()],
            (70, 8, True),
            id="6 thinking, text, names and arguments are output",
        ),
        pytest.param(
            [text("a"), text("bc"), reasoning("d"), reasoning("ef"), tool(0, "a", "f", "{"),
             tool(0, arguments="}"), end()],
            (70, 9, True),
            id="6 plain deltas are output",
        ),
    ],
)  # fmt: skip
def test_usage(chunks: list[object], expected: tuple[int, int, bool]) -> None:
    stream = translator(estimate=Estimate())
    events = [event for item in chunks for event in stream.feed(item)]
    usage = message_delta([*events, *stream.finish()])["usage"]
    assert (usage["input_tokens"], usage["output_tokens"], stream.estimated) == expected
    assert stream.usage["output_tokens"] == expected[1]


def test_edge_131_message_delta_carries_the_whole_usage() -> None:
    cached = {"cached_tokens": 4, "cache_write_tokens": 1}
    thought = {"reasoning_tokens": 2}
    last = usage_chunk(10, 3, prompt_tokens_details=cached, completion_tokens_details=thought)
    stream = translator(reply(stop_sequences=("END",)))
    stop = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "stop_reason": "END"}]}
    events = [event for item in (text("a"), stop, last) for event in stream.feed(item)]
    assert message_delta([*events, *stream.finish()]) == {
        "type": "message_delta",
        "delta": {"stop_reason": "stop_sequence", "stop_sequence": "END", "stop_details": None},
        "usage": {
            "input_tokens": 5,
            "cache_creation_input_tokens": 1,
            "cache_read_input_tokens": 4,
            "output_tokens": 3,
            "output_tokens_details": {"thinking_tokens": 2},
        },
    }
    assert stream.usage["service_tier"] == "standard"


def test_usage_of_a_broken_stream_is_what_was_reported() -> None:
    stream = translator(estimate=Estimate())
    stream.feed(chunk({"content": "a"}, usage=REPORT))
    stream.fail(UpstreamError("gone"))
    assert stream.usage["input_tokens"] == 10
    assert not stream.estimated


def test_without_an_estimate_usage_is_zero() -> None:
    usage = message_delta(translated([text("a"), end()], input_estimate=0))["usage"]
    assert (usage["input_tokens"], usage["output_tokens"]) == (0, 0)


@pytest.mark.parametrize(
    ("chunks", "words"),
    [
        pytest.param([text("a"), end("mystery")], ["unknown_finish_reason"], id="3 row 5 unknown"),
        pytest.param([text("a"), DONE], ["no_finish_reason"], id="4 not FIN [DONE]"),
        pytest.param([BAD, text("a"), end()], ["undecodable"], id="4 undecodable line"),
        pytest.param([tool(0, "a"), end()], ["nameless_tool_call"], id="4 call without a name"),
        pytest.param(
            [*TO_WHOLE, text("a"), tool(0, arguments="x"), end()],
            ["arguments_for_closed_call"],
            id="4 fragment for a closed call",
        ),
        pytest.param([chunk({"tool_calls": ["x"]}), end()], ["odd_tool_call"], id="4 odd call"),
        pytest.param(
            [text("a"), details({"type": "reasoning.text", "signature": "S"}), end()],
            ["late_signature"],
            id="3 late signature",
        ),
        pytest.param(
            [
                details({"type": "reasoning.encrypted", "data": "X"}),
                details({"type": "reasoning.text", "signature": "S"}),
                end(),
            ],
            ["late_signature"],
            id="3 late signature after a closed block",
        ),
        pytest.param([text("a"), end(), DONE], [], id="4 nothing odd"),
    ],
)
def test_warnings_are_words(chunks: list[object], words: list[str]) -> None:
    stream = translator()
    for item in chunks:
        stream.feed(item)
    stream.finish()
    assert list(stream.warnings) == words


def test_edge_40_the_model_is_the_clients() -> None:
    context = ReplyContext(model="opus")
    (start, *_) = translated([chunk({}, model="gpt-4o")], context)
    assert start["message"]["model"] == "opus"


@pytest.mark.parametrize(
    ("first", "more"),
    [
        pytest.param(text("a"), text, id="text"),
        pytest.param(reasoning("a"), reasoning, id="thinking"),
        pytest.param(
            tool(0, "a", "f", '{"a":"'), lambda piece: tool(0, arguments=piece), id="arguments"
        ),
    ],
)
def test_memory_stays_flat_however_long_the_stream(
    first: dict[str, Any], more: Callable[[str], dict[str, Any]]
) -> None:
    stream = translator(estimate=Estimate())
    tracemalloc.start()
    try:
        stream.feed(first)
        for number in range(20_000):
            stream.feed(more(f"{number:0100d}"))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 1_000_000


THINKS = ({"reasoning_content": "r"}, {"reasoning_text": "r"}, {"thinking_blocks": [{"thinking": "r"}]},
          {"reasoning": "r", "content": ""}, {"content": [{"type": "thinking", "thinking": "r"}]},
          {"content": "<think>r"},
          {"content": "r", "extra_content": {"google": {"thought": True}}})  # fmt: skip


@pytest.mark.parametrize("delta", THINKS, ids=str)
@pytest.mark.parametrize("finish", ["stop", "length", "tool_calls", "mystery"])
def test_4_a_finish_reason_beside_reasoning_alone_announces_no_end(
    delta: dict[str, Any], finish: str
) -> None:
    stream = translator(reply(think_tags=True))
    stream.feed(chunk(delta, finish))
    assert not stream.finishing
    stream.feed(chunk({"tool_calls": [entry(0, "a", "f", "{}")]}))
    assert not stream.finishing
    stream.feed(end("tool_calls"))
    assert (stream.finishing, stream.endings) == (True, 1)


@pytest.mark.parametrize(
    "delta",
    [{"content": "a"}, {"content": "a", "reasoning_content": "r"}, {"refusal": "no"}, {},
     {"tool_calls": [entry(0, "a", "f", "{}")], "reasoning": "r"}, {"content": ""}],
    ids=str,
)  # fmt: skip
def test_4_any_other_finish_reason_announces_one(delta: dict[str, Any]) -> None:
    stream = translator()
    stream.feed(chunk(delta, "stop"))
    assert (stream.finishing, stream.endings) == (True, 1)


def test_4_a_finish_reason_is_none_once_the_answer_goes_on() -> None:
    stream = translator()
    seen = []
    late = [text("b"), text("c"), text("d", "stop"), text("e", "stop"), usage_chunk(1, 1),
            chunk({"role": "assistant", "content": ""}), reasoning("r")]  # fmt: skip
    for item in [text("a", "stop"), *late]:
        stream.feed(item)
        seen.append((stream.finishing, stream.endings))
    assert seen == [
        (True, 1), (False, 1), (False, 1), (True, 2), (True, 3), (True, 3), (True, 3), (False, 3)
    ]  # fmt: skip
    assert shape(stream.finish())[-2:] == ["end end_turn", "message_stop"]


@pytest.mark.parametrize("last", [DONE, None], ids=["[DONE]", "EOF"])
def test_4_a_finish_reason_beside_reasoning_counts_where_the_stream_ends(last: object) -> None:
    stream = translator()
    events = stream.feed(chunk({"reasoning_content": "r"}, "length"))
    events += stream.finish() if last is None else stream.feed(DONE)
    assert "end max_tokens" in shape(events)
