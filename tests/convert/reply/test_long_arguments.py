"""Arguments that are long in one way: they stay an object, and nothing is read again and again."""

from __future__ import annotations

from collections import Counter

import orjson

from proxy.convert.reply.call_arguments import CallArguments
from proxy.convert.reply.json_strings import LONGEST_WAIT
from proxy.convert.reply.limits import TOKENS_BETWEEN_PAUSES
from proxy.convert.reply.object_text import LONGEST_HELD
from proxy.convert.reply.object_tokens import LONGEST_KEY, MAX_DEPTH


def sent(*fragments: str) -> dict[str, object]:
    """The object that a client gets for the fragments of a call."""
    arguments = CallArguments(hold=False, custom=False, warnings=Counter())
    arguments.expect({"list": list})
    text = "".join(map(arguments.add, fragments)) + arguments.rest()
    value: dict[str, object] = orjson.loads(text)
    return value


def test_brackets_beyond_the_depth_of_parsers_are_raw() -> None:
    value = sent('{"a":1,"b":', "[" * (MAX_DEPTH + 10))
    assert value["a"] == 1
    assert value["_raw"] == "[" * 11


def test_blanks_without_end_after_a_comma_are_raw() -> None:
    value = sent('{"a":1,' + " " * (LONGEST_HELD + 1), '"b":2}')
    assert value["a"] == 1
    assert str(value["_raw"]).endswith('"b":2}')


def test_blanks_after_an_apostrophe_are_part_of_the_string() -> None:
    blanks = " " * (LONGEST_WAIT + 1)
    assert sent("{'a':'it'", *blanks, "s','b':2}") == {"a": f"it'{blanks}s", "b": 2}


def test_a_long_name_is_the_name_of_no_typed_member() -> None:
    name = "a" * (LONGEST_KEY + 100)
    assert sent('{"', *name, '":"[1]","list":"[2]"}') == {name: "[1]", "list": [2]}


def test_what_follows_repeated_arguments_is_kept() -> None:
    start = '{"a":"x'
    assert sent(start, start + "y", "z", '"}') == {"a": "xyz"}
    assert sent(start, start + "y", "z", start + 'yzw"}') == {"a": "xyzw"}


def test_long_arguments_are_read_in_turns() -> None:
    turns: list[int] = []
    arguments = CallArguments(
        hold=False, custom=False, warnings=Counter(), pause=lambda: turns.append(1)
    )
    arguments.add('{"a":[' + "1," * 5 * TOKENS_BETWEEN_PAUSES)
    assert len(turns) >= 5
