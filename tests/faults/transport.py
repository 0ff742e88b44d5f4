"""Faults of the connection: it breaks, ends or falls silent at every phase.

Rule of the outcomes: docs/protocol.md section 4 (states and endings), section 5 (statuses), 10.5 (an
open block stays open).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.faults.answers import (
    CHAT_END,
    CHAT_END_ESTIMATED,
    HEAD,
    PIECES,
    RIGHT,
    STREAMS,
    bodies,
    content_type,
    events_until,
    phases,
)
from tests.faults.cell import FRESH, SAME, Cell, Outcome, answer, bad_gateway, refusal
from tests.faults.upstream import (
    CHUNKED,
    CLOSE,
    FRAMINGS,
    LENGTH,
    Framing,
    Hang,
    Play,
    sent,
)
from tests.upstream_stub import Close, Reset, Sleep, Step, byte_by_byte

CUT = "upstream closed the stream before it finished"
CUT_WHOLE = "upstream closed the connection inside its answer"
LATE = "the upstream did not answer within 8 s"
SILENT = "the upstream sent nothing for 7 s"
NO_JSON = "the upstream's answer is not JSON (application/json)"


@dataclass(frozen=True)
class Fault:
    """One way in which a connection fails, and what each kind of client then gets."""

    name: str
    step: Step | Hang
    no_answer: Outcome
    """Before the head."""
    in_head: Outcome
    at_start: tuple[str, str] | Outcome
    """Behind the head of a stream: an HTTP error, or the ``error`` event after the start."""
    early: str
    """The ``error`` event before any content."""
    late: str
    """The ``error`` event once content came."""
    whole: Outcome
    """Inside a whole body."""


BROKE = f"error api_error: {CUT}"
TOO_LATE = f"error timeout_error: {LATE}"
FELL_SILENT = f"error timeout_error: {SILENT}"
CLOSED = bad_gateway("the upstream HOST closed the connection without an answer")

FAULTS = (
    Fault(
        "close",
        Close(),
        no_answer=CLOSED,
        in_head=bad_gateway(
            "the answer of the upstream HOST is not valid HTTP:"
            " the connection closed inside the response head"
        ),
        at_start=bad_gateway(CUT),
        early=BROKE,
        late=BROKE,
        whole=bad_gateway(CUT_WHOLE),
    ),
    Fault(
        "reset",
        Reset(),
        no_answer=CLOSED,
        in_head=bad_gateway("the connection to the upstream HOST failed: connection reset by peer"),
        at_start=bad_gateway(CUT),
        early=BROKE,
        late=BROKE,
        whole=bad_gateway(CUT_WHOLE),
    ),
    Fault(
        "stall",
        Hang(),
        no_answer=refusal(504, "timeout_error", LATE),
        in_head=refusal(504, "timeout_error", LATE),
        at_start=answer("message_start", "ping", TOO_LATE, next=FRESH),
        early=TOO_LATE,
        late=FELL_SILENT,
        whole=refusal(504, "timeout_error", LATE),
    ),
)
NO_CONTENT = ("the role chunk",)
"""Phases of a stream before any content: the first-byte limit still counts."""
FINISHED = ("the finish reason", "usage", "[DONE]")
"""Phases of a chat stream after which an end is a normal end (section 4: FIN)."""


def cells() -> Iterator[Cell]:
    yield from _ports()
    for fault in FAULTS:
        yield from _before_the_body(fault)
        for framing in FRAMINGS:
            yield from _chat_streams(fault, framing)
            yield from _native_streams(fault, framing)
            for kind in ("chat whole", "native whole"):
                yield from _wholes(fault, framing, kind)
    yield from _inside_http_chunks()
    yield from _dripped()
    yield from _idle()


def _play(kind: str, framing: Framing, phase: str, *steps: Step | Hang) -> Play:
    message = sent(bodies(PIECES[kind]), framing, content_type=content_type(kind))
    return message.until(phases(kind).index(phase), *steps)


def _ports() -> Iterator[Cell]:
    down = (
        "cannot reach the upstream HOST: connection refused: check that it runs, and its base URL"
    )
    late = refusal(504, "timeout_error", "the upstream HOST did not accept a connection in time")
    for kind in PIECES:
        for fault, expected, port, why in (
            ("refused", bad_gateway(down), "refusing", "5: connection refused is 502"),
            ("not accepted", late, "not accepting", "5: a connect timeout is 504"),
            ("reset at accept", CLOSED, "resetting", "5: unreachable is 502"),
        ):
            yield Cell(fault, "connecting", kind, "none", (), expected, why, port=port)


def _before_the_body(fault: Fault) -> Iterator[Cell]:
    for kind in PIECES:
        head = sent([], CHUNKED, content_type=content_type(kind)).head
        for phase, start, expected in (
            ("before the head", (), fault.no_answer),
            ("inside the status line", (head[:7],), fault.in_head),
            ("inside a header", (head[:30],), fault.in_head),
            ("before the empty line", (head[:-2],), fault.in_head),
        ):
            play: Play = (*start, fault.step)
            why = "5: no HTTP answer is 502, none in time 504; nothing was sent yet"
            yield Cell(fault.name, phase, kind, "none", play, expected, why)


def _chat_streams(fault: Fault, framing: Framing) -> Iterator[Cell]:
    kind = "chat stream"
    for phase in phases(kind):
        events, why = events_until(kind, phase), "4: not FIN, read error: error event, no stop"
        if phase == HEAD:
            assert isinstance(fault.at_start, Outcome)
            expected, why = fault.at_start, "4: EOF in the PEEK window is a plain HTTP error"
        elif phase == "[DONE]":
            if fault.name == "stall" and framing == LENGTH:
                # Nothing is missing: the body is whole.
                continue
            expected, why = answer(*events, next=FRESH), "4: [DONE] ended it"
        elif phase == "usage":
            expected = answer(*events, *CHAT_END, next=FRESH)
            why = "4: FIN, EOF, read error or silence: a normal end"
        elif phase in FINISHED:
            expected = answer(*events, *CHAT_END_ESTIMATED, next=FRESH)
            why = "4: FIN, EOF, read error or silence: a normal end; 3: usage estimated"
        else:
            ending = fault.early if phase in NO_CONTENT else fault.late
            expected = answer(*events, ending, next=FRESH)
        play = _play(kind, framing, phase, fault.step)
        yield Cell(fault.name, f"after {phase}", kind, framing.id, play, expected, why)


def _native_streams(fault: Fault, framing: Framing) -> Iterator[Cell]:
    kind = "native stream"
    for phase in phases(kind):
        events, why = (
            events_until(kind, phase),
            "8: bytes untouched, the end told by an error event",
        )
        if phase == HEAD:
            assert isinstance(fault.at_start, Outcome)
            expected, why = fault.at_start, "4: EOF in the PEEK window is a plain HTTP error"
            if fault.name == "stall":
                expected = answer(TOO_LATE, next=FRESH)
        elif phase == "[DONE]":
            if fault.name == "stall" and framing == LENGTH:
                continue
            expected, why = answer(*events, next=FRESH), "8: message_stop ended it"
        else:
            ending = fault.early if phase in NO_CONTENT else fault.late
            expected = answer(*events, ending, next=FRESH)
        play = _play(kind, framing, phase, fault.step)
        yield Cell(fault.name, f"after {phase}", kind, framing.id, play, expected, why)


def _wholes(fault: Fault, framing: Framing, kind: str) -> Iterator[Cell]:
    for phase in phases(kind):
        expected, why = fault.whole, "5: a broken body is 502, a silent one 504"
        if fault.name == "close" and framing.name == "close":
            expected, why = _close_delimited(kind, phase, framing)
        if phase == "the body" and framing == LENGTH:
            if fault.name == "stall":
                continue
            expected, why = answer(*RIGHT[kind], next=FRESH), "the body was whole"
        play = _play(kind, framing, phase, fault.step)
        yield Cell(fault.name, f"after {phase}", kind, framing.id, play, expected, why)


def _close_delimited(kind: str, phase: str, framing: Framing) -> tuple[Outcome, str]:
    """Only the content tells that a body was cut which the connection's end ends."""
    if phase == "the body":
        return answer(*RIGHT[kind], next=FRESH), "the body was whole"
    return bad_gateway(NO_JSON), "5: invalid JSON is 502"


def _inside_http_chunks() -> Iterator[Cell]:
    """The connection fails inside an event, and so inside the HTTP chunk that carries it."""
    for fault in FAULTS:
        for kind in STREAMS:
            for phase in ("the role chunk", "a text delta", "half its arguments"):
                for framing in (CHUNKED, LENGTH, CLOSE):
                    yield _inside(fault, kind, phase, framing)


def _inside(fault: Fault, kind: str, phase: str, framing: Framing) -> Cell:
    message = sent(bodies(PIECES[kind]), framing, content_type=content_type(kind))
    at = phases(kind).index(phase)
    half = message.pieces[at][:60]
    play = (*message.until(at), half, fault.step)
    body = half.partition(b"\r\n")[2] if framing is CHUNKED else half
    ending = fault.early if phase in NO_CONTENT else fault.late
    events = events_until(kind, phase)
    # What there is of a native event has gone on already; it is ended, so that the error is read.
    begun = (body.decode(),) if kind == "native stream" else ()
    if kind == "native stream" and phase == "the role chunk":
        begun = (body.decode(),)
    why = (
        "4: half an event is no event; 8: half an event was passed on and is ended by a blank line"
    )
    expected = answer(*events, *begun, ending, next=FRESH)
    return Cell(
        fault.name, f"inside the event after {phase}", kind, framing.id, play, expected, why
    )


def _dripped() -> Iterator[Cell]:
    """A byte at a time is only slow."""
    for kind in PIECES:
        for framing in FRAMINGS:
            whole = sent(bodies(PIECES[kind]), framing, content_type=content_type(kind)).whole()
            play: list[Step | Hang] = []
            for step in byte_by_byte(whole):  # type: ignore[arg-type]
                play += [step, Sleep(0)]
            expected = answer(*RIGHT[kind], next=_after(framing))
            why = "the same bytes are the same answer, however they are cut"
            yield Cell("drip", "everywhere", kind, framing.id, tuple(play), expected, why)


def _after(framing: Framing) -> str:
    return FRESH if framing.name == "close" else SAME


def _idle() -> Iterator[Cell]:
    """A kept connection ends while nobody uses it, or as the next request arrives on it."""
    for kind in PIECES:
        right = sent(bodies(PIECES[kind]), LENGTH, content_type=content_type(kind)).whole()
        first = "chat whole" if kind.startswith("chat") else "native whole"
        before = sent(bodies(PIECES[first]), LENGTH, content_type=content_type(first)).whole()
        for fault, step in (("close", Close()), ("reset", Reset())):
            good = answer(*RIGHT[kind])
            yield Cell(
                fault,
                "while idle",
                kind,
                LENGTH.id,
                right,
                good,
                "the pool's connection is looked at before it is used",
                before=(*before, step),
            )
