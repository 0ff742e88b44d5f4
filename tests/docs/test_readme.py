"""The README is short, and the index page has no link that leads nowhere.

Words are counted as ``wc -w`` does: everything between white space, code, tables and addresses too.
"""

from __future__ import annotations

import configparser
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from config.variables.table import VARIABLES
from tests.docs.generated import renewed
from tests.docs.markdown import links, tables
from tests.paths import DOCS, ROOT

README = ROOT / "README.md"
MOST_WORDS = 1000
MOST_ROWS = 10
MOST_BYTES = 150_000
PICTURES = sorted((DOCS / "images").glob("*.svg"))


def test_the_readme_is_short() -> None:
    assert len(README.read_text("utf-8").split()) <= MOST_WORDS


def test_it_has_one_short_table_of_variables() -> None:
    found = [table for table in tables(README) if table[0][0] == "variable"]
    assert [len(table) - 1 for table in found] == [MOST_ROWS]
    known = {name for variable in VARIABLES for name in variable.names}
    named = re.findall(r"`([A-Z_]+)`", " ".join(row[0] for row in found[0]))
    assert set(named) - known == set()


def test_it_shows_both_pictures() -> None:
    shown = {link for link in links(README) if link.endswith(".svg")}
    assert shown == {path.relative_to(ROOT).as_posix() for path in PICTURES}


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.name)
def test_a_picture_is_small_and_says_what_it_shows(path: Path) -> None:
    text = path.read_text("utf-8")
    root = ElementTree.fromstring(text)
    title = root.find("{http://www.w3.org/2000/svg}title")
    assert len(text) <= MOST_BYTES
    assert title is not None
    assert title.text
    # A picture in a page on another host may load nothing, and a style of dark pages is its own.
    assert not re.search(r"(?:href|src)=|url\(|<script", text)


def test_the_terminals_show_the_demo_and_its_answer() -> None:
    root = ElementTree.parse(DOCS / "images" / "demo.svg")
    text = " ".join("".join(root.getroot().itertext()).split())
    for words in ("$ make demo", "Listening on", "ANTHROPIC_AUTH_TOKEN=any claude", "Claude Code"):
        assert words in text


def test_generated_sections_are_up_to_date() -> None:
    for path, text in renewed():
        assert path.read_text("utf-8") == text, "run: make docs"


def test_the_index_page_has_no_relative_links() -> None:
    """An index shows the long description without the repository, and no public address is known."""
    metadata = configparser.ConfigParser()
    metadata.read(ROOT / "setup.cfg")
    text = metadata["metadata"]["long_description"]
    assert "file:" not in text
    assert "claude-proxy init" in text
    targets = re.findall(r"\]\(([^)]*)\)|src=\"([^\"]*)", text)
    assert [
        one for target in targets for one in target if one and not one.startswith("https://")
    ] == []
