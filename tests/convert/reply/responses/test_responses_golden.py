"""Streams in the forms of the servers: ``tests/golden/responses/<case>.in.jsonl`` gives ``.out.jsonl``.

The form of the files is that of ``tests/golden/streams``.
"""

from __future__ import annotations

import orjson
import pytest
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from proxy.convert.reply.responses.message import events_to_response_message
from proxy.errors import UpstreamError
from proxy.sse import Chunk, Signal
from tests.convert.chunk_builders import reply
from tests.convert.response_builders import translated
from tests.convert.stream_grammar import assert_legal
from tests.paths import GOLDEN

STREAMS = GOLDEN / "responses"
CASES = sorted(path.name.removesuffix(".in.jsonl") for path in STREAMS.glob("*.in.jsonl"))
NOT_IN_THE_SDK = {"openai_error_nested"}
"""What OpenAI sends although its SDK has another type."""


def read_case(case: str) -> tuple[list[Chunk], dict[str, object]]:
    chunks: list[Chunk] = []
    facts: dict[str, object] = {}
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
    events, translator = translated(chunks, reply(**facts), input_estimate=100)
    assert_legal(events)
    out = (STREAMS / f"{case}.out.jsonl").read_text("utf-8").splitlines()
    warnings = f"# {dict(sorted(translator.warnings.items()))}"
    assert [warnings, *(orjson.dumps(event).decode() for event in events)] == out


@pytest.mark.parametrize("case", CASES)
def test_golden_stream_as_a_whole_message(case: str) -> None:
    chunks, facts = read_case(case)
    events, translator = translated(chunks, reply(**facts))
    if translator.error is not None:
        with pytest.raises(UpstreamError):
            events_to_response_message(chunks, reply(**facts))
        return
    message = events_to_response_message(chunks, reply(**facts))
    starts = [e["content_block"]["type"] for e in events if e["type"] == "content_block_start"]
    assert [block["type"] for block in message["content"]] == starts


@pytest.mark.parametrize("case", [case for case in CASES if case.startswith("openai_")])
def test_openai_streams_have_the_types_of_its_sdk(case: str) -> None:
    if case in NOT_IN_THE_SDK:
        return
    adapter: TypeAdapter[ResponseStreamEvent] = TypeAdapter(ResponseStreamEvent)
    for chunk in read_case(case)[0]:
        adapter.validate_python(chunk)


def test_every_case_has_both_files() -> None:
    outs = sorted(path.name.removesuffix(".out.jsonl") for path in STREAMS.glob("*.out.jsonl"))
    assert outs == CASES
