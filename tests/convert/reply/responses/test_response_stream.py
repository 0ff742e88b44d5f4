"""Responses streams: single rules of the order, the end and what is told."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from proxy.convert.reply.responses.message import response_to_message
from proxy.convert.reply.responses.translator import ResponsesTranslator
from proxy.errors import UpstreamError
from proxy.sse import Signal
from tests.convert.chunk_builders import reply
from tests.convert.response_builders import (
    Item,
    blocks_of,
    call,
    completed,
    created,
    events_of,
    message,
    reasoning,
    response,
    stream_of,
    translated,
    usage,
)


def text_delta(text: str, index: int = 0) -> dict[str, Any]:
    keys = {"output_index": index, "item_id": f"msg_{index}", "content_index": 0}
    return {"type": "response.output_text.delta", **keys, "delta": text}


def text_done(text: str, index: int = 0) -> dict[str, Any]:
    return {**text_delta("", index), "type": "response.output_text.done", "text": text}


def texts(events: list[Any], **facts: Any) -> tuple[list[str], dict[str, int]]:
    told, translator = translated(events, reply(**facts))
    return [block.get("text", "") for block in blocks_of(told)], dict(translator.warnings)


def test_life_signs_do_not_begin_the_stream() -> None:
    translator = ResponsesTranslator(reply(), request_id="r")
    for kind in ("response.created", "response.in_progress", "response.queued", "keepalive"):
        assert translator.feed({"type": kind, "response": {"id": "resp_abcdefghijklmn"}}) == []
    assert (translator.started, translator.content_seen) == (False, False)
    events = translator.feed(events_of(message("a"), 0)[0])
    assert [event["type"] for event in events] == ["message_start", "ping"]
    assert events[0]["message"]["id"] == "msg_abcdefghijklmn"
    assert translator.content_seen
    assert translator.takes_new_content()
    assert not translator.takes_new_content()


def test_a_stream_that_was_begun_early_has_one_start() -> None:
    translator = ResponsesTranslator(reply(), request_id="r", input_estimate=7)
    first = translator.start()
    assert first[0]["message"]["usage"]["input_tokens"] == 7
    rest = [event for each in stream_of(message("Hi")) for event in translator.feed(each)]
    assert "message_start" not in [event["type"] for event in rest]
    assert translator.stop_reason == "end_turn"


def test_a_failure_before_any_content_is_no_stream() -> None:
    translator = ResponsesTranslator(reply(), request_id="r")
    translator.feed(created())
    error = {"code": "server_error", "message": "Broken"}
    translator.feed({"type": "response.failed", "response": response(status="failed", error=error)})
    assert translator.error is not None
    assert not translator.started


@pytest.mark.parametrize(
    ("events", "told", "warnings"),
    [
        pytest.param([text_delta("Hel"), text_done("Hello")], ["Hello"], {}, id="the rest"),
        pytest.param([text_delta("Hello"), text_done("Hello")], ["Hello"], {}, id="equal"),
        pytest.param(
            [text_delta("Hallo"), text_done("Hello")], ["Hallo"], {"done_differs": 1}, id="other"
        ),
        pytest.param([text_done("Hello")], ["Hello"], {}, id="nothing before"),
        pytest.param(
            [text_delta("a"), text_done("a"), text_delta("b")],
            ["a"],
            {"late_delta": 1},
            id="a delta behind done",
        ),
        pytest.param(
            [text_delta("a"), text_delta("b", 1), text_delta("c"), text_delta("d", 1)],
            ["a", "b", "c", "d"],
            {},
            id="interleaved messages",
        ),
    ],
)
def test_what_done_adds(events: list[Any], told: list[str], warnings: dict[str, int]) -> None:
    assert texts([created(), *events, completed()]) == (told, warnings)


def test_a_text_longer_than_what_is_kept_stands() -> None:
    deltas = [text_delta("a" * 150_000)] * 3
    long = "a" * 450_000
    told, warnings = texts([*deltas, text_done(long + "b"), completed()])
    assert told == [long]
    assert warnings == {"done_differs": 1}
    assert texts([*deltas, text_done(long), completed()]) == ([long], {})


def test_a_call_keeps_its_block_until_it_is_complete() -> None:
    first, second = call("f", '{"a":1}'), call("g", "{}", id="fc_2", call_id="call_2")
    a, b, c = events_of(first, 0), events_of(second, 1), events_of(message("Hi"), 2)
    told, _ = translated([created(), a[0], *c, b[0], *a[1:], *b[1:], completed()], reply())
    blocks = blocks_of(told)
    assert [block.get("name") or block["text"] for block in blocks] == ["f", "Hi", "g"]
    assert [block.get("input") for block in blocks] == ['{"a":1}', None, "{}"]


def test_the_name_of_a_call_may_come_last() -> None:
    keys = {"item_id": "fc_1", "output_index": 0}
    head = "response.function_call_arguments"
    events = [
        {"type": f"{head}.delta", **keys, "delta": '{"a":'},
        {"type": f"{head}.done", **keys, "arguments": '{"a":1}', "name": "f"},
        completed(),
    ]
    told, _ = translated(events, reply())
    assert [(b["name"], b["id"], b["input"]) for b in blocks_of(told)] == [("f", "fc_1", '{"a":1}')]


def test_a_call_that_never_gets_a_name_is_dropped() -> None:
    delta = {"type": "response.function_call_arguments.delta", "item_id": "x", "delta": "{}"}
    told, translator = translated([delta, completed()], reply())
    assert [block["type"] for block in blocks_of(told)] == ["text"]
    assert translator.warnings == {"nameless_tool_call": 1}


def test_arguments_may_be_an_object() -> None:
    told, _ = translated([completed({**call("f", ""), "arguments": {"a": [1]}})], reply())
    assert [block["input"] for block in blocks_of(told)] == ['{"a":[1]}']


def test_a_state_behind_another_item_is_a_block_of_its_own() -> None:
    thought = events_of(reasoning("Hm", encrypted="QQ=="), 0)
    events = [created(), *thought[:-1], *events_of(message("Hi"), 1), thought[-1], completed()]
    blocks = blocks_of(translated(events, reply(origin="0a"))[0])
    assert [block["type"] for block in blocks] == ["thinking", "text", "redacted_thinking"]
    assert blocks[0]["signature"].count(".") == 1
    assert blocks[2]["data"] == "cp1.r1.0a.rs_1.QQ=="


def test_the_state_of_the_added_item_counts_if_the_done_one_has_none() -> None:
    first, *_, last = events_of(reasoning("Hm", encrypted="QQ=="), 0)
    bare = {**last, "item": reasoning("Hm")}
    blocks = blocks_of(translated([first, bare, completed()], reply(origin="0a"))[0])
    assert blocks[0]["signature"] == "cp1.r1.0a.rs_1.QQ=="


STATE = "cp1.r1.0a.rs_1.QQ=="


@pytest.mark.parametrize(
    ("facts", "item", "blocks"),
    [
        pytest.param(
            {"thinking": "omit"},
            reasoning("Hm", encrypted="QQ=="),
            [{"type": "thinking", "thinking": "", "signature": STATE}],
            id="omitted: the state alone",
        ),
        pytest.param({"thinking": "discard"}, reasoning("Hm", encrypted="QQ=="), [], id="disabled"),
        pytest.param(
            {"thinking_asked": False}, reasoning(encrypted="QQ=="), [], id="nothing goes on from it"
        ),
        pytest.param(
            {"thinking_asked": False, "functions": [{"type": "function", "name": "f"}]},
            reasoning(encrypted="QQ=="),
            [{"type": "redacted_thinking", "data": STATE}],
            id="tools go on from it",
        ),
        pytest.param({}, reasoning(), [], id="neither text nor state"),
    ],
)
def test_how_reasoning_is_shown(
    facts: dict[str, Any], item: Item, blocks: list[dict[str, Any]]
) -> None:
    events = stream_of(item, message("Hi"))
    told = blocks_of(translated(events, reply(origin="0a", **facts))[0])
    assert told == [*blocks, {"type": "text", "text": "Hi"}]


def test_only_one_kind_of_reasoning_text_counts() -> None:
    content = [{"type": "reasoning_text", "text": "raw"}]
    item = reasoning("short", content=content)
    told = blocks_of(translated(stream_of(item), reply())[0])
    assert [block["thinking"] for block in told] == ["short"]
    told = blocks_of(translated([completed({**item, "summary": []})], reply())[0])
    assert [block["thinking"] for block in told] == ["raw"]


@pytest.mark.parametrize("behind", [[], [Signal.DONE]])
def test_a_closed_connection_is_no_end(behind: list[Any]) -> None:
    events = [created(), *behind]
    told, translator = translated(events, reply())
    assert [event["type"] for event in told] == ["error"]
    assert translator.error is not None
    assert translator.error.message == "upstream closed the stream before it finished"


def test_a_closed_connection_may_end_openrouters_answers_only_when_all_is_done() -> None:
    events = [created(), *events_of(message("Hi"), 0)]
    assert translated(events, reply(eof_ends=True))[0][-1]["type"] == "message_stop"
    assert translated(events, reply())[0][-1]["type"] == "error"
    assert translated(events[:-1], reply(eof_ends=True))[0][-1]["type"] == "error"
    only = [created(), *events_of(reasoning("Hm"), 0)]
    assert translated(only, reply(eof_ends=True))[0][-1]["type"] == "error"


def test_a_failed_read_is_an_error() -> None:
    translator = ResponsesTranslator(reply(), request_id="r")
    translator.feed(text_delta("Hi"))
    error = UpstreamError("connection lost")
    assert translator.fail(error)[-1]["error"]["message"] == "connection lost"
    assert translator.fail(error) == []
    assert translator.finish() == []
    assert translator.feed(text_delta("Ho")) == []


def test_a_stop_sequence_ends_the_answer_and_the_reading() -> None:
    facts = {"cut_here": ("END",), "stop_sequences": ("END",)}
    translator = ResponsesTranslator(reply(**facts), request_id="r")
    events = translator.feed(text_delta("one EN"))
    events += translator.feed(text_delta("D two"))
    assert translator.ended
    assert translator.ended_early
    assert events[-2]["delta"]["stop_sequence"] == "END"
    assert [block["text"] for block in blocks_of(events)] == ["one "]


def test_a_stop_sequence_does_not_span_two_messages() -> None:
    events = [text_delta("one EN"), text_delta("D two", 1), completed()]
    assert texts(events, cut_here=("END",))[0] == ["one EN", "D two"]


def test_a_stop_sequence_may_span_two_parts_of_a_message_but_is_not_sought_in_a_refusal() -> None:
    parts = [text_delta("one EN"), text_delta("D two") | {"content_index": 1}]
    assert texts([*parts, completed()], cut_here=("END",))[0] == ["one "]
    refusal = text_delta("one END two") | {"type": "response.refusal.delta"}
    assert texts([refusal, completed()], cut_here=("END",))[0] == ["one END two"]


@pytest.mark.parametrize(
    ("last", "end"),
    [
        ({"type": "response.done", "response": response(status="incomplete")}, "max_tokens"),
        ({"type": "response.done", "response": {}}, "end_turn"),
        ({"type": "response.done", "response": response(status="cancelled")}, None),
        ({"type": "response.cancelled", "response": response(message("Hi"))}, None),
        ({"error": {"message": "no", "code": "server_error"}}, None),
    ],
)
def test_ends_beside_those_of_the_union(last: dict[str, Any], end: str | None) -> None:
    _, translator = translated([created(), text_delta("Hi"), last], reply())
    assert (translator.stop_reason, translator.error is None) == (end, end is not None)


@pytest.mark.parametrize("kind", ["response.steer.accepted", "response.something.new", None])
def test_unknown_events_are_ignored(kind: str | None) -> None:
    event = {"type": kind, "delta": "no"} if kind else {"delta": "no"}
    assert texts([event, text_delta("Hi"), event, completed()]) == (["Hi"], {})


def test_text_of_a_part_that_begins_counts_as_a_delta() -> None:
    part = {"type": "output_text", "text": "Hel", "annotations": []}
    begun = text_delta("") | {"type": "response.content_part.added", "part": part}
    whole = text_delta("") | {
        "type": "response.content_part.done",
        "part": part | {"text": "Hello"},
    }
    more = text_delta("!") | {"content_index": 1}
    assert texts([begun, whole, more, completed()]) == (["Hello!"], {})


def test_a_last_event_with_nothing_in_it_ends_what_was_streamed() -> None:
    bare = {"type": "response.completed", "response": {"id": "resp_1", "status": "completed"}}
    told, translator = translated([created(), text_delta("Hi"), bare], reply())
    assert [block["text"] for block in blocks_of(told)] == ["Hi"]
    assert translator.stop_reason == "end_turn"


def test_a_limit_counts_only_if_nothing_follows_it() -> None:
    limit = {"type": "codex.rate_limits", "rate_limits": {"limit_reached": True}}
    assert texts([limit, text_delta("Hi"), completed()]) == (["Hi"], {})
    _, translator = translated([created(), limit], reply())
    assert translator.error is not None
    assert translator.error.status == 429


@pytest.mark.parametrize(
    ("facts", "reason", "warnings"),
    [
        ({}, "end_turn", {}),
        ({"status": None}, "end_turn", {}),
        ({"status": "incomplete"}, "max_tokens", {}),
        (
            {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
            "max_tokens",
            {},
        ),
        (
            {"status": "incomplete", "incomplete_details": {"reason": "new"}},
            "max_tokens",
            {"unknown_incomplete_reason": 1},
        ),
        (
            {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
            "refusal",
            {},
        ),
        (
            {"status": "incomplete", "incomplete_details": {"reason": "steered"}},
            "end_turn",
            {"ended_by_upstream": 1},
        ),
        (
            {"status": "incomplete", "incomplete_details": {"reason": "max_messages"}},
            "end_turn",
            {"ended_by_upstream": 1},
        ),
    ],
)
def test_the_stop_of_a_whole_answer(
    facts: dict[str, Any], reason: str, warnings: dict[str, int]
) -> None:
    told: Counter[str] = Counter()
    whole = response_to_message(response(message("Hi"), **facts), reply(), warnings=told)
    assert whole["stop_reason"] == reason
    assert dict(told) == warnings


def test_an_incomplete_answer_with_a_call_is_cut() -> None:
    whole = response_to_message(response(call("f", "{}"), status="incomplete"), reply())
    assert whole["stop_reason"] == "max_tokens"
    assert [block["type"] for block in whole["content"]] == ["tool_use"]


@pytest.mark.parametrize(("arguments", "told"), [('{"a":1}', [{"a": 1}]), ('{"a":', []), ("", [])])
def test_an_incomplete_call_is_told_only_if_its_arguments_are_complete(
    arguments: str, told: list[Any]
) -> None:
    item = call("f", arguments, status="incomplete")
    whole = response_to_message(response(item, status="incomplete"), reply())
    assert [b["input"] for b in whole["content"] if b["type"] == "tool_use"] == told


@pytest.mark.parametrize("output", [None, []])
def test_an_answer_without_output_has_one_empty_text(output: object) -> None:
    whole = response_to_message(response(output=output), reply())
    assert whole["content"] == [{"type": "text", "text": ""}]


@pytest.mark.parametrize("output", [[], [reasoning()]])
def test_a_cut_answer_without_text_has_one_empty_text(output: list[Item]) -> None:
    whole = response_to_message(response(*output, status="incomplete"), reply())
    assert whole["content"] == [{"type": "text", "text": ""}]
    assert whole["stop_reason"] == "max_tokens"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(response(status="cancelled"), id="cancelled"),
        pytest.param(response(status="queued"), id="queued"),
        pytest.param(response(status="in_progress"), id="in progress"),
        pytest.param(response(status="failed"), id="failed without error"),
        pytest.param({"object": "response"}, id="nothing"),
        pytest.param([], id="a list"),
        pytest.param("text", id="a string"),
        pytest.param({"error": {"message": "no", "code": "server_error"}}, id="an error object"),
        pytest.param({"code": "x", "error": "no"}, id="xAI's error"),
        pytest.param({"detail": "no", "status": "failed"}, id="a detail"),
    ],
)
def test_what_is_no_answer(body: object) -> None:
    with pytest.raises(UpstreamError):
        response_to_message(body, reply())


def test_usage() -> None:
    report = usage(
        20,
        9,
        input_tokens_details={"cached_tokens": 12, "cache_write_tokens": 3},
        output_tokens_details={"reasoning_tokens": 4},
    )
    whole = response_to_message(response(message("Hi"), usage=report), reply())
    assert whole["usage"] == {
        "input_tokens": 5,
        "cache_creation_input_tokens": 3,
        "cache_read_input_tokens": 12,
        "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 0},
        "output_tokens": 9,
        "output_tokens_details": {"thinking_tokens": 4},
        "service_tier": "standard",
    }


def test_searches_are_counted() -> None:
    item = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {}}
    told = response(item, item | {"id": "ws_2"})
    whole = response_to_message(told, reply(web_search=True))
    assert whole["usage"]["server_tool_use"]["web_search_requests"] == 2
    told["tool_usage"] = {"web_search": {"num_requests": 5}}
    whole = response_to_message(told, reply(web_search=True))
    assert whole["usage"]["server_tool_use"]["web_search_requests"] == 5
    assert "server_tool_use" not in response_to_message(told, reply())["usage"]


def test_a_waiting_call_that_is_named_after_its_arguments_is_told() -> None:
    """Its arguments are complete before its name is known, while another call is open."""
    first = call("a", "{}", id="fc_a", call_id="call_a")
    second = call("b", "{}", id="fc_b", call_id="call_b")
    kept = [
        *[event for event in events_of(first, 0) if event["type"] == "response.output_item.added"],
        *[event for event in events_of(second, 1) if event["type"].endswith(".done")],
    ]
    told, _ = translated([created(), *kept, completed(first, second)], reply())
    assert [block["name"] for block in blocks_of(told)] == ["a", "b"]
