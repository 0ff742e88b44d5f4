"""Reads a recording.

Rule: whatever is in the file, a recording or ``Unusable`` with one sentence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from proxy.cli.errors import UsageError
from proxy.cli.one_line import escaped
from proxy.telemetry.recording.format import FORMAT, VERSION, Event, data_of

LONGEST_FILE = 1 << 28
DAMAGED = f"damaged: an event has not the form of version {VERSION}"
_FORMS: Mapping[str, Mapping[str, type]] = {
    "recording": {"seed": str},
    "setup": {"settings": dict, "registry": dict, "auth": bool},
    "request": {"method": str, "target": str, "headers": list},
    "route": {"providers": list, "models": list, "candidates": list},
    "call": {"call": int, "purpose": str, "method": str, "url": str, "headers": list},
    "head": {"call": int, "status": int, "headers": list},
    "piece": {"call": int},
    "end": {"call": int},
    "failure": {"call": int, "kind": str, "message": str, "status": int},
    "closed": {"call": int, "reason": str},
    "answer": {"status": int, "headers": list},
    "done": {"outcome": str},
}
"""The members that each event must have."""


class Unusable(UsageError):
    """The file cannot be replayed."""


@dataclass(slots=True)
class RecordedCall:
    """One upstream call: what was sent, and what happened then, in order."""

    number: int
    sent: Event
    body: bytes | None
    events: list[Event] = field(default_factory=list)
    """``head``, ``piece``, ``end``, ``failure`` and ``closed``."""


@dataclass(slots=True)
class Recorded:
    """The parts of a recording."""

    seed: str
    setup: Event
    request: Event
    body: bytes
    masked: bool
    """Whether a credential was masked in a body, so that estimates of its tokens differ."""
    routes: list[Event]
    calls: list[RecordedCall]
    answer: Event
    sent: bytes
    """What the client was sent."""
    outcome: str


def read_recording(path: Path) -> Recorded:
    """The recording in the file; raises ``Unusable``."""
    try:
        if path.stat().st_size > LONGEST_FILE:
            raise Unusable(f"{path}: larger than {LONGEST_FILE} bytes: not a recording")
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise Unusable(f"{path}: cannot be read: {error.strerror}") from error
    try:
        events = _events(lines)
        return _assembled(events)
    except Unusable as error:
        raise Unusable(f"{path}: {error}") from error
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise Unusable(f"{path}: {DAMAGED}") from error


def _events(lines: list[bytes]) -> list[Event]:
    last = lines.pop()
    first = _object(lines[0] if lines else last)
    if first is None or first.get("format") != FORMAT:
        raise Unusable("not a recording of claude-proxy (CLAUDE_PROXY_RECORD writes them)")
    version = first.get("version")
    if type(version) is not int or version < 1:
        raise Unusable("damaged: its first line has no version")
    if version > VERSION:
        raise Unusable(
            f"its format is version {version}, newer than this program's ({VERSION}):"
            f" replay it with claude-proxy {escaped(str(first.get('program')))} or newer"
        )
    if last:
        raise Unusable("cut in the middle of a line: copy the file again, or record it again")
    events = []
    for number, line in enumerate(lines, 1):
        event = _object(line)
        if event is None or type(event.get("event")) is not str:
            raise Unusable(f"damaged: line {number} is not an event")
        if not _is_well_formed(event):
            raise Unusable(DAMAGED)
        events.append(event)
    kinds = [event["event"] for event in events]
    if "truncated" in kinds:
        raise Unusable(
            "truncated while it was recorded, so it cannot be replayed: see its last lines"
        )
    if "done" not in kinds:
        raise Unusable("has no end: the exchange was still running, or its process was killed")
    return events


def _is_well_formed(event: Event) -> bool:
    members = _FORMS.get(event["event"], {})
    headers = event.get("headers", [])
    return (
        type(event.get("t")) in (int, float)
        and all(isinstance(event.get(name), kind) for name, kind in members.items())
        and isinstance(headers, list)
        and all(isinstance(pair, list) and [*map(type, pair)] == [str, str] for pair in headers)
    )


def _object(line: bytes) -> Event | None:
    try:
        value = orjson.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _assembled(events: list[Event]) -> Recorded:
    calls: dict[int, RecordedCall] = {}
    for position, event in enumerate(events):
        if event["event"] == "call":
            calls[event["call"]] = RecordedCall(event["call"], event, data_of(event))
        elif event["event"] in ("head", "piece", "end", "failure", "closed"):
            calls[event["call"]].events.append(
                event | {"position": position, "data": data_of(event)}
            )
    request, answer = _only(events, "request"), _only(events, "answer")
    if request.get("unreadable"):
        raise Unusable("the client's compressed body was not valid, so it was not recorded")
    return Recorded(
        seed=str(events[0]["seed"]),
        setup=_only(events, "setup"),
        request=request,
        body=data_of(request) or b"",
        masked=any(event.get("masked") is True for event in events),
        routes=[event for event in events if event["event"] == "route"],
        calls=list(calls.values()),
        answer=answer | {"position": events.index(answer)},
        sent=b"".join(data_of(event) or b"" for event in events if event["event"] == "sent"),
        outcome=str(_only(events, "done")["outcome"]),
    )


def _only(events: Iterable[Event], kind: str) -> dict[str, Any]:
    found = [event for event in events if event["event"] == kind]
    if not found:
        raise Unusable(f"damaged: it has no event {kind!r}")
    # A head that was replaced before it was sent.
    return found[-1]
