"""JSON that is too much to be parsed at once; the rest of ``load_json`` is in test_event_decoder.py."""

from __future__ import annotations

import orjson
import pytest

from proxy.sse import Signal
from proxy.upstream.decode import (
    JOINED_BYTES,
    MENDED_BYTES,
    MOST_BYTES,
    MOST_MARKS,
    SHORT_BYTES,
    TooMuch,
    load_json,
)
from proxy.upstream.event_decoder import ChunkDecoder


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param(b"[" + b"[]," * MOST_MARKS + b"0]", f"{MOST_MARKS} values", id="lists"),
        pytest.param(b"[" + b"0," * (MOST_MARKS + 1) + b"0]", f"{MOST_MARKS} values", id="numbers"),
        pytest.param(b'"' + b"a" * MOST_BYTES + b'"', f"{MOST_BYTES} bytes", id="one string"),
    ],
)
def test_too_much_to_parse(text: bytes, told: str) -> None:
    for each in (text, text.decode()):
        with pytest.raises(TooMuch, match=told):
            load_json(each)


def test_a_long_string_is_parsed() -> None:
    assert load_json(orjson.dumps("a" * (MOST_BYTES - 2))) == "a" * (MOST_BYTES - 2)


def test_a_short_text_is_parsed_whatever_it_holds() -> None:
    count = SHORT_BYTES // 3 - 1
    assert load_json(b"[" + b"[]," * count + b"0]") == [*[[]] * count, 0]


def test_halves_of_characters_in_a_very_long_text_are_not_mended() -> None:
    half = b'"\\ud83d%b"'
    assert load_json(half % (b"a" * 1000)) == "\ufffd" + "a" * 1000
    with pytest.raises(ValueError, match="surrogate"):
        load_json(half % (b"a" * MENDED_BYTES))


def test_a_half_that_waits_is_not_looked_for_in_a_long_chunk() -> None:
    decoder = ChunkDecoder()
    first = decoder.feed(b'data: {"t":"x\\ud83d"}\n\n')
    long = decoder.feed(b'data: {"t":"%b"}\n\n' % (b"a" * JOINED_BYTES))
    last = decoder.feed(b'data: {"t":"\\ude00y"}\n\n')
    assert [*first, *long, *last] == [{"t": "x"}, {"t": "a" * JOINED_BYTES}, {"t": "\U0001f600y"}]


def test_an_event_with_too_many_values_is_undecodable() -> None:
    decoder = ChunkDecoder()
    event = b"data: [" + b"[]," * MOST_MARKS + b"0]\n\n"
    assert decoder.feed(event + b"data: 1\n\n") == [Signal.UNDECODABLE, 1]
