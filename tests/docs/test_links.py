"""Every link and picture of the documents resolves: files, headings, no address of a machine."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.docs.markdown import DOCUMENTS, anchors, links, name
from tests.paths import ROOT

MACHINE = re.compile(r"(?<![\w.])/(?:home|root|work|tmp/wt|Users)/\w")
"""Paths that exist on one machine only."""


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_links_resolve(document: Path) -> None:
    found = {link: _problem(document, link) for link in links(document)}
    assert {link: problem for link, problem in found.items() if problem} == {}


def _problem(document: Path, link: str) -> str:
    url = urlsplit(link)
    if url.scheme in ("http", "https"):
        return "" if "." in url.netloc or url.hostname == "localhost" else "no host"
    target = (document.parent / url.path).resolve() if url.path else document
    if url.scheme or not target.exists() or not target.is_relative_to(ROOT):
        return "no such file"
    if url.fragment and (target.suffix != ".md" or url.fragment not in anchors(target)):
        return "no such heading"
    return ""


@pytest.mark.parametrize(
    ("link", "problem"),
    [
        ("docs/none.md", "no such file"),
        ("docs/endpoints.md#none", "no such heading"),
        ("../elsewhere.md", "no such file"),
        ("docs/endpoints.md#upstreams-that-the-path-names", ""),
        ("http://nowhere/", "no host"),
    ],
)
def test_what_is_a_problem(link: str, problem: str) -> None:
    assert _problem(ROOT / "README.md", link) == problem


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_no_path_of_a_machine(document: Path) -> None:
    assert MACHINE.findall(document.read_text("utf-8")) == []


def test_each_document_is_reached_from_the_readme() -> None:
    reached = {(ROOT / link.partition("#")[0]).resolve() for link in links(ROOT / "README.md")}
    documents = {path.resolve() for path in (ROOT / "docs").glob("*.md")}
    assert documents - reached == set()
