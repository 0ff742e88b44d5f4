"""Whether markup in an answer is a quotation of the request.

Rule: a model that repeats what it read calls nothing. Texts are compared without white space, escapes
and entities, since a page may stand in a request as JSON or HTML, and be quoted with other line ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import unescape
from typing import Any

_ESCAPES = (("\\u003c", "<"), ("\\u003e", ">"), ("\\n", ""), ("\\t", ""), ("\\r", ""), ("\\", ""))
_MAY_HOLD_MARKUP = ("<", "&lt;", "&#", "u003c", "u003C")


def is_quoted(markups: Iterable[str], messages: Sequence[Mapping[str, Any]]) -> bool:
    """True when one of ``markups`` stands in a text of the request's ``messages``."""
    wanted = [_plain(markup) for markup in markups]
    for text in _texts(messages):
        if any(mark in text for mark in _MAY_HOLD_MARKUP):
            plain = _plain(text)
            if any(markup in plain for markup in wanted):
                return True
    return False


def _texts(messages: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """All strings in ``messages``, at any depth."""
    left: list[object] = list(messages)
    while left:
        value = left.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            left += value.values()
        elif isinstance(value, list | tuple):
            left += value


def _plain(text: str) -> str:
    text = unescape(text).replace("\\u003C", "<").replace("\\u003E", ">")
    for escape, meaning in _ESCAPES:
        text = text.replace(escape, meaning)
    return "".join(text.split())
