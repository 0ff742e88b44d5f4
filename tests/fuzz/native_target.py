"""Fuzz target: a native upstream's event stream and model names.

Rule: what comes out is what went in, but for the model's name where docs/protocol.md section 8 has it
changed; what was noted on the way is what a plain reader of the whole finds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import orjson

from proxy.relay.native import event_scan
from proxy.relay.native.event_scan import EventScan
from proxy.relay.native.model_name import with_model
from tests.fuzz.input_choices import chosen, cut_at, single_bytes
from tests.fuzz.plain_events import Plain, blocks, json_pairs, pairs_of, renamed, told

CLIENT = "the client's \"\u00e9\\"
"""A name that needs escapes."""
WRITTEN = orjson.dumps(CLIENT)
SMALL_EVENTS = 80
"""Longest event that is looked into, where an input says so."""
_BLANK_LINE = re.compile(rb"(?<=\n\n)|(?<=\r\r)|(?<=\r\n\r\n)")
_STRING = rb'"(?:[^"\\]|\\.)*"'


def native_stream(data: bytes) -> None:
    """However a stream is cut, its bytes pass and the same is noted."""
    choice, places, stream = chosen(data)
    # A line end of the event before may count for the next.
    longest = max(map(len, _BLANK_LINE.split(stream))) + 2
    limit = SMALL_EVENTS if choice & 1 else len(stream) + 2
    cuts = [[stream], cut_at(stream, places), *([single_bytes(stream)] if choice & 2 else [])]
    with patch.object(event_scan, "HELD_BYTES", limit):
        for pieces in cuts:
            out, noted = _passed(pieces)
            _check_strings(stream, out)
            if longest <= limit:
                plain = told(stream)
                assert (noted, noted.inside) == (plain, plain.inside)
                _check_named(stream, out, plain.named)
        if choice & 2 and b"\r" not in stream:
            # Where every byte is a read, it is plain which events are found to be too long.
            assert noted == told(_looked_into(stream, limit))


def _passed(pieces: list[bytes]) -> tuple[bytes, Plain]:
    """What comes out where the name is to change, and what is noted, the same by all scans."""
    events: list[Mapping[str, Any]] = []
    watched = _unchanged(EventScan(None, on_event=events.append), pieces)
    noted = _unchanged(EventScan(None), pieces)
    scan = EventScan(CLIENT)
    out = b"".join([*map(scan.feed, pieces), scan.finish()])
    assert watched == noted == _noted(scan)
    return out, replace(noted, events=events)


def _looked_into(stream: bytes, limit: int) -> bytes:
    """``stream`` without the events that are longer than ``limit`` before their last byte."""
    *whole, last = stream.split(b"\n\n")
    kept = [block if len(block) + 1 <= limit else b"" for block in whole]
    return b"\n\n".join([*kept, last if len(last) <= limit else b""])


def _unchanged(scan: EventScan, pieces: Iterable[bytes]) -> Plain:
    """What is noted by ``scan``, through which each read goes on as it came."""
    for piece in pieces:
        assert scan.feed(piece) == piece
    assert scan.finish() == b""
    return _noted(scan)


def _noted(scan: EventScan) -> Plain:
    found = Plain(scan.content_seen, scan.ended, scan.error, scan.stop_reason, scan.usage)
    return replace(found, inside=scan.inside_event)


def _check_strings(stream: bytes, out: bytes) -> None:
    """Nothing has changed but JSON strings that are the client's name now."""
    if WRITTEN not in stream:
        same = map(re.escape, out.split(WRITTEN))
        assert re.fullmatch(_STRING.join(same), stream)


def _check_named(stream: bytes, out: bytes, named: int | None) -> None:
    """The name has changed everywhere in the event that says it, and nowhere else."""
    before, after = blocks(stream), blocks(out)
    if named is not None:
        members = pairs_of(before.pop(named)) or ()
        assert pairs_of(after.pop(named)) == renamed(members, ("message", "model"), CLIENT)
    assert after == before


def model_name(data: bytes) -> None:
    """A request's or an answer's name is replaced at its places and nowhere else."""
    members = json_pairs(data)
    if members is None or type(dict(members).get("model")) is not str:
        return
    out = with_model(data, CLIENT)
    assert json_pairs(out) == renamed(members, ("model",), CLIENT)
    _check_strings(data, out)
