"""What differs between a recording and its replay, as lines for people.

Rule: pure. A line names the place; values are shortened.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson

SHOWN_CHARS = 70
MOST_EVENTS = 5
"""Different events that are shown."""
_PING = re.compile(rb"event: ?ping\r?\ndata: ?[^\r\n]*\r?\n\r?\n")
_COUNTS = re.compile(rb'("(?:input|output)_tokens":)\s*\d+')
_EVENT_END = re.compile(rb"\r?\n\r?\n")
_UNSTABLE = re.compile(
    "date|server|connection|user-agent|traceparent|tracestate|content-length"
    "|anthropic-ratelimit-.*|x-ratelimit-.*"
)
"""Headers that depend on the clock, the version, a rate limit or the body, which is compared itself."""
_ABSENT = object()


def without_pings(stream: bytes) -> bytes:
    """``stream`` without its pings, which depend on time alone."""
    return _PING.sub(b"", stream)


def without_counts(answer: bytes) -> bytes:
    """``answer`` without its counts of tokens, which may be estimates."""
    return _COUNTS.sub(rb"\1 0", answer)


def body_differences(before: bytes | None, after: bytes | None) -> Iterator[str]:
    """How a body differs, by the paths of its JSON values."""
    if before == after:
        return
    old, new = _parsed(before), _parsed(after)
    found = False
    for line in value_differences(old, new, "body"):
        found = True
        yield line
    if not found:
        yield "body: the same JSON, written in another way"


def value_differences(old: Any, new: Any, path: str) -> Iterator[str]:
    """How two JSON values differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys((*old, *new)):
            inner = f"{path}.{name}"
            yield from value_differences(old.get(name, _ABSENT), new.get(name, _ABSENT), inner)
    elif isinstance(old, list) and isinstance(new, list):
        for number in range(max(len(old), len(new))):
            inner = f"{path}[{number}]"
            yield from value_differences(_item(old, number), _item(new, number), inner)
    elif old is not new and (type(old) is not type(new) or old != new):
        yield f"{path}: {_shown(old, new)} -> {_shown(new, old)}"


def header_differences(
    before: Iterable[Sequence[str]], after: Iterable[Sequence[str]]
) -> Iterator[str]:
    """How two lists of headers differ."""
    old, new = _by_name(before), _by_name(after)
    for name in dict.fromkeys((*old, *new)):
        if not _UNSTABLE.fullmatch(name):
            yield from value_differences(
                old.get(name, _ABSENT), new.get(name, _ABSENT), f"header {name}"
            )


def answer_differences(before: bytes, after: bytes, *, left: bool) -> Iterator[str]:
    """How the body of the answer differs; ``left``: one of them may be longer, as the client left."""
    old, new = without_pings(before), without_pings(after)
    if old == new or (left and (old.startswith(new) or new.startswith(old))):
        return
    if not (_is_stream(old) or _is_stream(new)):
        yield from body_differences(old, new)
        return
    yield from _event_differences(_events(old), _events(new))


def _event_differences(old: list[bytes], new: list[bytes]) -> Iterator[str]:
    if len(old) != len(new):
        yield f"{len(old)} events -> {len(new)} events"
    shown = 0
    for number in range(max(len(old), len(new))):
        first, second = (each[number] if number < len(each) else None for each in (old, new))
        if first == second:
            continue
        if shown == MOST_EVENTS:
            yield "further events differ"
            return
        shown += 1
        label = f"event {number + 1}"
        lines = list(value_differences(_data(first), _data(second), label))
        yield from lines or [f"{label}: {_shown(_text(first))} -> {_shown(_text(second))}"]


def _events(stream: bytes) -> list[bytes]:
    return [event for event in _EVENT_END.split(stream) if event]


def _data(event: bytes | None) -> Any:
    if event is None:
        return _ABSENT
    data = b"\n".join(
        line.partition(b":")[2].strip() for line in event.splitlines() if line.startswith(b"data:")
    )
    return _parsed(data)


def _is_stream(body: bytes) -> bool:
    return body.startswith((b"event:", b"data:", b":"))


def _parsed(body: bytes | None) -> Any:
    if body is None:
        return _ABSENT
    try:
        return orjson.loads(body)
    except ValueError:
        return _text(body)


def _text(data: bytes | None) -> str:
    return "absent" if data is None else data.decode("utf-8", "replace")


def _item(values: list[Any], number: int) -> Any:
    return values[number] if number < len(values) else _ABSENT


def _by_name(headers: Iterable[Sequence[str]]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        found[key] = f"{found[key]}, {value}" if key in found else value
    return found


def _shown(value: Any, other: Any = "") -> str:
    """``value`` in short; of a long text the part from where it differs from ``other``."""
    if value is _ABSENT:
        return "absent"
    start = ""
    if isinstance(value, str) and isinstance(other, str) and len(value) > SHOWN_CHARS:
        same = next((n for n, (a, b) in enumerate(zip(value, other, strict=False)) if a != b), 0)
        if same > 20:
            value, start = value[same - 20 :], "..."
    text = json.dumps(value, ensure_ascii=False)
    return start + (text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 3] + "...")
