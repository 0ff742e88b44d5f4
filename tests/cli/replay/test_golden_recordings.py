"""Recordings that are kept: each file of tests/golden/recordings replays without a difference.

A file that a user attached to a report is put there as it is. What the present code deliberately does
differently is recorded again.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.cli.replay.recorded import read_recording
from proxy.cli.replay.run import replay
from tests.paths import GOLDEN

FILES = sorted((GOLDEN / "recordings").glob("*.jsonl"))


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_it_replays_without_a_difference(file: Path) -> None:
    assert replay(read_recording(file)).differences == []


def test_there_are_some() -> None:
    assert len(FILES) >= 3
