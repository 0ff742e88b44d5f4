"""Faults of the response's head: no HTTP, malformed or endless lines, 1xx, redirects, no content.

Rule of the outcomes: docs/protocol.md section 5 (what is not HTTP is 502, a redirect too), RFC 9110
section 15 and RFC 9112 section 5.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.faults.answers import (
    KINDS,
    PIECES,
    RIGHT,
    STREAMS,
    bodies,
    content_type,
)
from tests.faults.cell import (
    FRESH,
    NO_RETRY,
    SAME,
    Cell,
    Outcome,
    answer,
    bad_gateway,
    refusal,
)
from tests.faults.transport import (
    CUT,
)
from tests.faults.upstream import (
    CHUNKED,
    LENGTH,
    Hang,
    Play,
    head_of,
    sent,
)
from tests.upstream_stub import Close, Sleep


def cells() -> Iterator[Cell]:
    yield from _bad_heads()
    yield from _interim_answers()
    yield from _bodyless_and_redirects()


CUT_HEAD = "the connection closed inside the response head"


def not_http(reason: str) -> Outcome:
    return bad_gateway(f"the answer of the upstream HOST is not valid HTTP: {reason}")


def _long_header() -> Play:
    return (b"HTTP/1.1 200 OK\r\nX-Long: ", *[b"a" * 65536] * 5, Hang())


def _many_headers() -> Play:
    return (b"HTTP/1.1 200 OK\r\n", *[b"X-Many: a\r\n" * 2000] * 20, Hang())


BAD_STATUS_LINES: tuple[tuple[str, bytes], ...] = (
    ("a word", b"garbage\r\n\r\n"),
    ("binary", bytes(range(128, 256)) + b"\r\n\r\n"),
    ("SSH", b"SSH-2.0-OpenSSH_9.6\r\n"),
    ("TLS alert", b"\x15\x03\x03\x00\x02\x02\x28"),
    ("HTTP/2 settings", b"\x00\x00\x00\x04\x00\x00\x00\x00\x00\r\n"),
    ("no status", b"HTTP/1.1\r\n\r\n"),
    ("status of words", b"HTTP/1.1 OK fine\r\n\r\n"),
    ("status of two digits", b"HTTP/1.1 99 Low\r\n\r\n"),
    ("status of four digits", b"HTTP/1.1 2000 High\r\n\r\n"),
    ("JSON at once", b'{"error": "no head"}\n'),
    ("events at once", b"data: {}\n\n"),
)
HEADS: tuple[tuple[str, Play, str], ...] = (
    ("endless header", _long_header(), "got more than 65536 bytes when reading header line"),
    ("endless headers", _many_headers(), "got more than 100 headers"),
    ("unknown transfer coding", (b"zip",), "unknown transfer encoding"),
    ("chunked twice", (b"chunked, chunked",), "unknown transfer encoding"),
)


def _bad_heads() -> Iterator[Cell]:
    why = "5: what is not HTTP is 502"
    for kind in KINDS:
        for name, line in BAD_STATUS_LINES:
            play: Play = (line, Close())
            ended = line.endswith(b"\n")
            expected = not_http("bad status line" if ended else CUT_HEAD)
            yield Cell(f"no HTTP: {name}", "before the head", kind, "none", play, expected, why)
        for name, play, reason in HEADS[:2]:
            yield Cell(name, "inside the head", kind, "none", play, not_http(reason), why)
        for name, coding, reason in HEADS[2:]:
            head = head_of(f"Transfer-Encoding: {coding[0].decode()}")  # type: ignore[union-attr]
            play = (head, b"5\r\nHello\r\n0\r\n\r\n", Hang())
            yield Cell(name, "inside the head", kind, "none", play, not_http(reason), why)
        for name, line in (
            ("a line without a colon", b"not a header\r\n"),
            ("a line without a name", b" begins with a space: 1\r\n"),
            ("a name with a space", b"X Bad: 1\r\n"),
            ("a name and a space", b"X-Bad : 1\r\n"),
            ("a NUL byte", b"X-Bad: a\x00b\r\n"),
            ("8-bit bytes", b"X-Odd: \xff\xfe\r\n"),
        ):
            yield _odd_header(kind, name, line)


def _odd_header(kind: str, name: str, line: bytes) -> Cell:
    """A strange header line before those that matter."""
    whole = sent(bodies(PIECES[kind]), CHUNKED, content_type=content_type(kind)).whole()
    start, rest = bytes(whole[0]).split(b"\r\n", 1)  # type: ignore[arg-type]
    play: Play = (start + b"\r\n" + line + rest, *whole[1:])
    expected = answer(*RIGHT[kind])
    why = "a header that nobody needs does no harm"
    if name.startswith(("a line", "a name")):
        expected, why = not_http("malformed header line"), "RFC 9112 5: that is no header"
    return Cell(f"odd header: {name}", "inside the head", kind, "chunked", play, expected, why)


INTERIM = head_of(status="100 Continue")
EARLY_HINTS = head_of("Link: </style.css>; rel=preload", status="103 Early Hints")


def _interim_answers() -> Iterator[Cell]:
    for kind in KINDS:
        right = sent(bodies(PIECES[kind]), LENGTH, content_type=content_type(kind)).whole()
        skipped = "RFC 9110 15.2: interim answers are passed over"
        for name, interim in (
            ("100", (INTERIM,)),
            ("103", (EARLY_HINTS,)),
            ("102 slowly", (head_of(status="102 Processing"), Sleep(0.01)) * 3),
            ("twenty of them", (INTERIM + EARLY_HINTS,) * 10),
        ):
            play: Play = (*interim, *right)
            yield Cell(
                f"1xx: {name}",
                "before the head",
                kind,
                "length",
                play,
                answer(*RIGHT[kind]),
                skipped,
            )
        endless: Play = (*[EARLY_HINTS * 100] * 60, Hang())
        yield Cell(
            "1xx: endless",
            "before the head",
            kind,
            "none",
            endless,
            not_http("the response head is larger than 262144 bytes"),
            "the head is bounded, interim answers included",
        )
        yield Cell(
            "1xx: then closed",
            "before the head",
            kind,
            "none",
            (INTERIM, Close()),
            not_http(CUT_HEAD),
            "5: no answer is 502",
        )
        switched = refusal(502, "api_error", "the upstream answered 101 without a reason")
        yield Cell(
            "1xx: 101",
            "before the head",
            kind,
            "none",
            (head_of("Upgrade: h2c", "Connection: Upgrade", status="101 Switching"), Close()),
            switched,
            "5: nobody asked to switch; no answer is 502",
        )


def _redirect(status: int, next: str) -> Outcome:
    return bad_gateway(
        f"the upstream HOST answered with a redirect ({status}), which is not followed;"
        " check its base URL",
        next=next,
        headers=NO_RETRY,
    )


def _bodyless_and_redirects() -> Iterator[Cell]:
    for kind in KINDS:
        for status in (301, 302, 303, 307, 308):
            play: Play = (
                head_of(
                    "Location: http://127.0.0.1:1/elsewhere",
                    "Content-Length: 5",
                    status=f"{status} Moved",
                ),
                b"moved",
            )
            yield Cell(
                f"redirect {status}",
                "at the head",
                kind,
                "length",
                play,
                _redirect(status, FRESH),
                "5: a redirect is 502, x-should-retry: false; never followed",
            )
        yield Cell(
            "304",
            "at the head",
            kind,
            "none",
            (head_of(status="304 Not Modified"),),
            _redirect(304, FRESH),
            "5: nothing was asked conditionally; 3xx is 502",
        )
        for name, line, rest, connection in (
            ("204", (), (), SAME),
            ("204 that announces chunks", ("Transfer-Encoding: chunked",), (Hang(),), FRESH),
            ("205", ("Content-Length: 0",), (), SAME),
        ):
            status = int(name[:3])
            yield Cell(
                name,
                "at the head",
                kind,
                "none",
                (head_of(*line, status=f"{status} Without"), *rest),
                _no_content(kind, status, connection),
                "5: an answer without a message is 502; 8: a native one's status is its own",
            )


def _no_content(kind: str, status: int, connection: str) -> Outcome:
    if kind.startswith("native"):
        return Outcome(status, ("",), connection)
    message = CUT if kind in STREAMS else "the upstream's answer is not JSON (no content type)"
    return bad_gateway(message, next=connection)
