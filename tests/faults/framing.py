"""Faults of a body's framing: lengths, chunk sizes, compression, what follows the end.

Rule of the outcomes: docs/protocol.md section 5 ("invalid HTTP" is 502 before the answer began, an
``error`` event afterwards) and RFC 9112: 6.1 and 6.3 on lengths, 7.1 on chunks.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.faults.answers import (
    CHAT_END,
    CHAT_END_ESTIMATED,
    HEAD,
    KINDS,
    PIECES,
    RIGHT,
    STREAMS,
    WHOLES,
    bodies,
    content_type,
    events_until,
    phases,
    verbatim,
)
from tests.faults.cell import (
    FRESH,
    Cell,
    Outcome,
    answer,
    bad_gateway,
    refusal,
)
from tests.faults.heads import not_http
from tests.faults.transport import (
    BROKE,
    CUT,
    CUT_WHOLE,
    FINISHED,
    LATE,
    NO_JSON,
)
from tests.faults.upstream import (
    CHUNKED,
    CHUNKED_GZIP,
    LENGTH,
    Hang,
    head_of,
    sent,
)
from tests.upstream_stub import Close, Sleep, Step, http_chunk

POISON = b'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{"x": 1}'
"""An answer that nobody asked for: it must not be taken for that to the next request."""


def cells() -> Iterator[Cell]:
    yield from _lengths()
    yield from _chunk_sizes()
    yield from _extra_bytes()


def _body(kind: str) -> bytes:
    return b"".join(bodies(PIECES[kind]))


def _lengths() -> Iterator[Cell]:
    invalid = not_http("bad Content-Length")
    for kind in KINDS:
        body, right = _body(kind), RIGHT[kind]
        half = len(b"".join(bodies(PIECES[kind])[: len(PIECES[kind]) // 2]))
        for name, length, steps, expected in (
            ("too short", str(half), (body,), _too_short(kind)),
            ("zero", "0", (body,), _zero(kind)),
            ("too long, then closed", str(len(body) + 9), (body, Close()), _too_long(kind)),
            (
                "too long, then a stall",
                str(len(body) + 9),
                (body, Hang()),
                _too_long(kind, stall=1),
            ),
            ("twice the same", f"{len(body)}, {len(body)}", (body,), answer(*right, next=FRESH)),
            ("two values", f"{len(body)}, 5", (body, Close()), invalid),
            ("a word", "many", (body, Close()), invalid),
            ("negative", "-5", (body, Close()), invalid),
            ("signed", f"+{len(body)}", (body, Close()), invalid),
            ("with a fraction", f"{len(body)}.0", (body, Close()), invalid),
            ("beyond all numbers", "9" * 5000, (body, Close()), invalid),
        ):
            head = head_of(f"Content-Type: {content_type(kind)}", f"Content-Length: {length}")
            why = "RFC 9112 6.3: an invalid length is unrecoverable; 5: a wrong one cuts the answer"
            yield Cell(
                f"length: {name}",
                "the body",
                kind,
                "length",
                (head, *steps),
                expected,
                why,
            )
        head = head_of(f"Content-Length: {len(body)}", "Content-Length: 5")
        yield Cell(
            "length: two headers",
            "the body",
            kind,
            "length",
            (head, body, Close()),
            invalid,
            "RFC 9112 6.3: lengths that differ are unrecoverable",
        )
        head = head_of(
            f"Content-Type: {content_type(kind)}", "Content-Length: 5", "Transfer-Encoding: chunked"
        )
        yield Cell(
            "length: beside chunked",
            "the body",
            kind,
            "chunked",
            (head, http_chunk(body) + b"0\r\n\r\n"),
            answer(*right),
            "RFC 9112 6.3: the transfer coding overrides the length",
        )


def _too_short(kind: str) -> Outcome:
    if kind in WHOLES:
        return bad_gateway(NO_JSON)
    events = events_until(kind, phases(kind)[len(PIECES[kind]) // 2])
    return answer(*events, BROKE, next=FRESH)


def _zero(kind: str) -> Outcome:
    return bad_gateway(CUT if kind in STREAMS else NO_JSON)


def _too_long(kind: str, *, stall: int = 0) -> Outcome:
    if kind in STREAMS:
        return answer(*RIGHT[kind], next=FRESH)
    return refusal(504, "timeout_error", LATE) if stall else bad_gateway(CUT_WHOLE)


CHUNK_SIZES: tuple[tuple[str, bytes, str], ...] = (
    ("a word", b"zz\r\n", "bad chunk size"),
    ("negative", b"-5\r\n", "bad chunk size"),
    ("empty", b"\r\n", "bad chunk size"),
    ("0x", b"0x10\r\n", "bad chunk size"),
    ("binary", b"\xff\xfe\r\n", "bad chunk size"),
    ("endless", b"1" * 70000, "chunk size line too long"),
    ("endless extension", b"5;" + b"x" * 70000, "chunk size line too long"),
    ("wrong: data goes on", b"2\r\ndata: x\n\n\r\n", "bad chunk framing"),
    ("endless trailers", b"0\r\n" + b"X-Trailer: x\r\n" * 6000, "trailers too long"),
)


def _chunk_sizes() -> Iterator[Cell]:
    for kind in KINDS:
        for phase in phases(kind):
            if phase == "[DONE]" and kind in STREAMS:
                sizes = CHUNK_SIZES[:1]
            else:
                sizes = CHUNK_SIZES if phase in (HEAD, "a text delta") else CHUNK_SIZES[:1]
            for name, line, reason in sizes:
                message = sent(bodies(PIECES[kind]), CHUNKED, content_type=content_type(kind))
                play = message.until(phases(kind).index(phase), line, Hang())
                breach = f"the upstream's answer is not valid HTTP: {reason}"
                expected = broken_after(kind, phase, breach)
                if name.startswith("wrong") and kind == "native stream":
                    # What stands before bad framing is good.
                    begun = (*events_until(kind, phase), "da", f"error api_error: {breach}")
                    expected = answer(*begun, next=FRESH)
                yield Cell(
                    f"chunk size: {name}",
                    f"after {phase}",
                    kind,
                    "chunked",
                    play,
                    expected,
                    "5: no valid HTTP: 502, or the error event once the answer began",
                )
        message = sent(bodies(PIECES[kind]), CHUNKED, content_type=content_type(kind))
        lone = message.until(len(PIECES[kind]), b"0\r\n", Close())
        yield Cell(
            "chunk size: no empty line at the end",
            "the end",
            kind,
            "chunked",
            lone,
            answer(*RIGHT[kind], next=FRESH),
            "some servers leave it out; the last chunk was seen",
        )
        huge = message.until(1, b"f" * 15 + b"\r\n", *message.pieces[1:], Close())
        yield Cell(
            "chunk size: huge",
            f"after {phases(kind)[1]}",
            kind,
            "chunked",
            huge,
            _huge(kind, b"".join(message.pieces[1:])),
            "what it announced never came, and its framing is taken for content",
        )


def _huge(kind: str, raw: bytes) -> Outcome:
    if kind in WHOLES:
        return bad_gateway(CUT_WHOLE)
    if kind == "native stream":
        return answer(*PIECES[kind][0].events, *verbatim(raw), next=FRESH)
    return answer(*RIGHT[kind], next=FRESH)


def broken_after(kind: str, phase: str, message: str) -> Outcome:
    """The outcome of a transfer that breaks with ``message`` after ``phase``."""
    if kind in WHOLES or phase == HEAD:
        return bad_gateway(message)
    events = events_until(kind, phase)
    if phase == "[DONE]":
        return answer(*events, next=FRESH)
    if kind == "chat stream" and phase in FINISHED:
        end = CHAT_END if phase == "usage" else CHAT_END_ESTIMATED
        return answer(*events, *end, next=FRESH)
    return answer(*events, f"error api_error: {message}", next=FRESH)


def _extra_bytes() -> Iterator[Cell]:
    for kind in KINDS:
        for framing in (CHUNKED, LENGTH, CHUNKED_GZIP):
            whole = sent(bodies(PIECES[kind]), framing, content_type=content_type(kind)).whole()
            last = bytes(whole[-1])  # type: ignore[arg-type]
            for name, steps in (
                ("at once", (*whole[:-1], last + POISON)),
                ("later", (*whole, Sleep(0.02), POISON)),
                ("line ends", (*whole[:-1], last + b"\r\n\r\n")),
            ):
                play: tuple[Step | Hang, ...] = steps
                yield Cell(
                    f"extra bytes: {name}",
                    "after the end",
                    kind,
                    framing.id,
                    play,
                    answer(*RIGHT[kind], next=FRESH),
                    "RFC 9112 9.2: what nobody asked for is no answer; the connection is dropped",
                )
