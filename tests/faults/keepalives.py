"""Upstreams that send for ever without saying anything: comments, pings, empty deltas, white space.

Rule of the outcomes: docs/protocol.md section 4 ("Silence of content"): before any content the
first-byte limit counts, after it CONTENT_TIMEOUT; a whole answer has the first-byte limit alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.faults.answers import (
    CHAT_END_ESTIMATED,
    HEAD,
    PIECES,
    WHOLES,
    bodies,
    content_type,
    data_line,
    events_until,
    native_event,
    phases,
    verbatim,
)
from tests.faults.cell import FRESH, Cell, answer, refusal
from tests.faults.transport import FINISHED, LATE, NO_CONTENT, TOO_LATE
from tests.faults.upstream import CHUNKED, CHUNKED_GZIP, CLOSE, LENGTH, Framing, Hang, Play, sent
from tests.upstream_stub import Sleep, Step, chunk

STREAM, NATIVE_STREAM = "chat stream", "native stream"
NO_MORE = "error timeout_error: the upstream sent no content for 7.5 s"
PAUSE = 0.25
"""Seconds between two of them."""
TIMES = 240
"""How often they are sent: for longer than any limit."""
COMMENT = b": OPENROUTER PROCESSING\n\n"
PING = native_event("ping")
FILLERS: dict[str, dict[str, bytes]] = {
    STREAM: {"comments": COMMENT, "empty deltas": data_line(chunk(content=""))},
    NATIVE_STREAM: {"comments": COMMENT, "pings": PING},
}


def cells() -> Iterator[Cell]:
    for framing in (CHUNKED, LENGTH, CHUNKED_GZIP):
        yield from _chat(framing)
        yield from _native(framing)
    for framing in (CHUNKED, LENGTH, CLOSE):
        yield from _wholes(framing)


def _play(kind: str, phase: str, filler: bytes, framing: Framing) -> Play:
    at = phases(kind).index(phase)
    pieces = [*bodies(PIECES[kind])[:at], *[filler] * TIMES]
    message = sent(pieces, framing, content_type=content_type(kind))
    steps: list[Step | Hang] = [*message.until(at)]
    for piece in message.pieces[at:]:
        steps += [piece, Sleep(PAUSE)]
    return tuple(steps)


def _chat(framing: Framing) -> Iterator[Cell]:
    for name, filler in FILLERS[STREAM].items():
        for phase in (HEAD, "the role chunk", "reasoning", "a text delta", "half its arguments"):
            early = phase in (HEAD, *NO_CONTENT)
            told = ("message_start", "ping") if early else events_until(STREAM, phase)
            yield Cell(
                f"stall: {name}",
                f"after {phase}",
                STREAM,
                framing.id,
                _play(STREAM, phase, filler, framing),
                answer(*told, TOO_LATE if early else NO_MORE, next=FRESH),
                "4: what says nothing does not move the limit on content",
            )
        yield Cell(
            f"stall: {name}",
            f"after {FINISHED[0]}",
            STREAM,
            framing.id,
            _play(STREAM, FINISHED[0], filler, framing),
            answer(*events_until(STREAM, FINISHED[0]), *CHAT_END_ESTIMATED, next=FRESH),
            "4: FIN, 5 s: a normal end",
        )


def _native(framing: Framing) -> Iterator[Cell]:
    for name, filler in FILLERS[NATIVE_STREAM].items():
        for phase in (HEAD, "the role chunk", "reasoning", "a text delta", "half its arguments"):
            early = phase in (HEAD, *NO_CONTENT)
            told = (*events_until(NATIVE_STREAM, phase), *verbatim(filler))
            yield Cell(
                f"stall: {name}",
                f"after {phase}",
                NATIVE_STREAM,
                framing.id,
                _play(NATIVE_STREAM, phase, filler, framing),
                answer(*told, TOO_LATE if early else NO_MORE, next=FRESH),
                "8: passed on; 4: what says nothing does not move the limit on content",
            )


def _wholes(framing: Framing) -> Iterator[Cell]:
    for kind in WHOLES:
        for phase in (HEAD, "half the body"):
            yield Cell(
                "stall: white space",
                f"after {phase}",
                kind,
                framing.id,
                _play(kind, phase, b" ", framing),
                refusal(504, "timeout_error", LATE),
                "4: white space is no answer",
            )
