"""Every rule of the specification has tests that hold it, or a reason why it has none.

``tests/rules.toml`` names them. Nothing here can tell whether a test would notice that its rule is
broken; it tells that no row was forgotten, that no row is gone and that every test exists.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import pytest

from tests.parts import COLLECTED
from tests.paths import TESTS

DOCS = TESTS.parent / "docs"
RULES: Mapping[str, Mapping[str, Any]] = tomllib.loads((TESTS / "rules.toml").read_text("utf-8"))
EDGE = "edge"
SECTIONS = ("1", "2", "3", "4", "5", "6", "7", "9", "10", "11", "12")
"""Of docs/protocol.md. Section 8, direct mode, is a relay of bytes and has tests of its own."""
REASONS = {"superseded", "optional", "later", "decided", "fact"}

_HEADING = re.compile(r"#{2,4} (\d+(?:\.\d+)*) ")
_SENTENCE_END = re.compile(r"(?<=\.) (?=[A-Z`*\"])")
_EDGE_RULE = re.compile(r"(\d+[a-f]?)\. ")
_CONTINUED = re.compile(r"(?!$|[|#]|- |\d+[a-f]?\. )")
_DECISION = re.compile(r"^- \*\*(.+?)\*\*", re.MULTILINE)


class Row(NamedTuple):
    """A row of a table, a numbered item, a bullet or a sentence of docs/protocol.md."""

    section: str
    text: str


class Entry(NamedTuple):
    """What rules.toml says of one rule."""

    section: str
    key: str
    tests: tuple[str, ...]
    reasons: Mapping[str, str]


def protocol_rows() -> list[Row]:
    lines = _unwrapped("protocol.md")
    section, rows = "", []
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        heading = _HEADING.match(line)
        if line.startswith("#"):
            section = heading[1] if heading else ""
        elif section.partition(".")[0] in SECTIONS:
            rows += [Row(section, text) for text in _texts(line.strip(), following)]
    return rows


def _unwrapped(document: str) -> list[str]:
    """The lines of ``document``, each paragraph and each list item joined to one line."""
    lines: list[str] = []
    for line in (DOCS / document).read_text("utf-8").splitlines():
        if lines and _is_prose(lines[-1]) and _CONTINUED.match(line):
            lines[-1] += f" {line.strip()}"
        else:
            lines.append(line)
    return lines


def _is_prose(line: str) -> bool:
    return line != "" and not line.startswith(("|", "#"))


def _texts(line: str, following: str) -> Iterator[str]:
    if line.startswith("|"):
        heads_a_table = following.startswith("|--")
        if not heads_a_table and not line.startswith("|--"):
            yield " | ".join(cell.strip() for cell in line.strip("|").split(" | "))
    elif line.startswith("- ") or re.match(r"\d+\. ", line):
        yield line
    elif line:
        yield from _SENTENCE_END.split(line)


def edge_rules() -> list[tuple[str, str]]:
    """Each rule of docs/edge-cases.md: its number and its line."""
    lines = _unwrapped("edge-cases.md")
    first = next(index for index, line in enumerate(lines) if line.startswith("### A. "))
    return [(rule[1], line) for line in lines[first:] if (rule := _EDGE_RULE.match(line))]


def entries() -> list[Entry]:
    return [
        Entry(
            section,
            key,
            tuple(value if isinstance(value, list) else value.get("tests", ())),
            {} if isinstance(value, list) else {k: v for k, v in value.items() if k != "tests"},
        )
        for section, rules in RULES.items()
        for key, value in rules.items()
    ]


ENTRIES = entries()


def named(entry: Entry, rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row.section == entry.section and row.text.startswith(entry.key)]


def test_the_documents_are_read_to_their_ends() -> None:
    rows = protocol_rows()
    assert {row.section.partition(".")[0] for row in rows} == set(SECTIONS)
    assert len(rows) > 200
    assert rows[-1].text.startswith("A refusal names a field by")
    # Rules 1 to 220, 42a, and 95a to 95f.
    assert len(edge_rules()) == len(dict(edge_rules())) == 220 + 7


def test_every_row_of_the_protocol_has_an_entry() -> None:
    rows = protocol_rows()
    held = {row for entry in ENTRIES for row in named(entry, rows)}
    assert [f"{row.section}: {row.text[:80]}" for row in rows if row not in held] == []


def test_every_edge_rule_has_an_entry_in_the_order_of_the_rules() -> None:
    assert [entry.key for entry in ENTRIES if entry.section == EDGE] == list(dict(edge_rules()))


def test_every_entry_names_one_row() -> None:
    rows = protocol_rows()
    found = {
        f"{entry.section}: {entry.key}": len(named(entry, rows))
        for entry in ENTRIES
        if entry.section != EDGE
    }
    assert {key: rows for key, rows in found.items() if rows != 1} == {}


def test_every_entry_has_tests_or_a_reason() -> None:
    empty = [e.key for e in ENTRIES if not e.tests and not any(e.reasons.values())]
    unknown = [e.key for e in ENTRIES if not e.reasons.keys() <= REASONS]
    assert (empty, unknown) == ([], [])


def test_a_superseded_rule_refers_to_the_rule_that_holds() -> None:
    rules = dict(edge_rules())
    superseded = {
        e.key: e.reasons["superseded"].partition(": ")[0]
        for e in ENTRIES
        if e.section == EDGE and "superseded" in e.reasons
    }
    assert {"9", "92", "141"} < superseded.keys()
    assert {key for key, rule in superseded.items() if f"({rule})" not in rules[key]} == set()
    assert {key for key, text in rules.items() if "(protocol.md " in text} <= superseded.keys()


def test_every_decision_named_is_in_the_document() -> None:
    titles = set(_DECISION.findall((DOCS / "decisions.md").read_text("utf-8")))
    named_titles = {entry.reasons["decided"] for entry in ENTRIES if "decided" in entry.reasons}
    assert named_titles - titles == set()


def test_every_test_named_exists(request: pytest.FixtureRequest) -> None:
    wanted = {name for entry in ENTRIES for name in entry.tests}
    collected = request.config.stash[COLLECTED]
    missing = _missing(wanted, collected)
    if missing:
        # Only some of the tests run now: ask pytest what there is in the files in question.
        missing = _missing(missing, _collected({name.partition("::")[0] for name in missing}))
    assert sorted(missing) == []


def _missing(wanted: Iterable[str], node_ids: Iterable[str]) -> set[str]:
    nodes = [node_id.removeprefix("tests/") for node_id in node_ids]
    return {name for name in wanted if not any(_belongs(node, name) for node in nodes)}


def _belongs(node: str, name: str) -> bool:
    """Whether ``node`` is the test ``name``, one of its cases, or begins as that case does."""
    if not node.startswith(name):
        return False
    return "[" in name or node == name or node[len(name) :].startswith(("[", "::"))


def _collected(files: Iterable[str]) -> list[str]:
    there = [f"tests/{name}" for name in sorted(files) if (TESTS / name).is_file()]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "--collect-only",
            "-q",
            "--part=all",
            "-p",
            "no:cacheprovider",
            *there,
        ],
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    return done.stdout.splitlines()
