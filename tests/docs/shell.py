"""The lines of fenced ``sh`` blocks as commands: their programs, arguments and variables.

Rule: no more of the shell than the documents use: one command a line, ``\\`` at its end, here-documents,
assignments before a command, ``export``, ``cd``, comments and ``name=$(command)``.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_HERE = re.compile(r"<<'?(\w+)'?")
_SUBSTITUTION = re.compile(r"\$\(([^)]*)\)")


@dataclass(frozen=True, slots=True)
class Command:
    """One command, after its assignments."""

    line: str
    variables: dict[str, str]
    """Assignments before it, or those that ``export`` makes."""
    words: list[str]
    """Program and arguments; empty where the line only assigns."""

    @property
    def program(self) -> str:
        return self.words[0] if self.words else ""


def commands(code: str) -> Iterator[Command]:
    """The commands of a block."""
    lines = iter(code.replace("\\\n", " ").splitlines())
    for line in lines:
        if here := _HERE.search(line):
            line = line[: here.start()].split(">")[0]
            while next(lines) != here[1]:
                pass
        for inner in _SUBSTITUTION.findall(line):
            yield from commands(inner)
        for part in _parts(_SUBSTITUTION.sub("OUTPUT", line)):
            yield from _command(part)


def _parts(line: str) -> Iterator[list[str]]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;")
    lexer.whitespace_split = True
    lexer.commenters = "#"
    words: list[str] = []
    for word in lexer:
        if word and set(word) <= set("|&;"):
            yield words
            words = []
        else:
            words.append(word)
    yield words


def _command(words: list[str]) -> Iterator[Command]:
    line = shlex.join(words)
    if words and words[0] == "export":
        words = words[1:]
    variables = {}
    while words and (assignment := _ASSIGNMENT.fullmatch(words[0])):
        variables[assignment[1]] = assignment[2]
        words = words[1:]
    if variables or words:
        yield Command(line, variables, words)
