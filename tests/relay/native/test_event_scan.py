"""A native event stream comes out as it went in, but for the model's name."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.relay.native import event_scan
from proxy.relay.native.event_scan import EventScan, token_counts

USAGE = {"input_tokens": 12, "cache_read_input_tokens": 3, "output_tokens": 1}


def event(kind: str, line_end: str = "\n", **members: Any) -> bytes:
    data = json.dumps({"type": kind, **members}, ensure_ascii=False)
    return f"event: {kind}{line_end}data: {data}{2 * line_end}".encode()


def start(model: str = "up-model", line_end: str = "\n") -> bytes:
    message = {"id": "m1", "model": model, "content": [], "usage": {**USAGE, "tier": "s"}}
    return event("message_start", line_end, message=message)


def rest(line_end: str = "\n") -> bytes:
    delta = {"type": "text_delta", "text": 'say "model":"up-model" message_start \u00e9'}
    return b"".join(
        [
            event("ping", line_end),
            event("content_block_start", line_end, index=0, content_block={"type": "text"}),
            event("content_block_delta", line_end, index=0, delta=delta),
            event("content_block_stop", line_end, index=0),
            event(
                "message_delta",
                line_end,
                delta={"stop_reason": "end_turn"},
                usage={"output_tokens": 7},
            ),
            event("message_stop", line_end),
        ]
    )


def relayed(scan: EventScan, reads: Iterable[bytes]) -> bytes:
    return b"".join([*(scan.feed(read) for read in reads), scan.finish()])


def cut_at(data: bytes, places: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


@given(
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from([b"", b": hello\n\n", b"\n\n", event("ping")]),
    st.lists(st.integers(0, 2000), max_size=12),
    st.sampled_from(["client-model", 'q"\u00e9', None]),
)
def test_any_cut_of_the_bytes(
    line_end: str, before: bytes, places: list[int], model: str | None
) -> None:
    data = before + start("up-model", line_end) + rest(line_end)
    written = json.dumps(model, ensure_ascii=False).encode() if model else b'"up-model"'
    expected = data.replace(b'"model": "up-model"', b'"model": ' + written)
    scan = EventScan(model)
    assert relayed(scan, cut_at(data, places)) == expected
    assert (scan.ended, scan.error, scan.content_seen) == (True, None, True)
    assert scan.stop_reason == "end_turn"
    assert scan.usage == {**USAGE, "output_tokens": 7}
    assert not scan.inside_event


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=6))
def test_any_bytes_pass(data: bytes, places: list[int]) -> None:
    assert relayed(EventScan(None), cut_at(data, places)) == data
    assert relayed(EventScan("client-model"), cut_at(data, places)) == data


def test_one_piece_goes_on_for_each_read() -> None:
    scan = EventScan("c")
    first = start()
    assert scan.feed(first[:40]) == b""
    assert scan.feed(first[40:]) == first.replace(b"up-model", b"c")
    tail = rest()
    for at in range(0, len(tail), 7):
        assert scan.feed(tail[at : at + 7]) == tail[at : at + 7]


def test_nothing_is_held_where_the_name_is_right() -> None:
    scan = EventScan(None)
    data = start() + rest()
    for at in range(0, len(data), 7):
        assert scan.feed(data[at : at + 7]) == data[at : at + 7]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(
            b'data: {"type":"message_start",\ndata: "message":\ndata: {"model":"u"}}\n\n',
            b'data: {"type":"message_start",\ndata: "message":\ndata: {"model":"c"}}\n\n',
            id="8 data in several lines",
        ),
        pytest.param(
            b'data:{"message":{"model":"u"},"model":"u","type":"message_start"}\n\n',
            b'data:{"message":{"model":"c"},"model":"u","type":"message_start"}\n\n',
            id="8 only message.model",
        ),
        pytest.param(
            b'data: {"type":"ping","message":{"model":"u"}}\n\n',
            b'data: {"type":"ping","message":{"model":"u"}}\n\n',
            id="8 only message_start",
        ),
        pytest.param(
            2 * b'data: {"type":"message_start","message":{"model":"u"}}\n\n',
            b'data: {"type":"message_start","message":{"model":"c"}}\n\n'
            b'data: {"type":"message_start","message":{"model":"u"}}\n\n',
            id="8 the first only",
        ),
        pytest.param(
            b'data: {"type":"message_start","message":{"model":"u"}}',
            b'data: {"type":"message_start","message":{"model":"c"}}',
            id="8 without its blank line",
        ),
        pytest.param(
            b'data: {"type":"message_start","message":[]}\n\n',
            b'data: {"type":"message_start","message":[]}\n\n',
            id="8 without a model",
        ),
    ],
)
def test_where_the_name_is(data: bytes, expected: bytes) -> None:
    assert relayed(EventScan("c"), [data]) == expected


def test_a_stream_that_names_no_model_is_not_held() -> None:
    scan = EventScan("c")
    block = event("content_block_start", index=0, content_block={"type": "text"})
    assert scan.feed(block + b"data: {") == block + b"data: {"
    assert scan.feed(b'"typ') == b'"typ'


def test_an_endless_event_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_scan, "HELD_BYTES", 100)
    scan = EventScan("c")
    assert scan.feed(b"data: " + b"x" * 90) == b""
    assert scan.feed(b"y" * 90) == b"data: " + b"x" * 90 + b"y" * 90
    assert scan.inside_event
    assert scan.feed(b"z\n") == b"z\n"
    assert scan.feed(b"\n" + event("message_stop")) == b"\n" + event("message_stop")
    assert scan.ended


def test_an_error_event_ends_the_stream() -> None:
    scan = EventScan(None)
    scan.feed(event("error", error={"type": "overloaded_error", "message": "m"}))
    assert (scan.ended, scan.error) == (True, "overloaded_error")


@pytest.mark.parametrize("told", [None, "overloaded", {}, {"type": 7}])
def test_an_odd_error_event_is_one(told: object) -> None:
    scan = EventScan(None)
    scan.feed(event("error", error=told))
    assert (scan.ended, scan.error) == (True, "api_error")


@pytest.mark.parametrize(
    "data", [b"data: {message_\n\n", b'data: [1, "message_"]\n\n', b'data: {"type":["error"]}\n\n']
)
def test_what_cannot_be_read_tells_nothing(data: bytes) -> None:
    scan = EventScan(None)
    assert relayed(scan, [data]) == data
    assert (scan.ended, scan.usage, scan.stop_reason) == (False, {}, None)


def test_every_event_is_shown_where_somebody_looks() -> None:
    seen: list[Mapping[str, Any]] = []
    EventScan(None, on_event=seen.append).feed(start() + rest())
    assert [value["type"] for value in seen] == [
        "message_start",
        "ping",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_token_counts() -> None:
    assert token_counts({"input_tokens": 1, "x": True, "y": None, "z": {"a": 1}}) == {
        "input_tokens": 1
    }
    assert token_counts([1]) == {}


def test_counts_below_zero_are_none() -> None:
    assert token_counts({"input_tokens": -5, "output_tokens": 0, "x": True}) == {"output_tokens": 0}


def test_counts_beyond_belief_are_none() -> None:
    usage = {"input_tokens": 10**12, "output_tokens": 10**12 + 1, "x": 2**63}
    assert token_counts(usage) == {"input_tokens": 10**12}


@pytest.mark.parametrize(
    ("details", "told"),
    [
        ({"thinking_tokens": 7, "x": "y"}, {"output_tokens_details": {"thinking_tokens": 7}}),
        ({"thinking_tokens": -7}, {}),
        ([7], {}),
        (None, {}),
    ],
)
def test_reasoning_is_counted(details: object, told: dict[str, object]) -> None:
    usage = {"output_tokens": 9, "output_tokens_details": details}
    assert token_counts(usage) == {"output_tokens": 9, **told}


def written(value: object) -> str:
    return f"data: {json.dumps(value)}\n\n"


MESSAGE = {"id": "m1", "model": "up-model", "usage": USAGE}
STOPPED = {"delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}}
FAILED = {"type": "error", "error": {"type": "overloaded_error", "message": "m"}}
TELLING = [
    written({"type": "message_start", "message": MESSAGE}),
    written({"type": "message_start", "message": {"model": "other", "usage": {"input_tokens": 5}}}),
    written({"type": "content_block_start", "index": 0, "content_block": {"type": "text"}}),
    written({"type": "content_block_start", "index": 0, "content_block": {"type": "text"}}),
    written({"type": "message_delta", **STOPPED}),
    written({"type": "message_delta", **STOPPED}).replace("age_d", "ag\\u0065_d"),
    written({"type": "message_stop"}),
    written({"type": "message_stop"}).replace("message", "\\u006dessage"),
    written(FAILED),
    written(FAILED).replace("error", "err\\u006Fr"),
    written({"type": "message_stop"}).replace(', "', ',\ndata: "').replace(": ", ":\ndata: "),
    written({"type": "message_stop"}).replace("_stop", "_st\ndata: op"),
]
ODD = [
    written({"type": "content_block_delta", "delta": {"text": '"message_stop" "error" \\u006d'}}),
    written({"type": "content_block_stop", "of": "message_stop", "error": {"type": "x"}}),
    *(written("message_stop"), written([]), written({}), written({"type": ["error"]})),
    *(": message_stop\n\n", "event: message_stop\n\n", "data\n\n", "\n", "\n\n\n", "event: mess"),
    *('data: {"type":"message_stop"}\n', 'data: {"type":"error"}}\n\n', 'data: {"type":'),
]
DELTA = written(
    {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "a \u00e9"}}
)
PIECES = st.one_of(
    st.sampled_from(TELLING),
    st.sampled_from(ODD),
    st.builds(lambda count: DELTA * count, st.integers(1, 30)),
)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Events in any order, most with the same line end everywhere."""
    ends = st.sampled_from(["\n", "\r\n", "\r"])
    end = draw(ends)
    strange = draw(st.booleans())
    pieces = draw(st.lists(PIECES, max_size=14))
    return "".join(
        [piece.replace("\n", draw(ends) if strange else end) for piece in pieces]
    ).encode()


def events_in(data: bytes) -> tuple[list[Any], bool]:
    """What the data of all events says, one by one, and whether the last was not ended."""
    *lines, last = re.split(rb"\r\n|\n|\r", data)
    values, held = [], []
    for line in (*lines, last, b""):
        if line.startswith(b"data:"):
            held.append(line[5:])
        elif not line and held:
            with suppress(ValueError):
                values.append(json.loads(b"\n".join(held)))
            held = []
    # The end of a line is not the end of its event.
    return values, bool(last or lines[-1:] > [b""])


def told(values: Iterable[Any]) -> dict[str, Any]:
    """The plain way: each event decoded, in order."""
    found: dict[str, Any] = {"ended": False, "error": None, "reason": None, "usage": {}}
    found["content"] = False
    for value in values:
        kind = value.get("type") if isinstance(value, dict) else None
        if kind == "message_start":
            found["usage"] |= value["message"]["usage"]
        elif kind == "message_delta":
            found["usage"] |= value["usage"]
            found["reason"] = value["delta"]["stop_reason"]
        elif kind in ("message_stop", "error"):
            found["ended"] = True
            if kind == "error":
                found["error"] = value.get("error", {}).get("type", "api_error")
        elif isinstance(kind, str) and kind.startswith("content_block_"):
            found["content"] = True
    return found


def renamed(values: Iterable[Any], model: str) -> list[Any]:
    """The events with ``model`` in the first that starts a message before there is content."""
    copies: list[Any] = copy.deepcopy(list(values))
    for value in copies:
        kind = str(value.get("type")) if isinstance(value, dict) else ""
        if kind.startswith("content_block_"):
            break
        if kind == "message_start":
            value["message"]["model"] = model
            break
    return copies


@settings(max_examples=400)
@given(
    streams(),
    st.lists(st.integers(0, 9000), max_size=12),
    st.sampled_from([None, "client"]),
    st.sampled_from([False, False, True]),
)
def test_a_stream_tells_what_each_of_its_events_tells(
    data: bytes, places: list[int], model: str | None, shown: bool
) -> None:
    values, inside = events_in(data)
    seen: list[Mapping[str, Any]] = []
    scan = EventScan(model, on_event=seen.append if shown else None)
    sent = b"".join(scan.feed(read) for read in cut_at(data, places))
    assert scan.inside_event == inside
    sent += scan.finish()
    typed = [v for v in values if isinstance(v, dict) and isinstance(v.get("type"), str)]
    assert seen == (typed if shown else [])
    if model is None:
        assert sent == data
    else:
        assert events_in(sent)[0] == renamed(values, model)
    assert told(values) == {
        "ended": scan.ended,
        "error": scan.error,
        "reason": scan.stop_reason,
        "usage": scan.usage,
        "content": scan.content_seen,
    }
