"""Canaries in every request, setting and refusal, while exchanges are recorded.

No key is in a recording, whichever upstream repeats it where; prompts are, and stay out of the log.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from proxy.cli.replay.recorded import Unusable, read_recording
from proxy.cli.replay.run import replay
from tests.security.canaries import KEYS, NAMES, PLANTED, WORDS
from tests.security.test_canaries import MODES, found, play, run


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.long
def test_no_key_is_in_a_recording(mode: str, tmp_path: Path) -> None:
    recordings = tmp_path / "recordings"
    environ = {"CLAUDE_PROXY_RECORD": str(recordings)}
    with run(MODES[mode], "info, text", tmp_path, **environ) as running:
        play(running)
        lines = [(line, line.encode()) for line in running.lines()]
    # The service has ended, so all is written.
    paths = sorted(recordings.iterdir())
    held = [(path.name, path.read_bytes()) for path in paths]
    assert len(held) > len(running.told)
    assert found((*KEYS, "bystanders-own-key"), held) == []
    assert found([WORDS["prompt"]], held) != []
    assert found((*PLANTED, *NAMES.values()), lines) == []
    assert {path.stat().st_mode & 0o777 for path in paths} == {0o600}
    assert [path.name for path in paths if not _is_well_formed(path)] == []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.long
def test_each_recording_without_a_masked_body_replays(mode: str, tmp_path: Path) -> None:
    recordings = tmp_path / "recordings"
    with run(MODES[mode], "info, text", tmp_path, CLAUDE_PROXY_RECORD=str(recordings)) as running:
        play(running)
    differing = {}
    for path in sorted(recordings.iterdir()):
        try:
            recorded = read_recording(path)
        except Unusable:
            continue
        # A masked key is another one than the upstream repeated or the proxy refused.
        told = recorded.masked or (recorded.answer["status"] == 401 and not recorded.calls)
        if not told and (differences := replay(recorded).differences):
            differing[path.name] = differences
    assert differing == {}


def _is_well_formed(path: Path) -> bool:
    events = [json.loads(line)["event"] for line in path.read_bytes().splitlines()]
    return (events[0], events[-1]) == ("recording", "done")


@pytest.mark.long
def test_a_directory_that_cannot_be_used_any_more_fails_no_request(tmp_path: Path) -> None:
    recordings = tmp_path / "recordings"
    environ = {"CLAUDE_PROXY_RECORD": str(recordings)}
    with run(MODES["fixed key"], "info, text", tmp_path, **environ) as running:
        recordings.touch()
        for _ in range(2):
            running.look_around()
        running.proxy.logged("recordings are incomplete: file exists")
        assert {data[9:12] for _, data in running.overheard} == {b"200", b"400"}
