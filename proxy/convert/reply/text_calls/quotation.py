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


def is_quoted(markups: Iterable[str], messages: Sequence[Mapping[str, Any]]) -> bool:
    """True if a text in the request's ``messages`` contains one of ``markups``."""
    wanted = [_without_white_space(_unescaped(markup)) for markup in markups]
    return any(
        markup in form for text in _texts(messages) for form in _forms(text) for markup in wanted
    )


def _texts(messages: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """All strings in ``messages``, at any depth, that may contain markup."""
    left: list[object] = list(messages)
    while left:
        value = left.pop()
        if isinstance(value, str):
            if any(mark in value for mark in _MAY_HOLD_MARKUP):
                yield value
        elif isinstance(value, Mapping):
            left += value.values()
        elif isinstance(value, list | tuple):
            left += value


def _forms(text: str) -> Iterator[str]:
    """The forms of ``text`` for the comparison: with and without line prefixes."""
    text = _unescaped(text)
    yield _without_white_space(text)
    yield _without_white_space(_LINE_PREFIX.sub("", text))


def _unescaped(text: str) -> str:
    if "&#" in text:
        text = _NO_CHARACTER.sub("\ufffd", _ZEROS.sub("&#", text))
    text = unescape(text)
    for escape, meaning in _CHARACTERS:
        text = text.replace(escape, meaning)
    return text


def _without_white_space(text: str) -> str:
    return "".join(text.split())
