"""Stream terminators that are missing, repeated or too early.

Rule of the outcomes: docs/protocol.md section 4 (FIN and END), docs/edge-cases.md 55 to 59, section 8
for native upstreams.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.faults.answers import (
    CHAT,
    CHAT_END,
    CHAT_END_ESTIMATED,
    DONE,
    NATIVE,
    PIECES,
    RIGHT,
    bodies,
    data_line,
    events_until,
    native_event,
    phases,
    verbatim,
)
from tests.faults.cell import FRESH, Cell, answer, bad_gateway
from tests.faults.content import NATIVE_STREAM, STREAM, after, whole_play
from tests.faults.transport import BROKE, CUT
from tests.faults.upstream import CHUNKED, FRAMINGS, sent
from tests.upstream_stub import Sleep, chunk, http_chunk, usage_chunk


def cells() -> Iterator[Cell]:
    yield from _terminators()
    yield from _native_terminators()
    yield from _endless_comments()


ROLE, REASONING, TEXT, CALL, ARGUMENTS, REST, FINISH, USAGE, END = bodies(CHAT)
BEFORE_END = (ROLE, REASONING, TEXT, CALL, ARGUMENTS, REST)
LATE_TEXT = data_line(chunk(content="late"))
_EVENTS = events_until(STREAM, "its arguments")
TERMINATORS: tuple[tuple[str, tuple[bytes, ...], tuple[str, ...], str], ...] = (
    ("[DONE] twice", (FINISH, USAGE, END, END), CHAT_END, "58: what follows the end is ignored"),
    ("no [DONE]", (FINISH, USAGE), CHAT_END, "4: FIN and EOF end it"),
    ("no usage, no [DONE]", (FINISH,), CHAT_END_ESTIMATED, "4: FIN and EOF; 3: estimated"),
    ("finish_reason twice", (FINISH, FINISH, USAGE, END), CHAT_END, "56: one message_delta"),
    (
        "another finish_reason",
        (data_line(chunk("stop")), FINISH, USAGE, END),
        CHAT_END,
        "3: tool_use wins where there is a tool_use block",
    ),
    ("no finish_reason", (USAGE, END), CHAT_END, "4: not FIN and [DONE]: inferred"),
    ("nothing at the end", (), (BROKE,), "4: not FIN and EOF: error"),
    ("usage without a finish", (USAGE,), (BROKE,), "4: not FIN and EOF: error"),
    ("empty finish_reason", (data_line(chunk("")), USAGE), (BROKE,), "11: it is null"),
    ("usage twice", (FINISH, data_line(usage_chunk(1, 1)), USAGE, END), CHAT_END, "4: last wins"),
    ("usage before the finish", (USAGE, FINISH, END), CHAT_END, "55"),
    (
        "a delta after the finish",
        (FINISH, LATE_TEXT, USAGE, END),
        ("stop 2", "start 3 text", "text 3 'late'", "stop 3", *CHAT_END[1:]),
        "4: late deltas still count",
    ),
    ("a delta after [DONE]", (FINISH, USAGE, END, LATE_TEXT), CHAT_END, "58"),
    (
        "an error after [DONE]",
        (FINISH, USAGE, END, data_line({"error": "late"})),
        CHAT_END,
        "58",
    ),
    ("[DONE] without its blank line", (FINISH, USAGE, b"data: [DONE]"), CHAT_END, "4: FIN and EOF"),
    ("[DONE] without data", (FINISH, USAGE, b"[DONE]\n\n"), CHAT_END, "4: FIN and EOF end it"),
    ("[DONE] in a JSON text", (FINISH, USAGE, b'data: "[DONE]"\n\n'), CHAT_END, "4: FIN and EOF"),
)


def _terminators() -> Iterator[Cell]:
    for framing in FRAMINGS:
        for name, ending, events, why in TERMINATORS:
            play = whole_play(STREAM, (*BEFORE_END, *ending), framing)
            expected = answer(*_EVENTS, *events, next=after(framing))
            yield Cell(f"end: {name}", "the end", STREAM, framing.id, play, expected, why)
        play = whole_play(STREAM, (END,), framing)
        expected = bad_gateway(CUT, next=after(framing))
        why = "4: nothing came before the end"
        yield Cell("end: [DONE] alone", "the end", STREAM, framing.id, play, expected, why)


def _native_terminators() -> Iterator[Cell]:
    pieces = bodies(NATIVE)
    late = native_event("content_block_stop", index=9)
    for framing in FRAMINGS:
        for name, sent_pieces, extra in (
            ("message_stop twice", (*pieces, pieces[-1]), verbatim(pieces[-1])),
            ("an event after message_stop", (*pieces, late), verbatim(late)),
            ("[DONE] after message_stop", (*pieces, DONE), verbatim(DONE)),
            ("message_delta twice", (*pieces[:-1], *pieces[-2:]), None),
        ):
            events = (*RIGHT[NATIVE_STREAM], *(extra or ()))
            if extra is None:
                events = (*events[:-1], *NATIVE[-2].events, events[-1])
            yield Cell(
                f"end: {name}",
                "the end",
                NATIVE_STREAM,
                framing.id,
                whole_play(NATIVE_STREAM, sent_pieces, framing),
                answer(*events, next=after(framing)),
                "8: untouched",
            )
        for name, cut in (
            ("no message_stop", pieces[:-1]),
            ("no message_delta, no message_stop", pieces[:-2]),
        ):
            events = tuple(event for piece in NATIVE[: len(cut)] for event in piece.events)
            yield Cell(
                f"end: {name}",
                "the end",
                NATIVE_STREAM,
                framing.id,
                whole_play(NATIVE_STREAM, cut, framing),
                answer(*events, BROKE, next=after(framing)),
                "8: a stream that ends before its end must not look finished",
            )


def _endless_comments() -> Iterator[Cell]:
    """Comments go on for longer than anybody waits, once everything was said."""
    comments = (http_chunk(b": keep-alive\n\n"), Sleep(0.1)) * 200
    for kind, phase, ending in (
        (STREAM, "the finish reason", CHAT_END_ESTIMATED),
        (STREAM, "[DONE]", ()),
        (NATIVE_STREAM, "[DONE]", ()),
    ):
        message = sent(bodies(PIECES[kind]), CHUNKED)
        passed = (": keep-alive",) if kind == NATIVE_STREAM else ()
        yield Cell(
            "end: stalled by endless comments",
            f"after {phase}",
            kind,
            "chunked",
            message.until(phases(kind).index(phase), *comments),
            answer(*events_until(kind, phase), *passed, *ending, next=FRESH),
            "4: FIN and 5 s without an item end it; comments are ignored",
        )
