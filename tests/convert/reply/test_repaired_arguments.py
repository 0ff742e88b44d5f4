"""Arguments that are not what a strict parser takes, whole and in pieces (docs/protocol.md section 3)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.convert.reply.arguments import read_arguments
from proxy.convert.reply.call_arguments import CallArguments
from proxy.convert.reply.chat_to_message import chat_to_message
from proxy.convert.reply.events_to_message import EventCollector
from proxy.convert.reply.object_text import ObjectText
from tests.convert.chunk_builders import end, entry, reply, tool, tools, translated, translator

TYPES = {"todos": list, "options": dict}
FUNCTION = {
    "name": "f",
    "parameters": {
        "type": "object",
        "properties": {
            "todos": {"type": "array"},
            "options": {"type": "object"},
            "either": {"type": ["array", "string"]},
            "text": {"type": "string"},
            "any": {},
        },
    },
}
TOOLS = [{"type": "function", "function": FUNCTION}]


def call(arguments: CallArguments, *fragments: str) -> str:
    return "".join([*map(arguments.add, fragments), arguments.rest()])


def new_call(warnings: Counter[str] | None = None, *, hold: bool = False) -> CallArguments:
    fresh = CallArguments(
        hold=hold, custom=False, warnings=Counter() if warnings is None else warnings
    )
    fresh.expect(TYPES)
    return fresh


def ways(text: str) -> Iterator[str]:
    """What the client gets for ``text``: whole, held, in one piece and in pieces of each size."""
    yield read_arguments(text, TYPES).text
    yield call(new_call(hold=True), text)
    for size in (1, 2, 3, 7, len(text)):
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        yield call(new_call(), *pieces)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('{}{"a":1}', {"a": 1}, id="3 empty object before"),
        pytest.param('{} \n {"a":1}', {"a": 1}, id="3 empty object before, blanks"),
        pytest.param('{}{}{"a":1}', {"a": 1}, id="3 empty object twice before"),
        pytest.param("{}{}", {}, id="3 empty object twice"),
        pytest.param("{ }]", {}, id="3 empty object and a stray bracket"),
        pytest.param('{"a":"x\ny\tz\r\x01"}', {"a": "x\ny\tz\r\x01"}, id="3 control characters"),
        pytest.param('{"a\nb":{"c":"\x1f"}}', {"a\nb": {"c": "\x1f"}}, id="3 control character in a key"),
        pytest.param('{"a":["1\n2","\t"]}', {"a": ["1\n2", "\t"]}, id="3 control characters in a list"),
        pytest.param('{"a":"echo \\\nx"}', {"a": "echo \\\nx"}, id="3 backslash before a line break"),
        pytest.param(r'{"a":"\d+\.\w"}', {"a": r"\d+\.\w"}, id="3 bad escape in a pattern"),
        pytest.param(r'{"a":"C:\Users\x"}', {"a": r"C:\Users\x"}, id="3 bad escape in a path"),
        pytest.param(r'{"a":"it\'s"}', {"a": "it's"}, id="3 bad escape of an apostrophe"),
        pytest.param(r'{"a":"\u12"}', {"a": r"\u12"}, id="3 bad escape cut short"),
        pytest.param(r'{"a":"\ud83dx"}', {"a": "\ufffdx"}, id="3 bad escape half a pair"),
        pytest.param(r'{"a":"\ude00"}', {"a": "\ufffd"}, id="3 bad escape second half"),
        pytest.param(r'{"a":"\ud83d\ude00"}', {"a": "\U0001f600"}, id="3 a pair stays"),
        pytest.param('{"a":1,}', {"a": 1}, id="3 trailing comma"),
        pytest.param('{"a":[1,2, ],}', {"a": [1, 2]}, id="3 trailing commas in both"),
        pytest.param('{"a":[{"b":2,\n},],\n}', {"a": [{"b": 2}]}, id="3 trailing commas and blanks"),
        pytest.param('{"a":"x" ,\t}', {"a": "x"}, id="3 trailing comma after a string"),
        pytest.param('{"a":[[],],}', {"a": [[]]}, id="3 trailing comma after a list"),
        pytest.param('{"a":true,,"b":-1.5e3,}', {"a": True, "b": -1500.0}, id="3 comma twice"),
        pytest.param("{'a': 'b'}", {"a": "b"}, id="3 single quotes"),
        pytest.param("{'a': 'it's', 'b': [ 'c' ]}", {"a": "it's", "b": ["c"]}, id="3 single quotes and apostrophes"),
        pytest.param("{'a': 'say \"x\"', \"b\": 'c'}", {"a": 'say "x"', "b": "c"}, id="3 both quotes"),
        pytest.param(r"{'a': 'x\'y\n'}", {"a": "x'y\n"}, id="3 single quotes and escapes"),
        pytest.param("{'a': True, 'b': None, 'c': False}", {"a": True, "b": None, "c": False}, id="3 the words of Python"),
        pytest.param('```json\n{"a":1}\n```', {"a": 1}, id="3 code fence"),
        pytest.param('```\n{"a":1}```\n', {"a": 1}, id="3 code fence without a language"),
        pytest.param('\n``` JSON {"a":[1,]} ```', {"_raw": '\n``` JSON {"a":[1,]} ```'}, id="3 no fence that we know"),
        pytest.param('```JSON {"a":[1,]}', {"a": [1]}, id="3 code fence left open"),
        pytest.param('{"a":1}</tool_call>', {"a": 1}, id="3 a tag behind"),
        pytest.param('{"a":1}<|tool_call_end|>', {"a": 1}, id="3 a token behind"),
        pytest.param('{"a":1} I hope this helps.', {"a": 1}, id="3 text behind"),
        pytest.param('{"a":{"b":"}"}}}]', {"a": {"b": "}"}}, id="3 brackets behind"),
        pytest.param('{"a":1}{"a":1}', {"a": 1}, id="3 a copy behind"),
        pytest.param('{"a":1}\n<|im_end|>\n', {"a": 1}, id="3 a token on its own line behind"),
        pytest.param(json.dumps('{"a":1}'), {"a": 1}, id="3 encoded twice"),
        pytest.param(json.dumps(' {"a": "é\\n"} '), {"a": "é\n"}, id="3 encoded twice, escapes"),
        pytest.param(json.dumps('{"a":"x\ny",}'), {"a": "x\ny"}, id="3 encoded twice, to be repaired"),
        pytest.param(json.dumps('{"todos":"[1]"}'), {"todos": [1]}, id="3 encoded twice, a member too"),
        pytest.param(json.dumps("{}"), {}, id="3 encoded twice, empty"),
        pytest.param(json.dumps("{x}"), {"value": "{x}"}, id="3 a string that holds no object"),
        pytest.param(json.dumps("[1]"), {"value": "[1]"}, id="3 a string that holds a list"),
        pytest.param('{"todos":"[{\\"a\\":1}]"}', {"todos": [{"a": 1}]}, id="3 a list as a string"),
        pytest.param('{"options":"{\\"a\\": \\"x\\"}","b":1}', {"options": {"a": "x"}, "b": 1}, id="3 an object as a string"),
        pytest.param('{"todos":" []\\n"}', {"todos": []}, id="3 an empty list as a string"),
        pytest.param('{"todos":"{}","options":"[]"}', {"todos": "{}", "options": "[]"}, id="3 strings of the other type"),
        pytest.param('{"todos":"a\\nb"}', {"todos": "a\nb"}, id="3 a string that is no JSON"),
        pytest.param('{"todos":"[1,]"}', {"todos": "[1,]"}, id="3 a string that is not quite JSON"),
        pytest.param('{"text":"[1]","either":"[1]"}', {"text": "[1]", "either": "[1]"}, id="3 members of other types"),
        pytest.param('{"text":{"todos":"[1]"}}', {"text": {"todos": "[1]"}}, id="3 no member of a member"),
        pytest.param('{"todos":[1]}', {"todos": [1]}, id="3 a list that is one"),
    ],
)  # fmt: skip
def test_repaired(text: str, expected: dict[str, Any]) -> None:
    assert [orjson.loads(got or "{}") for got in ways(text)] == [expected] * 7


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            ' {"b" : 1.0, "a":12345678901234567890123 }\n', id="3 numbers and blanks stay"
        ),
        pytest.param(r'{"a":"\u00e9\/\ud83d\ude00"}', id="3 escapes stay"),
        pytest.param('{"a":-0.5E+10,"b":0,"c":[true,false,null]}', id="3 words and numbers stay"),
        pytest.param('{"a":1,"a":2}', id="3 a name twice stays"),
        pytest.param('{"a":{"b":{},"c":[[],[{}]]}}', id="3 nested empty ones stay"),
        pytest.param('{"":"`\'{}[]"}', id="3 odd strings stay"),
    ],
)
def test_what_a_strict_parser_takes_stays_as_written(text: str) -> None:
    assert {got.strip() for got in ways(text)} == {text.strip()}


@pytest.mark.parametrize(
    "text",
    ['{"a":x}', '{"a" 1}', '{a:1}', '{"a":"b"c"}', '{"a":1 "b":2}', '{"a":01}', '{"a":[1}', '{"a":1', '{"a', '{"a":"b', '{,}', '{"a":-}', '{"a":1.}', '{"a":tru}', '{"a":"\\'],
)  # fmt: skip
def test_3_what_cannot_be_repaired_is_raw(text: str) -> None:
    whole, held, *streamed = [orjson.loads(got) for got in ways(text)]
    assert whole == held == {"_raw": text}
    # What was sent cannot be taken back: the rest is in ``_raw``.
    assert all("_raw" in got for got in streamed)
    assert len({json.dumps(got) for got in streamed}) == 1


def test_3_the_rest_of_a_stream_that_cannot_be_read_is_raw() -> None:
    assert orjson.loads(call(new_call(), '{"a":"b"', 'c" ', "d}")) == {"a": "b", "_raw": 'c" d}'}
    assert orjson.loads(call(new_call(), '{"a":[1,', '{"b":', "2")) == {
        "a": [1, {"b": 2}],
        "_raw": "",
    }


@pytest.mark.parametrize(
    ("fragments", "sent"),
    [
        pytest.param(["{", '"a"', ":", "1", "2", "}"], ["{", '"a"', ":", "1", "2", "}"], id="each piece at once"),
        pytest.param(['{"a":1,', '"b":2}'], ['{"a":1', ',"b":2}'], id="a comma waits"),
        pytest.param(['{"a":"\\', 'n"}'], ['{"a":"', '\\n"}'], id="half an escape waits"),
        pytest.param(['{"a":t', 'rue}'], ['{"a":', "true}"], id="half a word waits"),
        pytest.param(['{"a":1.', '5}'], ['{"a":1', ".5}"], id="a point waits"),
        pytest.param(['{"todos":"[1', ']",', '"a":1}'], ['{"todos":', "[1]", ',"a":1}'], id="a list as a string waits"),
        pytest.param(['{"a":\'b', "'", "}"], ['{"a":"b', "", '"}'], id="a single quote waits"),
        pytest.param(["{", "}", '{"a":1}'], ["{", "", '"a":1}'], id="an empty object waits"),
        pytest.param(["```", "json\n", '{"a"', ":1}"], ["", "", '{"a"', ":1}"], id="a code fence waits"),
    ],
)  # fmt: skip
def test_4_only_what_is_undecided_is_held_back(fragments: list[str], sent: list[str]) -> None:
    streamed = new_call()
    assert [*map(streamed.add, fragments)] == sent


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        pytest.param([{}, '{"a"', ":1}"], {"a": 1}, id="3 an empty object, then text"),
        pytest.param([{"a": 1}], {"a": 1}, id="3 an object alone"),
        pytest.param([{"a": 1}, {"b": 2}], {"a": 1, "b": 2}, id="3 objects, one member each"),
        pytest.param([{"a": "x"}, {"a": "xy"}], {"a": "xy"}, id="3 objects that grow"),
        pytest.param([{"a": 1}, '{"a": 1, ', '"b": 2}'], {"a": 1, "b": 2}, id="3 an object, then all as text"),
        pytest.param([{"a": 1}, ', "b"', ": 2}"], {"a": 1, "b": 2}, id="3 an object that text goes on with"),
        pytest.param([{"a": 1}, "}"], {"a": 1}, id="3 an object and a stray bracket"),
        pytest.param([{"a": 1}, "", " "], {"a": 1}, id="3 an object and blanks"),
        pytest.param([{}], {}, id="3 an empty object alone"),
        pytest.param([{"todos": "[1]"}], {"todos": [1]}, id="3 an object with a list as a string"),
        pytest.param(["{}", {"a": 1}], {"a": 1}, id="3 empty text, then an object"),
        pytest.param([" ", {"a": 1}], {"a": 1}, id="3 blanks, then an object"),
    ],
)  # fmt: skip
def test_3_arguments_that_come_as_objects(pieces: list[object], expected: dict[str, Any]) -> None:
    first, *more = pieces
    chunks = [tool(0, "c", "f", first), *(tool(0, arguments=piece) for piece in more)]
    collector = EventCollector()
    collector.feed(translated([*chunks, end("tool_calls")], reply(functions=TOOLS)))
    assert [block["input"] for block in collector.message["content"]] == [expected]


@pytest.mark.parametrize(
    "text",
    ['{"a":1}]', '{"a":1,}', "{'a':1}", '{"a":"\n"}', "```{}```", '"{\\"a\\":1}"', '{"a":x}'],
)
def test_a_repair_is_a_warning(text: str) -> None:
    streamed = translator()
    for item in (tool(0, "c", "f", text), end("tool_calls")):
        streamed.feed(item)
    streamed.finish()
    warnings: Counter[str] = Counter()
    message = {"tool_calls": [entry(0, "c", "f", text)]}
    answer = {"choices": [{"message": message, "finish_reason": "tool_calls"}]}
    chat_to_message(answer, reply(), warnings=warnings)
    assert streamed.warnings == warnings == {"repaired_arguments": 1}


def test_the_declared_types_decide_for_their_own_tool_alone() -> None:
    text = '{"todos":"[1]"}'
    chunks = [tools(entry(0, "c", "f", text), entry(1, "d", "g", text)), end("tool_calls")]
    collector = EventCollector()
    collector.feed(translated(chunks, reply(functions=TOOLS)))
    assert [block["input"] for block in collector.message["content"]] == [
        {"todos": [1]},
        {"todos": "[1]"},
    ]


def test_types_are_read_of_arguments_that_come_before_the_name() -> None:
    chunks = [tool(0, "c", None, '{"todos":"['), tool(0, None, "f", '1]"}'), end("tool_calls")]
    collector = EventCollector()
    collector.feed(translated(chunks, reply(functions=TOOLS)))
    assert collector.message["content"][0]["input"] == {"todos": [1]}


ODD = st.lists(
    st.sampled_from(
        ['"', "\\", "\\u", "\\ud83d", "\\ude00", ",", ":", "{", "}", "[", "]", "'", "`", " ", "\n",
         "a", "1", "-", ".", "e", "0", "true", "None", "{}", '"a":', '"todos":"', "</x>", "é", "\x7f"]
    ),
    max_size=14,
).map("".join)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(text=st.one_of(ODD, ODD.map("{".__add__), ODD.map('{"a":"'.__add__)), data=st.data())
def test_law_arguments_of_a_call_are_strict_json(text: str, data: st.DataObject) -> None:
    streamed, out, rest = new_call(), "", text
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        piece, rest = rest[:size], rest[size:]
        passed = data.draw(st.booleans()) and streamed.pass_on([piece])
        out += piece if passed else streamed.add(piece)
    out += streamed.rest()
    for got in (out, read_arguments(text, TYPES).text):
        assert isinstance(orjson.loads(got or "{}"), dict)


IN_STRING = st.lists(
    st.sampled_from(
        ["a", "\\", '\\"', "\\n", "\\u00e9", "\\ud83d", "\\ude00", "u", "d83d", '"', "\0", "\n", "é", ",", "}"]
    ),
    max_size=14,
).map("".join)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(text=st.one_of(ODD, IN_STRING), data=st.data())
def test_law_pieces_that_are_passed_on_together_are_those_that_would_be_sent(
    text: str, data: st.DataObject
) -> None:
    pieces, rest = [], text
    while rest:
        size = data.draw(st.integers(1, min(3, len(rest))))
        pieces.append(rest[:size])
        rest = rest[size:]
    together, one_by_one = new_call(), new_call()
    for call in (together, one_by_one):
        assert call.add('{"a":"') + call.add("x") == '{"a":"x'
    assert [one_by_one.add(piece) for piece in pieces] == pieces or not together.pass_on(pieces)
    if together.pass_on(pieces):
        assert together.rest() == one_by_one.rest()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=4), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    value=st.dictionaries(st.text("abc", min_size=1), JSON, min_size=1, max_size=4),
    ascii_only=st.booleans(),
    indent=st.sampled_from([None, 1]),
    data=st.data(),
)
def test_law_a_strict_object_passes_as_written(
    value: dict[str, Any], ascii_only: bool, indent: int | None, data: st.DataObject
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    reader, out, rest = ObjectText(), "", text
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        piece, rest = rest[:size], rest[size:]
        passed = data.draw(st.booleans()) and reader.passes([piece])
        out += piece if passed else reader.feed(piece)
    assert (out, reader.complete, reader.repaired) == (text, True, False)
