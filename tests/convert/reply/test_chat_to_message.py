"""Each row of docs/protocol.md section 3, for answers that come whole."""

from __future__ import annotations

from collections import Counter
from typing import Any

import orjson
import pytest
from anthropic.types import Message

from proxy.convert.reply.chat_to_message import chat_to_message, empty_message, message_to_events
from proxy.convert.reply.events_to_message import EventCollector
from proxy.convert.reply.private_state import pack_detail
from proxy.errors import UpstreamError
from tests.convert.chunk_builders import body, entry, reply, shape

RAW = {"model": "gpt-4o", "created": 1, "object": "chat.completion", "system_fingerprint": "fp"}
USAGE = {"prompt_tokens": 10, "completion_tokens": 3}


def completion(message: object, finish: object = "stop", **extra: object) -> dict[str, Any]:
    choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
    return {"id": "chatcmpl-A1", "choices": [choice], "usage": USAGE, **extra}


def converted(message: object, finish: object = "stop", **facts: Any) -> dict[str, Any]:
    return chat_to_message(completion(message, finish), reply(**facts))


def text(content: str) -> dict[str, Any]:
    return {"type": "text", "text": content}


def thinking(content: str, signature: str = "") -> dict[str, Any]:
    cp1 = {"r": "cp1.RUNJ5CLwUpcZHq0T4h09tS", "": "cp1.47DEQpj8HBSa-_TImW-5JC"}
    return {
        "type": "thinking",
        "thinking": content,
        "signature": signature or cp1[content],
    }


def tool_use(tool_id: str, name: str, **arguments: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": tool_id, "name": name, "input": arguments}


def test_3_a_whole_message() -> None:
    audio = {"message": {"content": "hi", "audio": None}, "index": 0, "finish_reason": "stop"}
    whole = {**RAW, "id": "chatcmpl-A1", "choices": [audio], "usage": USAGE, "timings": {}}
    message = chat_to_message(whole, reply())
    assert message == {
        "id": "msg_A1fresh",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": [text("hi")],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "stop_details": None,
        "usage": {
            "input_tokens": 10,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 3,
            "service_tier": "standard",
        },
    }
    assert Message.model_validate(message, strict=True).id == "msg_A1fresh"


ENCRYPTED = {"type": "reasoning.encrypted", "data": "X"}


@pytest.mark.parametrize(
    ("message", "content"),
    [
        pytest.param({"content": "hi"}, [text("hi")], id="3 content string"),
        pytest.param({"content": ""}, [text("")], id="edge 27 nothing at all"),
        pytest.param({"content": None}, [text("")], id="3 content null"),
        pytest.param({}, [text("")], id="3 no content"),
        pytest.param(
            {"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            [text("ab")],
            id="3 content parts",
        ),
        pytest.param(
            {"reasoning_content": "r", "content": "a"},
            [thinking("r"), text("a")],
            id="3 reasoning_content",
        ),
        pytest.param({"reasoning": "r", "content": "a"}, [thinking("r"), text("a")], id="3 reasoning"),
        pytest.param(
            {"reasoning": "r", "reasoning_content": "r", "content": "a"},
            [thinking("r"), text("a")],
            id="3 two forms of one reasoning",
        ),
        pytest.param(
            {
                "reasoning": "r s",
                "reasoning_details": [
                    {"type": "reasoning.text", "text": "r", "signature": "S1"},
                    {"type": "reasoning.text", "text": "s", "signature": "S2"},
                    ENCRYPTED,
                ],
                "content": "a",
            },
            [
                thinking("r", "S1"),
                thinking("s", "S2"),
                {"type": "redacted_thinking", "data": "X"},
                text("a"),
            ],
            id="3 reasoning_details",
        ),
        pytest.param(
            {"reasoning": "r", "reasoning_details": [ENCRYPTED]},
            [thinking("r"), {"type": "redacted_thinking", "data": "X"}],
            id="3 encrypted details beside plain reasoning",
        ),
        pytest.param({"reasoning_content": "", "content": "a"}, [text("a")], id="edge 122 no thinking"),
        pytest.param(
            {"refusal": "No.", "content": None}, [text("No.")], id="3 refusal"
        ),
        pytest.param(
            {"content": "a", "annotations": [{"type": "url_citation", "url_citation": {}}]},
            [text("a")],
            id="3 annotations are dropped",
        ),
        pytest.param(
            {"content": "a", "reasoning": "r", "tool_calls": [entry(None, "c", "f", '{"x":1}')]},
            [thinking("r"), text("a"), tool_use("c", "f", x=1)],
            id="edge 26 block order",
        ),
        pytest.param(
            {"tool_calls": [entry(None, "c", "f", '{"x":1}'), entry(None, "d", "g", '{"y":2}')]},
            [tool_use("c", "f", x=1), tool_use("d", "g", y=2)],
            id="3 tool_calls",
        ),
        pytest.param(
            {"tool_calls": [entry(0, "c", "f", "{}"), entry(0, "c", "f", "{}")]},
            [tool_use("c", "f"), tool_use("toolu_1", "f")],
            id="edge 86 one id twice",
        ),
        pytest.param(
            {"tool_calls": [entry(None, None, "f", '{"x":1}'), entry(None, None, "f", '{"x":1}')]},
            [tool_use("toolu_1", "f", x=1), tool_use("toolu_2", "f", x=1)],
            id="3 tool ids made",
        ),
        pytest.param(
            {"tool_calls": [entry(None, "call_0", "f", "{}")]},
            [tool_use("toolu_1", "f")],
            id="10.2 an id of the history",
        ),
        pytest.param(
            {"tool_calls": [entry(None, "c", "f_0a1b2c3d", "{}")]},
            [tool_use("c", "a very long.name")],
            id="3 tool name mapped back",
        ),
        pytest.param(
            {"tool_calls": [entry(None, "c", "f", {"x": [1]})]},
            [tool_use("c", "f", x=[1])],
            id="3 arguments as an object",
        ),
        pytest.param(
            {"tool_calls": [entry(None, "c", "f"), entry(None, "d", "f", "null"), entry(None, "e", "f", " ")]},
            [tool_use("c", "f"), tool_use("d", "f"), tool_use("e", "f")],
            id="edge 76 empty arguments",
        ),
        pytest.param(
            {"tool_calls": [entry(None, "c", "f", '{"x":'), entry(None, "d", "f", "[1]")]},
            [tool_use("c", "f", _raw='{"x":'), tool_use("d", "f", value=[1])],
            id="3 arguments repaired",
        ),
        pytest.param(
            {"tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "f", "input": "do"}}]},
            [tool_use("c", "f", input="do")],
            id="3 tool_calls custom",
        ),
        pytest.param(
            {"function_call": {"name": "f", "arguments": '{"x":1}'}},
            [tool_use("toolu_1", "f", x=1)],
            id="3 legacy function_call",
        ),
        pytest.param(
            {"content": "a", "tool_calls": [entry(None, "c", None, "{}"), "x", None]},
            [text("a")],
            id="edge 82 no usable call",
        ),
        pytest.param({"content": "a", "tool_calls": None}, [text("a")], id="3 tool_calls null"),
    ],
)  # fmt: skip
def test_content(message: dict[str, Any], content: list[dict[str, Any]]) -> None:
    facts = {
        "known_tool_ids": frozenset({"call_0"}),
        "tool_names": {"f_0a1b2c3d": "a very long.name"},
    }
    assert converted(message, **facts)["content"] == content


def test_3_think_tags_in_a_whole_answer() -> None:
    message = {"content": "<think>r</think>a"}
    assert converted(message, think_tags=True)["content"] == [thinking("r"), text("a")]
    assert converted(message)["content"] == [text("<think>r</think>a")]


@pytest.mark.parametrize(
    ("display", "content"),
    [
        pytest.param(
            "omit",
            [thinking("", pack_detail({"type": "reasoning.text", "text": "r"})), text("a")],
            id="1.4 omitted, and carried by the signature",
        ),
        pytest.param("discard", [text("a")], id="1.4 discarded"),
    ],
)
def test_display_of_thinking(display: str, content: list[dict[str, Any]]) -> None:
    message = {"reasoning": "r", "content": "a", "reasoning_details": []}
    assert converted(message, thinking=display)["content"] == content


CALL = {"tool_calls": [entry(None, "c", "f", "{}")]}


@pytest.mark.parametrize(
    ("message", "finish", "stop"),
    [
        pytest.param({"content": "a"}, "length", ("max_tokens", None, None), id="3 row 2 whole"),
        pytest.param(CALL, "stop", ("tool_use", None, None), id="edge 30 stop with a call"),
        pytest.param({"content": "a"}, "tool_calls", ("end_turn", None, None), id="edge 31 whole"),
        pytest.param(
            {"tool_calls": [entry(None, "c", "f", '{"x')]},
            "length",
            ("max_tokens", None, None),
            id="edge 32 half a call, whole",
        ),
        pytest.param({"content": "a"}, None, ("end_turn", None, None), id="edge 29 null"),
        pytest.param(
            {"content": "a"},
            "content_filter",
            ("refusal", None, {"type": "refusal", "category": None, "explanation": None}),
            id="3 row 4 whole",
        ),
        pytest.param(
            {"refusal": "No."},
            "stop",
            ("refusal", None, {"type": "refusal", "category": None, "explanation": "No."}),
            id="3 refusal with its text",
        ),
        pytest.param(
            {"content": [{"type": "refusal", "refusal": "No."}]},
            "stop",
            ("refusal", None, {"type": "refusal", "category": None, "explanation": "No."}),
            id="edge 28 refusal part, whole",
        ),
        pytest.param(
            None,
            "content_filter",
            ("refusal", None, {"type": "refusal", "category": None, "explanation": None}),
            id="3 a filtered answer without a message",
        ),
    ],
)
def test_stop(message: object, finish: object, stop: tuple[Any, Any, Any]) -> None:
    answer = converted(message, finish)
    assert (answer["stop_reason"], answer["stop_sequence"], answer["stop_details"]) == stop


@pytest.mark.parametrize("member", ["stop_reason", "matched_stop"], ids=["vLLM", "SGLang"])
def test_edge_33_matched_stop_sequence(member: str) -> None:
    answer = completion({"content": "a"})
    answer["choices"][0][member] = "END"
    message = chat_to_message(answer, reply(stop_sequences=("END",)))
    assert (message["stop_reason"], message["stop_sequence"]) == ("stop_sequence", "END")


@pytest.mark.parametrize(
    ("payload", "status", "words"),
    [
        pytest.param(None, 502, "not a JSON object", id="3 null"),
        pytest.param("hello", 502, "not a JSON object", id="3 a string"),
        pytest.param([], 502, "not a JSON object", id="3 a list"),
        pytest.param({}, 502, "no choices", id="edge 36 no choices"),
        pytest.param({"choices": []}, 502, "no choices", id="edge 36 choices empty"),
        pytest.param({"choices": {"a": 1}}, 502, "no choices", id="edge 36 choices odd"),
        pytest.param({"choices": [None]}, 502, "no choices", id="edge 36 choice null"),
        pytest.param({"choices": [{"index": 0}]}, 502, "no message", id="3 no message"),
        pytest.param(completion("hi"), 502, "no message", id="3 message a string"),
        pytest.param(
            completion("hi", "content_filter"), 502, "no message", id="3 a filtered string"
        ),
        pytest.param(
            {"error": {"message": "broke", "code": 402}}, 402, "broke", id="edge 37 error in a 200"
        ),
        pytest.param([{"error": {"message": "broke"}}], 500, "broke", id="edge 37 error in a list"),
        pytest.param({"object": "error", "message": "broke"}, 500, "broke", id="edge 37 error object"),
        pytest.param(completion({}, "error"), 502, "finish_reason 'error'", id="3 row 7 whole"),
        pytest.param(completion({}, "insufficient_system_resource"), 529, "insufficient", id="3 row 7 529"),
        pytest.param(
            {"choices": [{"message": {}, "finish_reason": "error", "error": {"message": "broke", "code": 503}}]},
            529,
            "broke",
            id="3 row 7 with the choice's own error",
        ),
    ],
)  # fmt: skip
def test_failures(payload: object, status: int, words: str) -> None:
    with pytest.raises(UpstreamError, match=words) as caught:
        chat_to_message(payload, reply())
    assert caught.value.status == status


@pytest.mark.parametrize("error", [None, {}, False, ""], ids=repr)
def test_an_error_member_that_says_nothing_is_no_error(error: object) -> None:
    answer = completion({"content": "hi"}, error=error)
    assert chat_to_message(answer, reply())["content"] == [text("hi")]


@pytest.mark.parametrize(
    ("message", "finish", "words"),
    [
        pytest.param({"content": "a"}, "mystery", ["unknown_finish_reason"], id="3 row 5 unknown"),
        pytest.param({"content": "a"}, None, ["no_finish_reason"], id="3 row 5 null"),
        pytest.param({"content": "a"}, "stop", [], id="nothing odd"),
    ],
)
def test_warnings(message: object, finish: object, words: list[str]) -> None:
    warnings: Counter[str] = Counter()
    chat_to_message(completion(message, finish), reply(), warnings=warnings)
    assert list(warnings) == words


class Estimate:
    def count_input(self) -> int:
        return 70

    def count_output(self, output: str) -> int:
        return len(output)


def test_3_missing_usage_is_estimated() -> None:
    answer = completion({"content": "abc"})
    del answer["usage"]
    usage = chat_to_message(answer, reply(), estimate=Estimate())["usage"]
    assert (usage["input_tokens"], usage["output_tokens"]) == (70, 3)
    usage = chat_to_message(answer, reply())["usage"]
    assert (usage["input_tokens"], usage["output_tokens"]) == (0, 0)


FULL: dict[str, Any] = {
    "reasoning": "r",
    "reasoning_details": [{"type": "reasoning.text", "text": "r", "signature": "S"}, ENCRYPTED],
    "content": "a",
    "tool_calls": [entry(None, "c", "f", '{"x":{"y":"é"}}'), entry(None, "d", "f", "")],
}


@pytest.mark.parametrize(
    "message",
    [FULL, {"content": None}, {"refusal": "No."}],
    ids=["edge 38 every block", "edge 38 nothing", "edge 38 refusal"],
)
def test_a_whole_message_can_be_told_as_events(message: dict[str, Any]) -> None:
    answer = completion(message)
    answer["usage"] = {**USAGE, "completion_tokens_details": {"reasoning_tokens": 2}}
    whole = chat_to_message(answer, reply())
    events = message_to_events(orjson.loads(orjson.dumps(whole)))
    assert shape(events)[:2] == ["message_start", "ping"]
    assert shape(events)[-1] == "message_stop"
    assert events[0]["message"]["usage"] == {
        "input_tokens": 10,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": 0,
    }
    collector = EventCollector()
    collector.feed(events)
    assert collector.message == whole


def test_edge_38_events_of_each_block() -> None:
    assert body(message_to_events(converted(FULL, "tool_calls"))) == [
        "0 thinking",
        "thinking_delta r",
        "signature_delta S",
        "0 stop",
        "1 redacted_thinking X",
        "1 stop",
        "2 text",
        "text_delta a",
        "2 stop",
        "3 tool_use c f",
        'input_json_delta {"x":{"y":"é"}}',
        "3 stop",
        "4 tool_use d f",
        "4 stop",
        "end tool_use",
    ]


def test_edge_35_an_empty_message() -> None:
    message = empty_message("claude-x", stop_reason="max_tokens", input_tokens=9)
    assert message["content"] == []
    assert (message["model"], message["stop_reason"]) == ("claude-x", "max_tokens")
    assert (message["usage"]["input_tokens"], message["usage"]["output_tokens"]) == (9, 0)
    assert Message.model_validate(message, strict=True).stop_sequence is None
    assert body(message_to_events(message)) == ["end max_tokens"]
