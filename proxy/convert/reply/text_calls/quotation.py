"""Whether markup in an answer is quoted from the request.

Rule: a model that quotes a call does not make it. Texts are compared without white space, escapes and
entities, and also without line prefixes, because requests often contain pages and files as JSON, HTML or
listings with line numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import unescape
from typing import Any

from proxy.convert.reply.limits import Pause, no_pause

_CHARACTERS = (
    ("\\u003c", "<"),
    ("\\u003C", "<"),
    ("\\u003e", ">"),
    ("\\u003E", ">"),
    ("\\n", "\n"),
    ("\\t", "\t"),
    ("\\r", ""),
    ("\\", ""),
)
_ZEROS = re.compile(r"&#0++(?=[0-9])")
_NO_CHARACTER = re.compile(r"&#[0-9]{8,}+;?")
"""A reference to no character; ``unescape`` raises ValueError for one of more than 4,300 digits."""
_MAY_HOLD_MARKUP = ("<", "&lt;", "&LT;", "&#", "\\u003")
_LINE_PREFIX = re.compile(
    r"^[ \t]*(?:(?:[^\s:<]{1,256}:)?[0-9]{1,9}(?:\u2192|[\t:|-])|[>+|]++)", re.MULTILINE
)
"""A line prefix: a line number of a listing or a search result, or the mark of a quotation or a table."""


WINDOW = 1 << 15
"""Characters of a text that are prepared at once, which takes up to 10 ms."""
LONGEST_LINE = 4 * WINDOW
"""Lines up to this length are not cut."""
_LINE_END = re.compile(r"\n|\\n")
_BETWEEN_ESCAPES = re.compile(r"[^\w&#\\]")
SHARED_START = 12
"""Characters at the start of a markup; a text is first searched for them alone."""
PLACES_BETWEEN_PAUSES = 1024


def is_quoted(
    markups: Iterable[str], messages: Sequence[Mapping[str, Any]], pause: Pause = no_pause
) -> bool:
    """True if a text in the request's ``messages`` contains one of ``markups``.

    Time is linear in the texts; ``pause`` is called about every 10 ms.
    """
    wanted: dict[str, set[str]] = {}
    for markup in markups:
        plain = _without_white_space(_unescaped(markup))
        wanted.setdefault(plain[:SHARED_START], set()).add(plain)
    return any(
        _is_in(form, start, tuple(those), pause)
        for text in _texts(messages, pause)
        for form in _forms(text, pause)
        for start, those in wanted.items()
    )


def _is_in(form: str, start: str, markups: tuple[str, ...], pause: Pause) -> bool:
    """True if ``form`` contains one of ``markups``, which all begin with ``start``."""
    pause()
    at, places = form.find(start), 0
    while at >= 0:
        if form.startswith(markups, at):
            return True
        places += 1
        if not places % PLACES_BETWEEN_PAUSES:
            pause()
        at = form.find(start, at + 1)
    return False


def _texts(messages: Sequence[Mapping[str, Any]], pause: Pause) -> Iterator[str]:
    """All strings in ``messages``, at any depth, that may contain markup."""
    left: list[object] = list(messages)
    read = 0
    while left:
        value = left.pop()
        read += 1
        if not read % PLACES_BETWEEN_PAUSES:
            pause()
        if isinstance(value, str):
            if any(mark in value for mark in _MAY_HOLD_MARKUP):
                yield value
        elif isinstance(value, Mapping):
            left += value.values()
        elif isinstance(value, list | tuple):
            left += value


def _forms(text: str, pause: Pause) -> Iterator[str]:
    """The forms of ``text`` for the comparison: with and without line prefixes."""
    with_prefixes, without = [], []
    for part in _parts(text):
        pause()
        plain = _unescaped(part)
        with_prefixes.append(_without_white_space(plain))
        without.append(_without_white_space(_LINE_PREFIX.sub("", plain)))
    yield "".join(with_prefixes)
    yield "".join(without)


def _parts(text: str) -> Iterator[str]:
    """``text`` in parts of about WINDOW characters, cut after line ends; long lines between escapes."""
    start = 0
    while len(text) - start > WINDOW:
        found = _LINE_END.search(text, start + WINDOW, start + LONGEST_LINE)
        found = found or _BETWEEN_ESCAPES.search(text, start + LONGEST_LINE)
        if found is None:
            break
        yield text[start : found.end()]
        start = found.end()
    yield text[start:]


def _unescaped(text: str) -> str:
    if "&#" in text:
        text = _NO_CHARACTER.sub("\ufffd", _ZEROS.sub("&#", text))
    text = unescape(text)
    for escape, meaning in _CHARACTERS:
        text = text.replace(escape, meaning)
    return text


def _without_white_space(text: str) -> str:
    return "".join(text.split())
