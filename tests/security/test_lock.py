"""The lock file is the one that was reviewed, and SECURITY.md names what there is."""

from __future__ import annotations

import re

from tests.paths import ROOT

LOCK = (ROOT / "deploy" / "requirements.lock").read_text("utf-8")
SECURITY = (ROOT / "SECURITY.md").read_text("utf-8")
PACKAGE = re.compile(r"(?m)^([a-z0-9-]+)==([^\s;\\]+)")
ROW = re.compile(r"(?m)^\| ([a-z0-9-]+) \| ([\d., b]+) \| [^|]+ \| [^|]+ \|$")


def test_every_package_was_reviewed_in_its_version() -> None:
    locked: dict[str, list[str]] = {}
    for name, version in PACKAGE.findall(LOCK):
        locked.setdefault(name, []).append(version)
    reviewed = {name: versions.split(", ") for name, versions in ROW.findall(SECURITY)}
    assert reviewed == locked
    assert re.search(r"Reviewed on 20\d\d-\d\d-\d\d", SECURITY)


def test_every_package_has_a_hash() -> None:
    entries = re.split(r"(?m)^(?=[a-z0-9-]+==)", LOCK)[1:]
    assert entries
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_the_tests_that_are_named_are_there() -> None:
    named = set(re.findall(r"`(tests/[\w/]+\.py)`", SECURITY))
    assert len(named) > 15
    assert [path for path in named if not (ROOT / path).is_file()] == []
