"""``claude-proxy replay FILE``: exit codes, and what it says of differences and of bad files."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from proxy.cli.main import main
from proxy.cli.replay.recorded import read_recording
from tests.paths import GOLDEN

TOOL_STREAM = GOLDEN / "recordings" / "stream_with_thinking_and_a_tool.jsonl"
FAILOVER = GOLDEN / "recordings" / "failover_after_a_429.jsonl"
WHOLE = GOLDEN / "recordings" / "whole_answer_after_healing.jsonl"

Change = Callable[[list[dict[str, Any]]], Any]


def changed(source: Path, target: Path, change: Change) -> Path:
    """A copy of the recording with ``change`` made to its events."""
    events = [json.loads(line) for line in source.read_bytes().splitlines()]
    change(events)
    target.write_text("".join(json.dumps(event) + "\n" for event in events), "utf-8")
    return target


def first(events: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    return next(event for event in events if event["event"] == kind)


def test_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(FAILOVER)]) == 0
    size = len(read_recording(FAILOVER).sent)
    assert capsys.readouterr() == (f"The same: 2 upstream calls, {size} bytes for the client\n", "")


def test_it_opens_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert main(["replay", str(FAILOVER)]) == 0


def test_the_events(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(TOOL_STREAM), "--events"]) == 0
    printed = capsys.readouterr().out
    names = [line.split()[1] for line in printed.splitlines() if line.startswith("event:")]
    assert (names[0], names[-1], "ping" in names) == ("message_start", "message_stop", False)
    assert '"partial_json":"{\\"path\\": \\"a"' in printed


def _other_request(events: list[dict[str, Any]]) -> None:
    call = first(events, "call")
    body = json.loads(call["text"])
    body["max_tokens"] = 7
    del body["tools"]
    call["text"] = json.dumps(body)


def _other_text(events: list[dict[str, Any]]) -> None:
    sent = [event for event in events if event["event"] == "sent"]
    for event in sent:
        event["text"] = event["text"].replace('"thinking":"Hmm, "', '"thinking":"Ha, "')


def _other_status(events: list[dict[str, Any]]) -> None:
    answer = first(events, "answer")
    answer["status"] = 201
    answer["headers"] = [pair for pair in answer["headers"] if pair[0] != "x-claude-proxy-route"]


def _one_call_more(events: list[dict[str, Any]]) -> None:
    events.insert(-1, first(events, "call") | {"call": 9, "text": "{}"})


def _one_call_less(events: list[dict[str, Any]]) -> None:
    number = max(event.get("call", 0) for event in events)
    events[:] = [event for event in events if event.get("call") != number]


@pytest.mark.parametrize(
    ("source", "change", "lines"),
    [
        pytest.param(
            TOOL_STREAM,
            _other_request,
            [
                "upstream call 1: body.max_tokens: 7 -> ",
                "upstream call 1: body.tools: absent -> ",
            ],
            id="what is sent",
        ),
        pytest.param(
            TOOL_STREAM,
            _other_text,
            ['answer: event 3.delta.thinking: "Ha, " -> "Hmm, "'],
            id="what the client gets",
        ),
        pytest.param(
            WHOLE,
            _other_status,
            ["answer: status 201 -> 200", "answer: header x-claude-proxy-route: absent -> "],
            id="status and headers",
        ),
        pytest.param(
            TOOL_STREAM,
            _one_call_more,
            ["upstream call 9: not made any more: POST http://"],
            id="a call less",
        ),
        pytest.param(
            WHOLE,
            _one_call_less,
            ["upstream call 2: not in the recording: POST http://", "answer: status 200 -> 502"],
            id="a call more",
        ),
    ],
)
def test_differences(
    source: Path,
    change: Change,
    lines: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = changed(source, tmp_path / "changed.jsonl", change)
    assert main(["replay", str(path)]) == 1
    out, err = capsys.readouterr()
    printed = out.splitlines()
    assert [line for line in lines if not any(each.startswith(line) for each in printed)] == []
    count = len(printed)
    plural = "s" * (count > 1)
    assert err == f"claude-proxy: {path}: {count} difference{plural} from the recording\n"


def _newer(events: list[dict[str, Any]]) -> None:
    events[0] |= {"version": 2, "program": "9.1.0"}


def _without(kind: str) -> Change:
    return lambda events: events.remove(first(events, kind))


BAD_FILES = [
    pytest.param(b"", "not a recording of claude-proxy", id="empty"),
    pytest.param(b'{"type": "message"}\n', "not a recording of claude-proxy", id="foreign"),
    pytest.param(b"\xff\x00\n\n", "not a recording of claude-proxy", id="binary"),
    pytest.param(TOOL_STREAM.read_bytes()[:-20], "cut in the middle of a line", id="cut"),
    pytest.param(
        TOOL_STREAM.read_bytes().replace(b'{"event":"piece"', b'{"event":piece"'),
        "damaged: line 7 is not an event",
        id="damaged",
    ),
    pytest.param(_newer, "its format is version 2, newer than this program's (1)", id="newer"),
    pytest.param(_without("done"), "has no end: the exchange was still running", id="no end"),
    pytest.param(_without("setup"), "damaged: it has no event 'setup'", id="no setup"),
    pytest.param(_without("call"), "damaged: an event has not the form of version 1", id="no call"),
    pytest.param(
        lambda events: events.insert(4, {"event": "truncated", "t": 1}),
        "truncated while it was recorded",
        id="truncated",
    ),
    pytest.param(
        lambda events: first(events, "setup").update(settings=7),
        "damaged: an event has not the form of version 1",
        id="settings that are none",
    ),
    pytest.param(
        lambda events: first(events, "route").update(candidates=[{}]),
        "damaged: an event has not the form of version 1",
        id="a route without members",
    ),
    pytest.param(
        lambda events: first(events, "answer").pop("t"),
        "damaged: an event has not the form of version 1",
        id="no time",
    ),
    pytest.param(
        lambda events: first(events, "head").update(t="soon"),
        "damaged: an event has not the form of version 1",
        id="a time that is none",
    ),
    pytest.param(
        lambda events: first(events, "route")["candidates"][0].update(resting_keys=["x"]),
        "damaged: an event has not the form of version 1",
        id="a place of a key that is none",
    ),
    pytest.param(
        lambda events: first(events, "setup")["registry"]["providers"][0].update(keys=10**9),
        "damaged: an event has not the form of version 1",
        id="more keys than memory holds",
    ),
    pytest.param(
        lambda events: events[0].update(version=2, program="\x1b[2J"),
        "its format is version 2, newer than this program's (1): replay it with claude-proxy"
        " \\x1b[2J or newer",
        id="control characters",
    ),
    pytest.param(
        lambda events: first(events, "head").update(status="x"),
        "damaged: an event has not the form of version 1",
        id="a status that is none",
    ),
]


@pytest.mark.parametrize(("content", "said"), BAD_FILES)
def test_a_file_that_cannot_be_replayed(
    content: bytes | Change, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.jsonl"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        changed(TOOL_STREAM, path, content)
    assert main(["replay", str(path)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"claude-proxy: {path}: {said}")
    assert err.count("\n") == 1


def test_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "none.jsonl"
    assert main(["replay", str(path)]) == 2
    said = f"claude-proxy: {path}: cannot be read: No such file or directory\n"
    assert capsys.readouterr().err == said


def test_members_and_events_that_are_not_known_are_ignored(tmp_path: Path) -> None:
    def later_version(events: list[dict[str, Any]]) -> None:
        events[0]["future"] = 1
        first(events, "setup")["settings"]["a_later_setting"] = True
        first(events, "setup")["registry"]["providers"][0]["a_later_member"] = {"x": 1}
        first(events, "call")["round"] = 2
        events.insert(3, {"event": "search", "t": 0.1, "query": "x"})

    path = changed(TOOL_STREAM, tmp_path / "later.jsonl", later_version)
    assert main(["replay", str(path)]) == 0


def test_a_setup_names_no_address_no_file_and_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("reports to an address of the file")

    monkeypatch.setattr("sentry_sdk.init", refuse)
    nobody = "http://127.0.0.1:9"

    def change(events: list[dict[str, Any]]) -> None:
        setup = first(events, "setup")
        setup["settings"].update(
            sentry_dsn=f"{nobody}/1",
            record=str(tmp_path / "record"),
            log_file=str(tmp_path / "log"),
            redis_url="redis://127.0.0.1:9",
            otel_endpoint=nobody,
            openai_api_key="sk-of-the-file",
            auth_keys=["front-key-of-the-file"],
            pid_file=str(tmp_path / "pid"),
        )
        for provider in (
            *setup["registry"]["providers"],
            *first(events, "route")["providers"],
        ):
            provider.update(ca_bundle=str(tmp_path), proxy=nobody, api_keys=["k"])

    path = changed(TOOL_STREAM, tmp_path / "hostile.jsonl", change)
    assert main(["replay", str(path)]) == 0
    assert [each.name for each in tmp_path.iterdir()] == ["hostile.jsonl"]


def test_control_characters_of_a_file_do_not_reach_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def change(events: list[dict[str, Any]]) -> None:
        first(events, "call").update(text='{"\x9b2J": "\u202e"}', url="http://\x1b[2J\n")

    assert main(["replay", str(changed(TOOL_STREAM, tmp_path / "a.jsonl", change))]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if not line.isprintable()] == []
    assert 'upstream call 1: body.\\x9b2J: "\\u202e" -> absent' in lines
