"""The places of the repository that tests read."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests"
DEPLOY = ROOT / "deploy"
DOCS = ROOT / "docs"
GOLDEN = TESTS / "golden"
