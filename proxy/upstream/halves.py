"""Characters whose two halves come in two chunks of a stream.

Rule: half of a surrogate pair at the end of a string waits for the next text at the same place. It
becomes one character with the other half, or U+FFFD where that is not what follows.
"""

from __future__ import annotations

import re

_Path = tuple[str | int, ...]

MOST_WAITING = 64
"""Halves that wait at once; a chunk has few strings that go on in the next one."""

_HIGH_AT_END = re.compile("[\ud800-\udbff]\\Z")
_LOW = re.compile("[\udc00-\udfff]")


class HalfCharacters:
    """The halves that wait, by their place in the chunk."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: dict[_Path, str] = {}

    @property
    def waiting(self) -> bool:
        """True while any half waits."""
        return bool(self._waiting)

    def join(self, value: object) -> object:
        """A decoded chunk with the halves of earlier ones, and without one at the end of a string."""
        return self._joined(value, ())

    def _joined(self, value: object, path: _Path) -> object:
        if isinstance(value, str):
            return self._joined_text(value, path)
        if isinstance(value, dict):
            return {key: self._joined(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [
                self._joined(item, (*path, _place(item, number)))
                for number, item in enumerate(value)
            ]
        return value

    def _joined_text(self, text: str, path: _Path) -> str:
        if not text:
            return text
        first = self._waiting.pop(path, "")
        if first and _LOW.match(text):
            text = _pair(first, text[0]) + text[1:]
        elif first:
            text = f"\ufffd{text}"
        if _HIGH_AT_END.search(text) and len(self._waiting) < MOST_WAITING:
            self._waiting[path] = text[-1]
            return text[:-1]
        return text


def _place(item: object, number: int) -> int:
    """The number that an item of a list gives itself, as choices and tool calls do, else its place."""
    index = item.get("index") if isinstance(item, dict) else None
    return index if isinstance(index, int) else number


def _pair(high: str, low: str) -> str:
    return (high + low).encode("utf-16-le", "surrogatepass").decode("utf-16-le")
