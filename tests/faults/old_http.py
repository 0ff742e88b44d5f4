"""Answers of HTTP/1.0: whole, cut and stalled, with and without a length, kept open and not.

Rule of the outcomes: the framing is what the head says, as in HTTP/1.1; a connection is used again only
if the head says that it is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tests.faults.answers import PIECES, RIGHT, STREAMS, bodies, content_type, events_until, phases
from tests.faults.cell import FRESH, SAME, Cell, Outcome, answer, bad_gateway, refusal
from tests.faults.transport import BROKE, CUT_WHOLE, FELL_SILENT, LATE, NO_JSON
from tests.faults.upstream import CHUNKED, CLOSE, LENGTH, Framing, Hang, Sent, sent
from tests.upstream_stub import Close, Reset, Step

FORMS: dict[str, tuple[Framing, tuple[str, ...], str]] = {
    "ended by its connection": (CLOSE, (), FRESH),
    "with a length": (LENGTH, (), FRESH),
    "with a length, kept": (LENGTH, ("Connection: keep-alive",), SAME),
    "in chunks": (CHUNKED, (), FRESH),
}
"""Framing, further header lines, and by which connection the next request goes."""


def cells() -> Iterator[Cell]:
    for name, (framing, lines, following) in FORMS.items():
        for kind in PIECES:
            message = _old(kind, framing, lines)
            yield Cell(
                f"HTTP/1.0: {name}",
                "everywhere",
                kind,
                framing.id,
                message.whole(),
                answer(*RIGHT[kind], next=following),
                "the framing is what the head says; without keep-alive the connection ends",
            )
            for fault, step in (("close", Close()), ("reset", Reset()), ("stall", Hang())):
                yield _cut(f"HTTP/1.0: {name}, {fault}", kind, framing, message, step)


def _old(kind: str, framing: Framing, lines: tuple[str, ...]) -> Sent:
    message = sent(bodies(PIECES[kind]), framing, content_type=content_type(kind), headers=lines)
    head = message.head.replace(b"HTTP/1.1 ", b"HTTP/1.0 ").replace(b"Connection: close\r\n", b"")
    return replace(message, head=head)


def _cut(fault: str, kind: str, framing: Framing, message: Sent, step: Step | Hang) -> Cell:
    phase = "a text delta" if kind in STREAMS else "half the body"
    stalls = isinstance(step, Hang)
    if kind in STREAMS:
        ending = FELL_SILENT if stalls else BROKE
        expected = answer(*events_until(kind, phase), ending, next=FRESH)
    elif stalls:
        expected = refusal(504, "timeout_error", LATE)
    else:
        expected = _whole(framing, step)
    return Cell(
        fault,
        f"after {phase}",
        kind,
        framing.id,
        message.until(phases(kind).index(phase), step),
        expected,
        "4 and 5: as in HTTP/1.1",
    )


def _whole(framing: Framing, step: Step | Hang) -> Outcome:
    if framing == CLOSE and isinstance(step, Close):
        # Only the content tells that it was cut.
        return bad_gateway(NO_JSON)
    return bad_gateway(CUT_WHOLE)
