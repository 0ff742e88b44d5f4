"""Events that are copied without parsing: what describes them, and the strings that they contain."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import orjson

from proxy.convert.reply.events import Event

MOST_COPIED = 512
"""Most events that are copied at once, because text after an event of another form is split again."""
_BETWEEN = b"\x7f"
"""Separates strings that are decoded together. It can neither end nor continue an escape or a
character that began before it, so the joined text is valid if and only if each string is."""


class TextRun(Protocol):
    """Events that each continue one block by one string (``plain_deltas.Run``)."""

    @property
    def member(self) -> str:
        """The member of an event that contains the string."""

    def string_in(self, chunk: object) -> str | None:
        """The string of a chunk that only continues this run; None for any other chunk."""

    def event(self, text: str) -> Event:
        """The client's event with ``text``."""


class Copied(NamedTuple):
    """Events of one frame, translated."""

    texts: list[str]
    data: bytes
    """The client's events."""
    end: int
    """The position after the last byte of the copied events."""


def decoded(strings: list[bytes]) -> list[str] | None:
    """The texts of JSON strings without their quotes; None if one is not valid, or empty."""
    try:
        texts: list[str] = orjson.loads(b'"%b"' % _BETWEEN.join(strings)).split("\x7f")
    except orjson.JSONDecodeError:
        return None
    return texts if len(texts) == len(strings) and all(texts) else None


def valid(strings: list[bytes]) -> tuple[list[bytes], list[str]]:
    """The strings before the first that is not valid, where another event begins, and their texts."""
    texts: list[str] = []
    for string in strings:
        text = decoded([string])
        if text is None:
            break
        texts += text
    return strings[: len(texts)], texts
