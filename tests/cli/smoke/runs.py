"""One run of ``claude-proxy smoke`` in this process, with its report as values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from proxy.cli.main import main
from tests.cli.smoke.messages_server import MessagesServer, served


@dataclass(frozen=True)
class Run:
    """What the command said."""

    code: int
    report: Mapping[str, Any]
    errors: str

    def row(self, check: str, model: str | None = None) -> Mapping[str, Any]:
        found: list[Mapping[str, Any]] = [
            row
            for row in self.report["checks"]
            if row["check"] == check and model in (None, row["model"])
        ]
        assert len(found) == 1, found
        return found[0]

    def said(self, check: str, model: str | None = None) -> str:
        """``RESULT: NOTE`` of a check."""
        row = self.row(check, model)
        return f"{row['result']}: {row['note']}"

    @property
    def results(self) -> dict[str, str]:
        """The result of each check; for runs with one model."""
        return {row["check"]: row["result"] for row in self.report["checks"]}


def smoke(capsys: pytest.CaptureFixture[str], *arguments: str) -> Run:
    """Run the command with ``--json``."""
    capsys.readouterr()
    code = main(["smoke", "--json", *arguments])
    shown = capsys.readouterr()
    return Run(code, json.loads(shown.out), shown.err)


def run(capsys: pytest.CaptureFixture[str], server: MessagesServer, *arguments: str) -> Run:
    """Run the command against a scripted Messages API."""
    with served(server) as stub:
        return smoke(capsys, stub.origin, *arguments)
