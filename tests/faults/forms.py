"""Bodies whose form, content type or size is not the one that was requested.

Rule of the outcomes: docs/protocol.md section 11 (an event stream to a plain request is aggregated,
JSON to a stream request becomes events), docs/edge-cases.md 38, section 8 for native upstreams.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial

from tests.faults.answers import (
    CHAT,
    KINDS,
    MEGABYTES,
    NATIVE,
    RIGHT,
    STREAMS,
    WHOLE_ANSWER,
    WHOLE_CHAT,
    WHOLE_NATIVE,
    bodies,
    content_type,
)
from tests.faults.bodies import after, play
from tests.faults.cell import Cell, answer, bad_gateway
from tests.faults.transport import CUT
from tests.faults.upstream import FRAMINGS, IDENTITY, LENGTH, Framing, Play
from tests.upstream_stub import completion

CHATS = KINDS[:2]


def cells() -> Iterator[Cell]:
    yield from _foreign_forms()
    yield from _odd_labels()
    yield from _large_bodies()


def _foreign_forms() -> Iterator[Cell]:
    stream, whole = b"".join(bodies(CHAT)), json.dumps(WHOLE_CHAT).encode()
    native_stream, native_whole = b"".join(bodies(NATIVE)), json.dumps(WHOLE_NATIVE).encode()
    as_events = (
        "message_start",
        "ping",
        "start 0 thinking",
        "thinking 0 'Hm'",
        "signature 0",
        "stop 0",
        "start 1 text",
        "text 1 'Hello'",
        "stop 1",
        "start 2 tool_use look",
        "arguments 2 '{\"a\":1}'",
        "stop 2",
        "message_delta tool_use 10/5",
        "message_stop",
    )
    for framing in FRAMINGS:
        for name, kind, body, label, expected, why in (
            ("JSON instead of events", "chat stream", whole, "application/json", as_events, "11"),
            ("JSON labelled events", "chat stream", whole, "text/event-stream", as_events, "38"),
            (
                "events instead of JSON",
                "chat whole",
                stream,
                "text/event-stream",
                WHOLE_ANSWER,
                "11",
            ),
            ("events labelled JSON", "chat whole", stream, "application/json", WHOLE_ANSWER, "38"),
            (
                "JSON instead of events",
                "native stream",
                native_whole,
                "application/json",
                RIGHT["native whole"],
                "8: passed on as it is",
            ),
            (
                "events instead of JSON",
                "native whole",
                native_stream,
                "text/event-stream",
                RIGHT["native stream"],
                "8: passed on as it is",
            ),
        ):
            yield Cell(
                name,
                "the body",
                kind,
                framing.id,
                play(body, framing, label),
                answer(*expected, next=after(framing)),
                why,
            )
        cut = stream[: stream.index(b'finish_reason": "tool_calls')]
        yield Cell(
            "events instead of JSON, cut",
            "the body",
            "chat whole",
            framing.id,
            play(cut, framing, "text/event-stream"),
            bad_gateway(CUT, next=after(framing)),
            "11: aggregated; 4: not FIN and EOF is an error",
        )


def _odd_labels() -> Iterator[Cell]:
    for kind in CHATS:
        stream = kind in STREAMS
        body = b"".join(bodies(CHAT)) if stream else json.dumps(WHOLE_CHAT).encode()
        for label in (
            "application/octet-stream",
            "text/plain; charset=latin-1",
            "text/html",
            "application/json; charset=utf-8" if not stream else "application/x-ndjson",
            "",
            "garbage;;;=",
        ):
            for framing in IDENTITY:
                yield Cell(
                    f"labelled {label or 'with nothing'}",
                    "the head",
                    kind,
                    framing.id,
                    play(body, framing, label),
                    answer(*RIGHT[kind], next=after(framing)),
                    "38: what a body is, its first bytes tell",
                )
        for framing in IDENTITY:
            marked = b"\xef\xbb\xbf" + body
            yield Cell(
                "byte order mark",
                "the body",
                kind,
                framing.id,
                play(marked, framing, content_type(kind)),
                answer(*RIGHT[kind], next=after(framing)),
                "64: it is no part of the text",
            )
            spaced = b"\r\n\n" + body + b"\n\n"
            yield Cell(
                "blank lines around",
                "the body",
                kind,
                framing.id,
                play(spaced, framing, content_type(kind)),
                answer(*RIGHT[kind], next=after(framing)),
                "JSON and events may stand between blank lines",
            )


def _large_bodies() -> Iterator[Cell]:
    for framing in FRAMINGS:
        yield Cell(
            "5 MB body",
            "the body",
            "chat whole",
            framing.id,
            partial(_large, framing),
            answer("text '<5 MB>'", "end_turn 10/5", next=after(framing)),
            "no answer is too long that a model can write",
        )
    for framing in (LENGTH,):
        yield Cell(
            "65 MB body",
            "the body",
            "chat whole",
            framing.id,
            partial(_spaces, 70_000_000, framing),
            bad_gateway("the upstream's answer is larger than 67108864 bytes"),
            "memory is bounded",
        )
    for framing in FRAMINGS[3:]:
        yield Cell(
            "gzip: bomb of 200 MB",
            "the body",
            "chat whole",
            framing.id,
            partial(_spaces, 200_000_000, framing),
            bad_gateway("the upstream's answer is larger than 67108864 bytes"),
            "memory is bounded, after decompression too",
        )


def _large(framing: Framing) -> Play:
    return play(json.dumps(completion(MEGABYTES)).encode(), framing, "application/json")


def _spaces(count: int, framing: Framing) -> Play:
    return play(b" " * count, framing, "application/json")
