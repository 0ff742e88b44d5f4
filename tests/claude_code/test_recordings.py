"""What Claude Code asks and gets is recorded, replays byte-identical, and holds no credential."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from proxy.cli.replay.differences import without_pings
from proxy.cli.replay.recorded import read_recording
from proxy.cli.replay.run import replay
from tests.claude_code.client import ClaudeCode
from tests.claude_code.samples import DONE, assert_succeeded
from tests.claude_code.strict_upstream import Answer, StrictUpstream, ToolCall, steps
from tests.cli.replay.recording_service import is_complete
from tests.live import live_proxy
from tests.waiting import until

SERVER_KEY = "canary6001serverkey"
FRONT_KEY = "canary6002frontkey"
HEADER_KEY = "canary6003headerkey"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recorded") / "recordings"


@pytest.fixture(scope="module")
def recording_url(program: Path, strict_service: StrictUpstream, directory: Path) -> Iterator[str]:
    environ = {
        "OPENAI_BASE_URL": strict_service.url,
        "OPENAI_API_KEY": SERVER_KEY,
        "CLAUDE_PROXY_AUTH_KEY": FRONT_KEY,
        "CUSTOM_HEADER_X_TEAM_TOKEN": HEADER_KEY,
        "CLAUDE_PROXY_BIG_MODEL": "big-model",
        "CLAUDE_PROXY_MIDDLE_MODEL": "middle-model",
        "CLAUDE_PROXY_SMALL_MODEL": "small-model",
        "CLAUDE_PROXY_RECORD": str(directory),
    }
    with live_proxy(environ, workers=2) as running:
        yield running.url


def test_each_exchange_replays_byte_identical(
    program: Path,
    recording_url: str,
    directory: Path,
    upstream: StrictUpstream,
    tmp_path: Path,
) -> None:
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    client = ClaudeCode(program, recording_url, FRONT_KEY, home, work)
    target = work / "out.txt"
    upstream.play(
        steps(
            Answer(
                "Writing.",
                calls=(ToolCall("Write", {"file_path": str(target), "content": "häh? 🎉\n"}),),
            ),
            Answer(calls=(ToolCall("Bash", {"command": "echo one", "description": "say"}),)),
            DONE,
        )
    )
    assert_succeeded(client.run("write a file and say one"))
    paths = sorted(directory.glob("*.jsonl"))
    assert len(paths) >= 3
    for path in paths:
        until(partial(is_complete, path), f"{path} has no end")
        recorded = read_recording(path)
        replayed = replay(recorded)
        assert replayed.differences == []
        assert without_pings(replayed.sent_bytes) == without_pings(recorded.sent)
        text = path.read_text("utf-8")
        assert [key for key in (SERVER_KEY, FRONT_KEY, HEADER_KEY) if key in text] == []
    assert {read_recording(path).outcome for path in paths} == {"complete"}
