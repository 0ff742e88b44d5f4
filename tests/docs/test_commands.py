"""Every command of the documents is one that works: those in ``sh`` blocks, and those in the text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.markdown import DOCUMENTS, blocks, cells, name, prose
from tests.docs.programs import is_variable, problems
from tests.docs.shell import Command, commands
from tests.paths import DOCS, ROOT

GUIDES = [
    ROOT / "README.md",
    *(DOCS / f"{one}.md" for one in ("clients", "deployment", "providers", "switching")),
]
"""Documents for users, whose text may name nothing that is not there."""
LANGUAGES = {"sh", "python", "js", "json", "yaml", ""}
"""A block of any other language would be one that no test reads."""
_COMMAND = re.compile(
    r"(?:[A-Z_]+=\S+ )*(?:claude-proxy|make|docker|uv|uvx|pipx|kubectl|curl|python -m proxy)(?: .*)?"
)
_VARIABLE = re.compile(r"\b(?:CLAUDE_PROXY|ROUTER|OPENAI)_[A-Z_]+[A-Z]")
FRAGMENTS = {"docker compose down", "make", "docker --env-file", "kubectl", "uv run", "docker"}
"""Names of commands, not commands."""
WITHOUT_TABLE = {"CLAUDE_PROXY_RATE_LIMIT"}


def _fenced() -> Iterator[object]:
    for path in DOCUMENTS:
        for block in blocks(path):
            if block.language == "sh":
                for number, command in enumerate(commands(block.code), 1):
                    yield pytest.param(command, id=f"{block}.{number} {command.program}")


def _written(path: Path) -> Iterator[str]:
    """Code in the text; in tables of other proxies' commands the first column is theirs."""
    for line in prose(path).splitlines():
        text = " ".join(cells(line)[1:]) if line.startswith("|") else line
        if line.startswith("|") and path.stem != "switching":
            text = line
        yield from re.findall(r"`([^`]+)`", text)


def _inline() -> Iterator[object]:
    for path in GUIDES:
        found = {code for code in _written(path) if _COMMAND.fullmatch(code)} - FRAGMENTS
        for code in sorted(found):
            yield pytest.param(code, id=f"{name(path)} {code}")


@pytest.mark.parametrize("command", list(_fenced()))
def test_a_command_of_a_block_works(command: Command) -> None:
    assert problems(command) == [], command.line


@pytest.mark.parametrize("code", list(_inline()))
def test_a_command_in_the_text_works(code: str) -> None:
    assert [problem for command in commands(code) for problem in problems(command)] == []


@pytest.mark.parametrize("path", GUIDES, ids=name)
def test_variables_in_the_text_exist(path: Path) -> None:
    named = set(_VARIABLE.findall(path.read_text("utf-8"))) - WITHOUT_TABLE
    assert {variable for variable in named if not is_variable(variable)} == set()


@pytest.mark.parametrize("path", GUIDES, ids=name)
def test_every_block_is_read_by_a_test(path: Path) -> None:
    assert {block.language for block in blocks(path)} - LANGUAGES == set()


@pytest.mark.parametrize(
    "code",
    [
        "claude-proxy --no-such-option",
        "claude-proxy no-such-command",
        "make no-such-target",
        "NO_SUCH_VARIABLE=1 claude-proxy",
        "curl http://127.0.0.1:8085/no/such/path",
        "docker run claude-proxy --no-such-option",
        "docker compose --file deploy/none.yaml up",
        "python -m proxy --no-such-option",
        "frobnicate",
    ],
)
def test_a_mistake_is_found(code: str) -> None:
    assert [problem for command in commands(code) for problem in problems(command)] != []
