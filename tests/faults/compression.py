"""Faults of compression: garbage within, wrong labels, wrong checksums.

Rule of the outcomes: docs/protocol.md section 5: an answer that cannot be read is 502, or the error
event once it began.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator

from tests.faults.answers import (
    KINDS,
    PIECES,
    RIGHT,
    STREAMS,
    bodies,
    content_type,
    phases,
)
from tests.faults.cell import (
    FRESH,
    SAME,
    Cell,
    Outcome,
    answer,
    bad_gateway,
)
from tests.faults.framing import broken_after
from tests.faults.transport import (
    BROKE,
    CUT,
    NO_JSON,
)
from tests.faults.upstream import (
    FRAMINGS,
    Framing,
    Hang,
    Play,
    sent,
)
from tests.upstream_stub import Close, Sleep, http_chunk

UNZIPPED = "the upstream's answer could not be decompressed"


def cells() -> Iterator[Cell]:
    for kind in KINDS:
        for framing in FRAMINGS[3:]:
            for phase in phases(kind)[:-1]:
                yield _garbled(kind, phase, framing)
            yield from _gzip_labels(kind, framing)


def _garbled(kind: str, phase: str, framing: Framing) -> Cell:
    """The compressed data turns into something else."""
    plain = Framing(framing.name)
    good = sent(bodies(PIECES[kind]), framing, content_type=content_type(kind))
    at = phases(kind).index(phase)
    junk = b"\xff" * 40
    # The pauses let what was good be read before: one read is decompressed as a whole.
    wait = (Sleep(0.01), Sleep(0.01))
    if plain.name == "chunked":
        play = good.until(at, *wait, http_chunk(junk), Hang())
    elif plain.name == "length":
        play = good.until(at, *wait, junk * 200, Hang())
    else:
        play = good.until(at, *wait, junk, Close())
    return Cell(
        "gzip: garbage",
        f"after {phase}",
        kind,
        framing.id,
        play,
        broken_after(kind, phase, UNZIPPED),
        "5: an answer that cannot be read is 502, or the error event once it began",
    )


def _gzip_labels(kind: str, framing: Framing) -> Iterator[Cell]:
    """The label says gzip and the body is not, or is so twice, or is cut."""
    plain = Framing(framing.name)
    body, after = b"".join(bodies(PIECES[kind])), FRESH if framing.name == "close" else SAME

    def labelled(data: bytes, coding: str) -> Play:
        return sent(
            [data],
            plain,
            content_type=content_type(kind),
            headers=(f"Content-Encoding: {coding}",) if coding else (),
        ).whole()

    packed = gzip.compress(body, mtime=0)
    wrong_sum = packed[:-8] + bytes(8)
    for name, data, coding, expected, why in (
        (
            "not compressed at all",
            body,
            "gzip",
            bad_gateway(UNZIPPED, next=after),
            "5: unreadable is 502",
        ),
        (
            "twice",
            gzip.compress(packed, mtime=0),
            "gzip, gzip",
            answer(*RIGHT[kind], next=after),
            "valid",
        ),
        ("x-gzip", packed, "x-gzip", answer(*RIGHT[kind], next=after), "RFC 9110 8.4.1.3"),
        ("without its trailer", packed[:-8], "gzip", answer(*RIGHT[kind], next=after), "all came"),
        (
            "wrong checksum",
            wrong_sum,
            "gzip",
            bad_gateway(UNZIPPED, next=after),
            "5: corrupt is 502",
        ),
        (
            "unlabelled",
            packed,
            "",
            _packed(kind, packed, after),
            "5: neither JSON nor events is 502",
        ),
    ):
        play = labelled(data, coding)
        yield Cell(f"gzip: {name}", "the body", kind, framing.id, play, expected, why)


def _packed(kind: str, body: bytes, after: str) -> Outcome:
    if kind == "native stream":
        return answer(body.decode("utf-8", "replace"), BROKE, next=after)
    return bad_gateway(CUT if kind in STREAMS else NO_JSON, next=after)
