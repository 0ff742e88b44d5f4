"""The files of recordings: their number and size, and what a bad disk does."""

from __future__ import annotations

import gzip
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from proxy.telemetry.recording.directory import RecordingDirectory, file_name
from proxy.telemetry.recording.file import RecordingFile
from proxy.telemetry.recording.format import SLICE_CHARS
from proxy.telemetry.recording.masking import Secrets
from proxy.telemetry.recording.writer import RecordingWriter

START = {"event": "recording", "t": 0.0}
DONE = {"event": "done", "t": 9.0}


def piece(text: bytes, call: int = 1) -> dict[str, Any]:
    return {"event": "piece", "t": 1.0, "call": call, "data": text}


def written(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def recording(number: int, most_bytes: int = 1000) -> RecordingFile:
    name = file_name(1_700_000_000 + number, f"req_{number}")
    return RecordingFile(name, Secrets(["secret-key"]), most_bytes)


def test_names_are_in_the_order_of_their_times() -> None:
    assert file_name(1_700_000_000.25, "req_a") == "20231114T221320.250000Z-req_a.jsonl"


def test_the_oldest_recordings_are_removed_and_other_files_are_kept(tmp_path: Path) -> None:
    directory = RecordingDirectory(str(tmp_path), most_files=3)
    (tmp_path / "notes.jsonl").write_text("mine")
    for number in range(5):
        recording(number).write(directory, [START, DONE])
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [*(recording(number).name for number in (2, 3, 4)), "notes.jsonl"]


def test_the_recordings_together_have_a_largest_size(tmp_path: Path) -> None:
    directory = RecordingDirectory(str(tmp_path))
    for number in range(4):
        recording(number).write(directory, [START, piece(b"x" * 500)])
    other = RecordingDirectory(str(tmp_path), most_bytes=1300)
    recording(4).write(other, [START])
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [recording(number).name for number in (2, 3, 4)]


def test_what_was_removed_meanwhile_is_not_begun_again(tmp_path: Path) -> None:
    directory, file = RecordingDirectory(str(tmp_path)), recording(1)
    file.write(directory, [START])
    (tmp_path / file.name).unlink()
    with pytest.raises(FileNotFoundError):
        file.write(directory, [DONE])
    assert list(tmp_path.iterdir()) == []


def test_a_long_recording_is_truncated_and_says_so(tmp_path: Path) -> None:
    file = recording(1)
    file.write(RecordingDirectory(str(tmp_path)), [START, piece(b"x" * 990), piece(b"y"), DONE])
    assert [event["event"] for event in written(tmp_path / file.name)] == [
        "recording",
        "truncated",
        "done",
    ]


def test_pieces_are_masked_across_reads_and_written_as_text_or_base64(tmp_path: Path) -> None:
    file = recording(1)
    events = [START, piece(b"a secr"), piece(b"et-key \xff"), piece(b"sec", 2)]
    end = {"event": "end", "t": 2.0, "call": 2}
    file.write(RecordingDirectory(str(tmp_path)), [*events, end])
    assert written(tmp_path / file.name)[1:] == [
        {"event": "piece", "t": 1.0, "call": 1, "text": "a "},
        {"event": "piece", "t": 1.0, "call": 1, "base64": "KioqIP8="},
        {"event": "piece", "t": 2.0, "call": 2, "text": "sec"},
        end,
    ]


@pytest.mark.parametrize(
    ("body", "members"),
    [
        # Named, because the time is in the bytes and every process collects the tests itself.
        pytest.param(
            gzip.compress(b"my secret-key"), {"text": "my ***", "masked": True}, id="gzip"
        ),
        pytest.param(b"secret-key, not gzip", {"text": "", "unreadable": True}, id="not gzip"),
    ],
)
def test_a_compressed_body(body: bytes, members: dict[str, Any], tmp_path: Path) -> None:
    file = recording(1)
    sent = {"event": "request", "t": 0.0, "encoding": "gzip", "data": body}
    file.write(RecordingDirectory(str(tmp_path)), [sent])
    base = {"event": "request", "t": 0.0, "encoding": "gzip"}
    assert written(tmp_path / file.name) == [base | members]


def test_a_body_in_a_compression_that_is_not_known_is_not_recorded(tmp_path: Path) -> None:
    sent = {"event": "request", "t": 0.0, "encoding": "br", "data": b"secret in some way"}
    file = recording(1)
    file.write(RecordingDirectory(str(tmp_path)), [sent])
    assert [(event["text"], event["unreadable"]) for event in written(tmp_path / file.name)] == [
        ("", True)
    ]


def test_a_long_text_is_one_line(tmp_path: Path) -> None:
    text = ('"é\n\\' * SLICE_CHARS)[: 2 * SLICE_CHARS + 7]
    file = recording(1, most_bytes=1 << 24)
    file.write(RecordingDirectory(str(tmp_path)), [piece(text.encode()), DONE])
    assert [event.get("text") for event in written(tmp_path / file.name)] == [text, None]


def test_an_event_that_cannot_be_written_stops_no_other_recording(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writer = RecordingWriter(RecordingDirectory(str(tmp_path)), most_waiting=2000)
    for number in range(20):
        assert writer.put(recording(number), {"event": "head", "t": 0.0, "status": 1 << 70})
        assert writer.flush(30)
    whole = recording(20)
    assert writer.put(whole, START)
    assert writer.flush(30)
    writer.close()
    assert [path.name for path in tmp_path.iterdir()] == [whole.name]
    messages = [record.getMessage() for record in caplog.records]
    assert messages[0] == "recordings are incomplete: an event cannot be written: TypeError"


def test_a_compressed_body_that_is_too_long_truncates_it(tmp_path: Path) -> None:
    file = recording(1)
    body = gzip.compress(b"x" * 100_000)
    sent = {"event": "request", "t": 0.0, "encoding": "gzip", "data": body}
    file.write(RecordingDirectory(str(tmp_path)), [sent, DONE])
    assert [event["event"] for event in written(tmp_path / file.name)] == ["truncated", "done"]


def test_a_slow_disk_loses_events_and_delays_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    release = threading.Event()

    class Slow(RecordingDirectory):
        def create(self, name: str, data: bytes) -> None:
            release.wait(30)
            super().create(name, data)

    writer = RecordingWriter(Slow(str(tmp_path)), most_waiting=2000)
    file = recording(1)
    put = [writer.put(file, piece(b"x" * 100)) for _ in range(8)]
    assert (put[0], put[-1]) == (True, False)
    assert writer.lost == put.count(False)
    release.set()
    assert writer.flush(30)
    writer.close()
    messages = [record.getMessage() for record in caplog.records]
    reason = "they are not written as fast as they arrive"
    assert messages == [
        f"recordings are incomplete: {reason}",
        f"recordings: {writer.lost} events were lost ({reason})",
    ]


def test_a_directory_that_cannot_be_written_fails_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    writer = RecordingWriter(RecordingDirectory(str(tmp_path / "file" / "below")))
    for number in range(3):
        assert writer.put(recording(number), START)
        assert writer.flush(30)
    writer.close()
    messages = [record.getMessage() for record in caplog.records]
    assert messages == [
        "recordings are incomplete: not a directory",
        "recordings: 3 events were lost (not a directory)",
    ]
