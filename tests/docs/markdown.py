"""What the tests read of a Markdown document: blocks of code, links, headings, tables.

Rule: no more of Markdown than these documents use; fences stand at the beginning of a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.paths import DOCS, ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md"), ROOT / "bench" / "README.md"])

_LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
_SOURCE = re.compile(r"<(?:img|source|a)\b[^>]*?\b(?:src|srcset|href)=\"([^\"]+)\"")
_CODE = re.compile(r"(`+)(?:(?!\1).)+\1", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block of code."""

    document: str
    """Path below the root."""
    line: int
    """Number of its first line of code."""
    language: str
    """The word behind the fence, with what follows it."""
    section: str
    """The last heading above it."""
    code: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


def name(path: Path) -> str:
    """The path of a document as the tests' messages show it."""
    return path.relative_to(ROOT).as_posix()


def blocks(path: Path) -> Iterator[Block]:
    """The fenced blocks of a document, in order."""
    language: str | None = None
    section, start, code = "", 0, list[str]()
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if language is None and line.startswith("```"):
            language, start, code = line[3:].strip(), number + 1, []
        elif language is not None and line.startswith("```"):
            yield Block(name(path), start, language, section, "\n".join(code) + "\n")
            language = None
        elif language is not None:
            code.append(line)
        elif line.startswith("#"):
            section = line.lstrip("#").strip()
    assert language is None, f"{name(path)}:{start} is not closed"


def prose(path: Path) -> str:
    """The document without its fenced blocks."""
    lines, inside = [], False
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("```"):
            inside = not inside
        elif not inside:
            lines.append(line)
    return "\n".join(lines)


def links(path: Path) -> list[str]:
    """The targets of links and pictures."""
    text = _CODE.sub("", prose(path))
    return [*_LINK.findall(text), *_SOURCE.findall(text)]


def anchors(path: Path) -> set[str]:
    """The names by which links reach its headings, as GitHub makes them."""
    found: dict[str, int] = {}
    names = set()
    for line in prose(path).splitlines():
        if not re.match(r"#{1,6} ", line):
            continue
        title = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", line.lstrip("#").strip())
        slug = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        count = found.get(slug, 0)
        found[slug] = count + 1
        names.add(f"{slug}-{count}" if count else slug)
    return names


def tables(path: Path) -> list[list[list[str]]]:
    """The tables, each a list of rows of cells without the line below the head."""
    found: list[list[list[str]]] = [[]]
    for line in prose(path).splitlines():
        if line.startswith("|"):
            found[-1].append(cells(line))
        elif found[-1]:
            found.append([])
    return [[row for row in table if set("".join(row)) - set("-: ")] for table in found if table]


def cells(line: str) -> list[str]:
    """The cells of a table's line; ``\\|`` and a bar inside code are text."""
    text = _CODE.sub(lambda code: code[0].replace("|", "\0"), line).replace("\\|", "\0")
    return [cell.strip().replace("\0", "|") for cell in text.strip().strip("|").split("|")]
