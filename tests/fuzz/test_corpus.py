"""The fuzzer's corpus replayed, without the fuzzer (``make fuzz`` adds to it)."""

from __future__ import annotations

import pytest

from tests.fuzz.corpus import FOLDER, inputs
from tests.fuzz.guided import SHARES
from tests.fuzz.plain_chunks import unchunked
from tests.fuzz.plain_events import Plain, json_pairs, renamed, told
from tests.fuzz.targets import TARGETS
from tests.fuzz.tokens import TOKENS

CORPUS_BYTES = 400_000
"""It is replayed by every run of the tests, and kept for good."""


@pytest.mark.parametrize("name", SHARES)
def test_every_input_of_the_corpus_obeys_its_law(name: str) -> None:
    kept = inputs(name)
    assert len(kept) > 10
    for data in kept:
        TARGETS[name](data)


def test_every_target_has_its_corpus() -> None:
    assert set(SHARES) == set(TARGETS) == set(TOKENS) == {path.stem for path in FOLDER.iterdir()}


def test_the_corpus_is_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < CORPUS_BYTES


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(b"5\r\nHello\r\n0\r\n\r\nrest", (b"Hello", "complete", 15), id="whole"),
        pytest.param(b"2\r\nHe\r\n3;x\r\nllo\r\n0\r\nA: 1\r\n\r\n", (b"Hello", "complete", 28), id="parts"),
        pytest.param(b"5\r\nHel", (b"Hel", "cut short", 8), id="cut in its data"),
        pytest.param(b"5\r\nHello\r\n", (b"Hello", "cut short", 10), id="no last chunk"),
        pytest.param(b"5\r\nHelloX\r\n", (b"Hello", "bad", 8), id="longer than its size"),
        pytest.param(b"0x5\r\nHello\r\n", (b"", "bad", 0), id="no size"),
    ],
)  # fmt: skip
def test_the_reference_for_chunks_itself(body: bytes, expected: tuple[bytes, str, int]) -> None:
    assert unchunked(body) == expected


def test_the_reference_for_native_events_itself() -> None:
    stream = (
        b'data: {"type":"ping"}\r\n\r\n'
        b'data: {"type":"message_start",\ndata: "message":{"usage":{"input_tokens":3,"x":-1}}}\n\n'
        b'event: x\rdata: {"type":"content_block_start"}\r\r'
        b'data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"a":1}}\n\n'
        b'data: {"type":"error","error":{"type":"Not a word"}}'
    )
    plain = told(stream)
    usage = {"input_tokens": 3, "a": 1}
    assert plain == Plain(True, True, "api_error", "end_turn", usage, plain.events)
    assert [event["type"] for event in plain.events][2:] == [
        "content_block_start",
        "message_delta",
        "error",
    ]
    assert (plain.named, plain.inside) == (1, True)


def test_the_reference_for_names_itself() -> None:
    members = json_pairs(b'{"model":"a","x":{"model":"b"},"model":1,"model":"c"}')
    assert members is not None
    inner = ("x", (("model", "b"),))
    assert renamed(members, ("model",), "n") == (
        ("model", "n"),
        inner,
        ("model", 1),
        ("model", "n"),
    )
    assert renamed(members, ("x", "model"), "n")[1] == ("x", (("model", "n"),))
    assert json_pairs(b"[1]") is None
    assert json_pairs(b"{") is None
