"""Recorded streams: ``tests/golden/streams/<case>.in.jsonl`` gives ``<case>.out.jsonl``.

A line of an in-file is what follows ``data:``; what is not JSON counts as undecodable. ``#`` begins
the rule that the case shows, ``#reply`` the facts of its request. The end of the file is the end of
the connection. An out-file has one event a line.
"""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from proxy.sse import Chunk, Signal
from tests.convert.chunk_builders import reply, translated
from tests.convert.stream_grammar import assert_legal
from tests.paths import GOLDEN

STREAMS = GOLDEN / "streams"
CASES = sorted(path.name.removesuffix(".in.jsonl") for path in STREAMS.glob("*.in.jsonl"))


def read_case(case: str) -> tuple[list[Chunk], dict[str, Any]]:
    chunks: list[Chunk] = []
    facts: dict[str, Any] = {}
    for line in (STREAMS / f"{case}.in.jsonl").read_text("utf-8").splitlines():
        if line.startswith("#reply"):
            facts = orjson.loads(line.removeprefix("#reply"))
        elif not line.startswith("#"):
            chunks.append(decoded(line))
    return chunks, facts


def decoded(line: str) -> Chunk:
    if line == "[DONE]":
        return Signal.DONE
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return Signal.UNDECODABLE


@pytest.mark.parametrize("case", CASES)
def test_golden_stream(case: str) -> None:
    chunks, facts = read_case(case)
    events = translated(chunks, reply(**facts), input_estimate=100)
    assert_legal(events)
    out = (STREAMS / f"{case}.out.jsonl").read_text("utf-8").splitlines()
    assert [orjson.dumps(event).decode() for event in events] == out


def test_every_case_has_both_files() -> None:
    outs = sorted(path.name.removesuffix(".out.jsonl") for path in STREAMS.glob("*.out.jsonl"))
    assert outs == CASES
