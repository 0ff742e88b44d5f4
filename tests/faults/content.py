"""Faults of what is sent inside a good transfer: events, terminators, bodies.

Rule of the outcomes: docs/protocol.md section 3 (whole answers), 4 (states), 5 (errors), 8 (native),
11 (settled details).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain

from tests.faults.answers import (
    CHAT,
    HEAD,
    MEGABYTES,
    NATIVE,
    PIECES,
    RIGHT,
    bodies,
    content_type,
    data_line,
    events_until,
    native_event,
    phases,
    verbatim,
)
from tests.faults.cell import FRESH, SAME, Cell, Outcome, answer, refusal
from tests.faults.upstream import CHUNKED, CLOSE, FRAMINGS, LENGTH, Framing, Hang, Play, sent
from tests.upstream_stub import chunk, tool_call

STREAM, NATIVE_STREAM = "chat stream", "native stream"
BAD_LINE = b"data: {broken\n\n"
THREE = "the upstream sent 3 undecodable lines in a row"


def cells() -> Iterator[Cell]:
    yield from _harmless()
    yield from _error_events()
    yield from _kinds_of_errors()
    yield from _large_events()
    yield from _other_bytes()


def after(framing: Framing) -> str:
    return FRESH if framing.name == "close" else SAME


def inserted(kind: str, phase: str, extra: bytes) -> tuple[list[bytes], int]:
    """The pieces of the answer with ``extra`` behind ``phase``, and how many there are up to it."""
    pieces, at = bodies(PIECES[kind]), phases(kind).index(phase)
    return [*pieces[:at], extra, *pieces[at:]], at + 1


def whole_play(kind: str, pieces: Sequence[bytes], framing: Framing) -> Play:
    return sent(pieces, framing, content_type=content_type(kind)).whole()


HARMLESS: tuple[tuple[str, bytes], ...] = (
    ("comment", b": keep-alive\n\n"),
    ("undecodable line", BAD_LINE),
    ("two undecodable lines", BAD_LINE * 2),
    ("unknown field", b"garbage\n\n"),
    ("empty data", b"data:\n\n"),
    ("blank lines", b"\n\n\n\n"),
    ("id and retry", b"id: 7\nretry: 10\n\n"),
    ("no choices", data_line({"choices": []})),
    ("a choice without a delta", data_line({"choices": [{"index": 0, "finish_reason": None}]})),
    ("another choice", data_line({"choices": [{"index": 1, "delta": {"content": ""}}]})),
    ("the role again", data_line(chunk(role="assistant"))),
    ("an empty delta", data_line(chunk(content=""))),
    ("binary", b"\x00\xff\xfe\x80\n\n"),
)
"""What may stand between two chunks and changes nothing."""


def _harmless() -> Iterator[Cell]:
    why = "4: comment, role-only delta, empty choice, one or two undecodable lines: ignored"
    for name, extra in HARMLESS:
        for phase in phases(STREAM):
            pieces, _ = inserted(STREAM, phase, extra)
            play = whole_play(STREAM, pieces, CHUNKED)
            yield Cell(name, f"after {phase}", STREAM, "chunked", play, answer(*RIGHT[STREAM]), why)
        for phase in phases(NATIVE_STREAM):
            pieces, at = inserted(NATIVE_STREAM, phase, extra)
            rest = [event for piece in NATIVE[at - 1 :] for event in piece.events]
            events = (*events_until(NATIVE_STREAM, phase), *_passed(extra, rest))
            play = whole_play(NATIVE_STREAM, pieces, CHUNKED)
            yield Cell(
                name,
                f"after {phase}",
                NATIVE_STREAM,
                "chunked",
                play,
                answer(*events),
                "8: untouched",
            )


def _passed(extra: bytes, rest: Sequence[str]) -> tuple[str, ...]:
    return (*verbatim(extra), *rest)


def _error_events() -> Iterator[Cell]:
    chunk_error = data_line({"error": {"message": "broke", "code": 500}})
    for framing in FRAMINGS:
        for phase in struck(STREAM, framing):
            for name, extra, message, status in (
                ("error chunk", chunk_error, "broke", 500),
                ("three undecodable lines", BAD_LINE * 3, THREE, 502),
            ):
                pieces, count = inserted(STREAM, phase, extra)
                message_sent = sent(pieces, framing)
                yield Cell(
                    name,
                    f"after {phase}",
                    STREAM,
                    framing.id,
                    message_sent.until(count, Hang()),
                    _ended_by_error(phase, message, status),
                    "4: an error event with the type of 5 and nothing after; plain HTTP before any",
                )
        for phase in struck(NATIVE_STREAM, framing):
            error = native_event(
                "error", error={"type": "overloaded_error", "message": "Overloaded"}
            )
            pieces, count = inserted(NATIVE_STREAM, phase, error)
            yield Cell(
                "error chunk",
                f"after {phase}",
                NATIVE_STREAM,
                framing.id,
                sent(pieces, framing).until(count, Hang()),
                answer(*events_until(NATIVE_STREAM, phase), *verbatim(error), next=FRESH),
                "8: untouched, and no second error behind it",
            )


def struck(kind: str, framing: Framing) -> tuple[str, ...]:
    """The phases after which something of the transfer is still to come."""
    return phases(kind)[:-1] if framing == LENGTH else phases(kind)


def _ended_by_error(phase: str, message: str, status: int, kind: str = "api_error") -> Outcome:
    if phase in (HEAD, "the role chunk"):
        # The cells send the role chunk and the error in one write.
        return refusal(status, kind, message)
    events = events_until(STREAM, phase)
    if phase == "[DONE]":
        return answer(*events, next=FRESH)
    return answer(*events, f"error {kind}: {message}", next=FRESH)


ERRORS: tuple[tuple[str, bytes, int, str, str], ...] = (
    (
        "rate limit",
        data_line({"error": {"message": "slow down", "type": "rate_limit_exceeded"}}),
        429,
        "rate_limit_error",
        "slow down",
    ),
    (
        "overloaded",
        data_line({"error": {"message": "The engine is overloaded"}}),
        529,
        "overloaded_error",
        "The engine is overloaded",
    ),
    (
        "context overflow",
        data_line(
            {
                "error": {
                    "code": "context_length_exceeded",
                    "message": "This model's maximum context length is 8192 tokens. However, your"
                    " messages resulted in 9000 tokens.",
                }
            }
        ),
        400,
        "invalid_request_error",
        "prompt is too long: 9000 tokens > 8192 maximum",
    ),
    ("a text", data_line({"error": "it broke"}), 500, "api_error", "it broke"),
    ("in a list", data_line([{"error": {"message": "it broke"}}]), 500, "api_error", "it broke"),
    (
        "named event",
        b'event: error\ndata: {"message": "it broke", "code": 503}\n\n',
        529,
        "overloaded_error",
        "it broke",
    ),
    ("named event of text", b"event: error\ndata: it broke\n\n", 500, "api_error", "it broke"),
    (
        "finish_reason error",
        data_line(chunk("error")),
        502,
        "api_error",
        "the upstream ended its answer with finish_reason 'error'",
    ),
    (
        "finish_reason network_error",
        data_line(chunk("network_error")),
        502,
        "api_error",
        "the upstream ended its answer with finish_reason 'network_error'",
    ),
)


def _kinds_of_errors() -> Iterator[Cell]:
    for name, extra, status, kind, message in ERRORS:
        for phase in (HEAD, "a text delta", "half its arguments", "the finish reason"):
            pieces, count = inserted(STREAM, phase, extra)
            yield Cell(
                f"error chunk: {name}",
                f"after {phase}",
                STREAM,
                "chunked",
                sent(pieces, CHUNKED).until(count, Hang()),
                _ended_by_error(phase, message, status, kind),
                "5: without an HTTP status the code decides, else the words",
            )


def _large_events() -> Iterator[Cell]:
    why = "4: an event of 5 MB is an event"
    for phase, member, event in (
        ("reasoning", "reasoning_content", "thinking 0 '<5 MB>'"),
        ("a text delta", "content", "text 1 '<5 MB>'"),
        ("half its arguments", "arguments", 'arguments 2 \'"<5 MB>", "b": \''),
    ):
        rest = [piece.events for piece in CHAT[phases(STREAM).index(phase) :]]
        for framing in FRAMINGS:
            expected = answer(
                *events_until(STREAM, phase), event, *chain(*rest), next=after(framing)
            )
            play = partial(_large_play, STREAM, phase, member, framing)
            yield Cell("5 MB event", f"after {phase}", STREAM, framing.id, play, expected, why)
    rest = [piece.events for piece in NATIVE[phases(NATIVE_STREAM).index("a text delta") :]]
    (event,) = verbatim(_native_text("<5 MB>"))
    for framing in FRAMINGS:
        events = (*events_until(NATIVE_STREAM, "a text delta"), event, *chain(*rest))
        yield Cell(
            "5 MB event",
            "after a text delta",
            NATIVE_STREAM,
            framing.id,
            partial(_large_play, NATIVE_STREAM, "a text delta", "", framing),
            answer(*events, next=after(framing)),
            "8: untouched",
        )
    yield Cell(
        "17 MB event",
        "after a text delta",
        STREAM,
        "close",
        partial(_large_play, STREAM, "a text delta", "undecodable", CLOSE),
        answer(*RIGHT[STREAM], next=FRESH),
        "4: above the largest event: one undecodable line",
    )


def _native_text(text: str) -> bytes:
    delta = {"type": "text_delta", "text": text}
    return native_event("content_block_delta", index=1, delta=delta)


def _large_play(kind: str, phase: str, member: str, framing: Framing) -> Play:
    if kind == NATIVE_STREAM:
        extra = _native_text(MEGABYTES)
    elif member == "undecodable":
        extra = b"data: " + b"x" * 17_000_000 + b"\n\n"
    elif member == "arguments":
        fragment = tool_call(0, f'"{MEGABYTES}", "b": ')
        extra = data_line(chunk(tool_calls=[fragment]))
    else:
        extra = data_line(chunk(**{member: MEGABYTES}))
    return whole_play(kind, inserted(kind, phase, extra)[0], framing)


def _other_bytes() -> Iterator[Cell]:
    """The same stream in other bytes, and bytes that are not UTF-8."""
    odd = json.dumps(chunk(content="Hel~lo")).encode().replace(b"~", b"\xff")
    pieces, at = inserted(STREAM, "a text delta", b"data: " + odd + b"\n\n")
    rest = [event for piece in CHAT[at - 1 :] for event in piece.events]
    events = (*events_until(STREAM, "a text delta"), "text 1 'Hel\ufffdlo'", *rest)
    whole = bodies(CHAT)
    for framing in FRAMINGS:
        yield Cell(
            "invalid UTF-8",
            "inside a text delta",
            STREAM,
            framing.id,
            whole_play(STREAM, pieces, framing),
            answer(*events, next=after(framing)),
            "4: the rest of the text is good; U+FFFD stands for what is not",
        )
        for name, changed in (
            ("CRLF", [piece.replace(b"\n", b"\r\n") for piece in whole]),
            ("CR", [piece.replace(b"\n", b"\r") for piece in whole]),
            ("byte order mark", [b"\xef\xbb\xbf" + whole[0], *whole[1:]]),
            ("no space behind the colon", [piece.replace(b"data: ", b"data:") for piece in whole]),
            ("event names", [b"event: message\nid: 1\n" + piece for piece in whole]),
        ):
            yield Cell(
                f"written otherwise: {name}",
                "everywhere",
                STREAM,
                framing.id,
                whole_play(STREAM, changed, framing),
                answer(*RIGHT[STREAM], next=after(framing)),
                "64: all of these are event streams",
            )
