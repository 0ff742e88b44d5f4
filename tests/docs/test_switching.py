"""docs/switching.md: each name of the older proxies has a row, and what is said of ours is true."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from config.settings import load_settings
from config.variables.table import VARIABLES
from proxy.api.declaration import described
from proxy.app import create_app
from tests.docs.markdown import cells
from tests.paths import DOCS

SWITCHING = DOCS / "switching.md"
OLDER = tomllib.loads(Path(__file__).with_name("older.toml").read_text("utf-8"))
FOREIGN = re.compile(r"^(GO|ANTHROPIC|DEEPSEEK|CLAUDE_CODE)")
"""Variables of other programs."""


def _rows(section: str) -> list[list[str]]:
    """The rows of one section's table."""
    text = SWITCHING.read_text("utf-8").partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return [cells(line) for line in text.splitlines() if line.startswith("|")][2:]


def _code(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


@pytest.mark.parametrize("section", OLDER)
def test_every_name_has_a_row(section: str) -> None:
    named = {name for row in _rows(section) for name in _code(row[0])}
    wanted = [name for kind in OLDER[section].values() for name in kind]
    assert [name for name in wanted if name not in named] == []


@pytest.mark.parametrize("section", OLDER)
def test_every_row_says_what_is_ours(section: str) -> None:
    assert [row for row in _rows(section) if len(row) != 3 or not row[1]] == []


@pytest.mark.parametrize("section", OLDER)
def test_names_that_stay_the_same_are_ours(section: str) -> None:
    """A row that says "the same" names a variable that is read, or an endpoint that answers."""
    variables = {name for variable in VARIABLES for name in variable.names}
    app = create_app(load_settings({}))
    endpoints = {f"{one.method} {one.path}" for one in described(app.url_map)}
    wrong = [
        name
        for row in _rows(section)
        if row[1].startswith("the same")
        for name in _code(row[0])
        if (re.fullmatch(r"[A-Z][A-Z_]+", name) and name not in variables)
        or (re.match(r"(GET|POST) ", name) and name not in endpoints)
    ]
    assert [name for name in wrong if not FOREIGN.match(name)] == []


def test_what_is_ours_is_a_variable_that_is_read() -> None:
    variables = {name for variable in VARIABLES for name in variable.names}
    rows = [row for section in ("For all of them", *OLDER) for row in _rows(section)]
    named = {
        name
        for row in rows
        for code in _code(" ".join(row[1:]))
        for name in re.findall(r"(?<![\w<])[A-Z][A-Z]*_[A-Z_]+(?![\w.>])", code)
    }
    assert sorted(name for name in named - variables if not FOREIGN.match(name)) == []
    assert len(named) > 20


def test_a_statement_about_a_default_is_true() -> None:
    settings = load_settings({})
    assert (settings.port, settings.log_level, settings.request_timeout) == (8085, "INFO", 300)
    assert (settings.max_tokens_limit, settings.min_tokens_limit) == (None, None)
    assert (settings.default_max_tokens, settings.log_body_max_chars) == (None, 0)
    assert settings.log_stream_text_preview_chars == 0
    assert settings.allowed_hosts == ()
