"""Characters whose halves come in two chunks, as escapes (docs/edge-cases.md 66)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.convert.reply.events_to_message import EventCollector
from proxy.relay.stream_bytes import StreamBytes
from proxy.upstream.event_decoder import ChunkDecoder
from proxy.upstream.halves import MOST_WAITING
from tests.convert.chunk_builders import entry, reply, translator

HIGH, LOW = "\\ud83d", "\\ude00"
SMILE = "\U0001f600"


def decoded(*texts: str) -> list[Any]:
    """The chunks of events, each fed alone."""
    decoder = ChunkDecoder()
    return [chunk for text in texts for chunk in decoder.feed(f"data: {text}\n\n".encode())]


@pytest.mark.parametrize(
    ("texts", "chunks"),
    [
        pytest.param([f'"a{HIGH}"', f'"{LOW}b"'], ["a", f"{SMILE}b"], id="a pair"),
        pytest.param([f'"{HIGH}"', f'"{LOW}{HIGH}"', f'"{LOW}"'], ["", SMILE, SMILE], id="two pairs"),
        pytest.param([f'"{HIGH}"', '""', "null", f'"{LOW}"'], ["", "", None, SMILE], id="empty between"),
        pytest.param([f'"{HIGH}"', '"a"', '"b"'], ["", "\ufffda", "b"], id="no second half"),
        pytest.param([f'"{LOW}a"', '"b"'], ["\ufffda", "b"], id="no first half"),
        pytest.param([f'"{HIGH}a"', f'"{LOW}"'], ["\ufffda", "\ufffd"], id="not at the end"),
        pytest.param([f'"{HIGH}{HIGH}"', f'"{LOW}"'], ["\ufffd", SMILE], id="the last of two"),
        pytest.param(
            [f'{{"a":"{HIGH}","b":"{HIGH}"}}', f'{{"b":"{LOW}"}}', f'{{"a":"{LOW}"}}'],
            [{"a": "", "b": ""}, {"b": SMILE}, {"a": SMILE}],
            id="two members",
        ),
        pytest.param(
            [f'[{{"index":1,"t":"{HIGH}"}}]', '[{"index":0,"t":"x"}]', f'[{{"index":1,"t":"{LOW}"}}]'],
            [[{"index": 1, "t": ""}], [{"index": 0, "t": "x"}], [{"index": 1, "t": SMILE}]],
            id="items by their index",
        ),
        pytest.param(
            [f'["{HIGH}","x"]', f'["{LOW}","y"]'], [["", "x"], [SMILE, "y"]], id="items by their place"
        ),
        pytest.param([f'"{HIGH}"', '"\\u00e9"'], ["", "\ufffdé"], id="another escape"),
    ],
)  # fmt: skip
def test_halves_in_two_chunks(texts: list[str], chunks: list[Any]) -> None:
    assert decoded(*texts) == chunks


def test_only_so_many_halves_wait() -> None:
    many = ",".join(f'"{number}":"{HIGH}"' for number in range(MOST_WAITING + 9))
    assert list(decoded(f"{{{many}}}")[0].values()) == [""] * MOST_WAITING + ["\ufffd"] * 9


def delta(member: str, text: str) -> dict[str, Any]:
    if member == "arguments":
        return {"tool_calls": [entry(0, arguments=text)]}
    return {member: text}


def event(member: str, text: str) -> bytes:
    chunk = {"choices": [{"index": 0, "delta": delta(member, text)}]}
    # Lone halves become escapes, as the servers that cut a character send them.
    return f"data: {json.dumps(chunk)}\n\n".encode()


@pytest.mark.parametrize("member", ["content", "reasoning_content", "reasoning", "arguments"])
@pytest.mark.parametrize("reads", ["one read", "a read for each event"])
def test_a_character_in_two_chunks_reaches_the_client(member: str, reads: str) -> None:
    head = {"choices": [{"index": 0, "delta": {"tool_calls": [entry(0, "a", "f", '{"x":"')]}}]}
    texts = ["a", "b", "c", "d \ud83d", "\ude00", "e", "f\ud83d", "\ude00g", "h"]
    events = [event(member, text) for text in texts]
    if member == "arguments":
        events = [f"data: {json.dumps(head)}\n\n".encode(), *events, event(member, '"}')]
    events.append(b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n')
    translated = translator(reply())
    stream = StreamBytes(ChunkDecoder(), translated)
    written = b"".join(map(stream.feed, [b"".join(events)] if reads == "one read" else events))
    collector = EventCollector()
    lines = [line for line in written.decode().split("\n") if line.startswith("data: ")]
    collector.feed(json.loads(line[6:]) for line in lines)
    collector.feed(translated.finish())
    block = collector.message["content"][0]
    said = block["input"]["x"] if member == "arguments" else block.get("text") or block["thinking"]
    assert said == f"abcd {SMILE}ef{SMILE}gh"
