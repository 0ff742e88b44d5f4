"""A bare environment for the command, as in tests/cli/test_main.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.variables.table import VARIABLES


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in VARIABLES:
        for name in variable.names:
            monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
