"""Faults of a whole body: empty, foreign, garbled, wrongly labelled, an error with status 200.

Rule of the outcomes: docs/protocol.md section 3 (no choices is 502; a finish of row 7 is no success),
5 (a 200 JSON error becomes a real one; invalid JSON is 502), 8 (a native 2xx is passed on), 11 (an
event stream to a plain request is aggregated, JSON to a stream request becomes events).
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.faults.answers import (
    KINDS,
    STREAMS,
    WHOLE_CHAT,
    WHOLE_NATIVE,
)
from tests.faults.cell import FRESH, SAME, Cell, Outcome, answer, bad_gateway, refusal
from tests.faults.transport import BROKE, CUT
from tests.faults.upstream import FRAMINGS, IDENTITY, Framing, Play, sent
from tests.upstream_stub import completion

PAGE = b"<!DOCTYPE html><html><head><title>Welcome</title></head><body>Sign in</body></html>"
BINARY = bytes(range(256))
CHATS, NATIVES = KINDS[:2], KINDS[2:]


def cells() -> Iterator[Cell]:
    yield from _not_json()
    yield from _native_bodies()
    yield from _errors_with_200()
    yield from _odd_completions()


def after(framing: Framing) -> str:
    return FRESH if framing.name == "close" else SAME


def play(body: bytes, framing: Framing, label: str) -> Play:
    return sent([body], framing, content_type=label).whole()


def no_json(label: str, framing: Framing) -> Outcome:
    return bad_gateway(f"the upstream's answer is not JSON ({label})", next=after(framing))


NOT_JSON: tuple[tuple[str, bytes, str], ...] = (
    ("HTML", PAGE, "text/html"),
    ("HTML labelled JSON", PAGE, "application/json"),
    ("HTML labelled events", PAGE, "text/event-stream"),
    ("plain text", b"upstream says no\n", "text/plain"),
    ("garbage", BINARY, "application/octet-stream"),
    ("garbage labelled JSON", BINARY, "application/json"),
    ("truncated JSON", json.dumps(WHOLE_CHAT).encode()[:-20], "application/json"),
    ("JSON and more", json.dumps(WHOLE_CHAT).encode() + b"}", "application/json"),
    ("two JSON texts", json.dumps(WHOLE_CHAT).encode() * 2, "application/json"),
    ("NaN", b'{"choices": NaN}', "application/json"),
    ("nested 2000 deep", b"[" * 2000 + b"]" * 2000, "application/json"),
    ("UTF-16", json.dumps(WHOLE_CHAT).encode("utf-16"), "application/json"),
)


def _not_json() -> Iterator[Cell]:
    for kind in CHATS:
        for framing in FRAMINGS:
            for name, body, label in NOT_JSON:
                yield Cell(
                    name,
                    "the body",
                    kind,
                    framing.id,
                    play(body, framing, label),
                    no_json(label, framing),
                    "5: invalid JSON is 502",
                )
            for label in ("application/json", "text/event-stream", "text/html"):
                yield _empty(kind, framing, label)


def _empty(kind: str, framing: Framing, label: str) -> Cell:
    expected = no_json(label, framing)
    if kind in STREAMS or label == "text/event-stream":
        expected = bad_gateway(CUT, next=after(framing))
    return Cell(
        f"empty body labelled {label}",
        "the body",
        kind,
        framing.id,
        play(b"", framing, label),
        expected,
        "4: EOF before any chunk is 502; 5: so is no JSON",
    )


def _native_bodies() -> Iterator[Cell]:
    for kind in NATIVES:
        for framing in FRAMINGS:
            for name, body, label in (
                ("HTML", PAGE, "text/html"),
                ("plain text", b"upstream says no\n", "text/plain"),
            ):
                yield Cell(
                    name,
                    "the body",
                    kind,
                    framing.id,
                    play(body, framing, label),
                    answer(label, body.decode(), next=after(framing)),
                    "8: a 2xx is passed on as it is, with its own type",
                )
            for name, body in (
                ("HTML labelled JSON", PAGE),
                ("garbage labelled JSON", BINARY),
                ("truncated JSON", json.dumps(WHOLE_NATIVE).encode()[:-20]),
                ("empty body labelled application/json", b""),
            ):
                yield Cell(
                    name,
                    "the body",
                    kind,
                    framing.id,
                    play(body, framing, "application/json"),
                    no_json("application/json", framing),
                    "5: invalid JSON is 502",
                )
    for framing in FRAMINGS:
        yield Cell(
            "empty body labelled text/event-stream",
            "the body",
            "native stream",
            framing.id,
            play(b"", framing, "text/event-stream"),
            bad_gateway(CUT, next=after(framing)),
            "4: EOF in the PEEK window is 502",
        )
        yield Cell(
            "HTML labelled events",
            "the body",
            "native stream",
            framing.id,
            play(PAGE, framing, "text/event-stream"),
            answer(PAGE.decode(), BROKE, next=after(framing)),
            "8: untouched, and told that it never ended",
        )


ERRORS: tuple[tuple[str, object, int, str, str], ...] = (
    ("code 429", {"error": {"message": "slow", "code": 429}}, 429, "rate_limit_error", "slow"),
    (
        "status 503",
        {"error": {"message": "later", "status": 503}},
        529,
        "overloaded_error",
        "later",
    ),
    (
        "type",
        {"error": {"message": "no", "type": "authentication_error"}},
        401,
        "authentication_error",
        "no. The proxy's own key was refused, not the client's: its operator sets it by OPENAI_API_KEY",
    ),
    ("a text", {"error": "it broke"}, 500, "api_error", "it broke"),
    ("empty", {"error": {}}, 500, "api_error", '{"error":{}}'),
    ("in a list", [{"error": {"message": "no", "code": 400}}], 400, "invalid_request_error", "no"),
    (
        "object: error",
        {"object": "error", "message": "bad temperature", "code": 400},
        400,
        "invalid_request_error",
        "bad temperature",
    ),
    (
        "beside choices",
        {"error": {"message": "died", "code": 502}, "choices": []},
        502,
        "api_error",
        "died",
    ),
)


def _errors_with_200() -> Iterator[Cell]:
    for framing in FRAMINGS:
        for name, value, status, kind_of_error, message in ERRORS:
            for kind in CHATS:
                headers = "x-should-retry: false" if status in (401, 402, 403) else ""
                yield Cell(
                    f"error with 200: {name}",
                    "the body",
                    kind,
                    framing.id,
                    play(json.dumps(value).encode(), framing, "application/json"),
                    refusal(status, kind_of_error, message, next=after(framing), headers=headers),
                    "5: a 200 JSON error becomes a real HTTP error",
                )
        error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
        for kind in NATIVES:
            yield Cell(
                "error with 200",
                "the body",
                kind,
                framing.id,
                play(json.dumps(error).encode(), framing, "application/json"),
                answer(json.dumps(error), next=after(framing)),
                "8: status and body as they are",
            )


NO_OBJECT = "the upstream's answer is not a JSON object"
NO_CHOICES = "the upstream's answer has no choices"
NO_MESSAGE = "the upstream's answer has no message"
COMPLETIONS: tuple[tuple[str, object, str], ...] = (
    ("null", None, NO_OBJECT),
    ("a number", 7, NO_OBJECT),
    ("a list", [1, 2], NO_OBJECT),
    ("an empty object", {}, NO_CHOICES),
    ("no choices", {"choices": []}, NO_CHOICES),
    ("choices null", {"choices": None}, NO_CHOICES),
    ("choices of text", {"choices": "many"}, NO_CHOICES),
    ("a choice of text", {"choices": ["one"]}, NO_CHOICES),
    ("no message", {"choices": [{"index": 0, "finish_reason": "stop"}]}, NO_MESSAGE),
    (
        "finish_reason error",
        completion("half", "error"),
        "the upstream ended its answer with finish_reason 'error'",
    ),
)


def _odd_completions() -> Iterator[Cell]:
    for kind in CHATS:
        for framing in IDENTITY:
            for name, value, message in COMPLETIONS:
                expected = bad_gateway(message, next=after(framing))
                body = json.dumps(value).encode()
                yield Cell(
                    f"completion: {name}",
                    "the body",
                    kind,
                    framing.id,
                    play(body, framing, "application/json"),
                    expected,
                    "3: no choices is 502; row 7 is no success",
                )
            odd = json.dumps(completion("Hel~lo")).encode().replace(b"~", b"\xff")
            events = ("message_start", "ping", "start 0 text", "text 0 'Hel\ufffdlo'", "stop 0")
            expected = answer("text 'Hel\ufffdlo'", "end_turn 10/5", next=after(framing))
            if kind in STREAMS:
                ending = ("message_delta end_turn 10/5", "message_stop")
                expected = answer(*events, *ending, next=after(framing))
            yield Cell(
                "invalid UTF-8",
                "the body",
                kind,
                framing.id,
                play(odd, framing, "application/json"),
                expected,
                "10.9: as good as a stream, where U+FFFD stands for what is not UTF-8",
            )
