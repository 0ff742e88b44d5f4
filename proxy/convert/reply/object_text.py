"""Text of a JSON object that arrives in pieces -> strict JSON, sent as early as it is certain.

Rule: valid JSON passes unchanged. Errors with only one possible meaning are repaired (docs/protocol.md
section 3). Any other error ends the reading, and ``end`` closes the object. Text is held back only while
its meaning depends on the next characters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import orjson

from proxy.convert.reply.json_strings import ESCAPE
from proxy.convert.reply.limits import TOKENS_BETWEEN_PAUSES
from proxy.convert.reply.object_tokens import ObjectTokens

LONGEST_HELD = 4096
"""Longest text whose meaning may depend on what follows; a longer one, of blanks, is an error."""
PIECE_END = "\0"
"""Separates the pieces of a text; it cannot occur in JSON."""
_UNCHANGED = re.compile(rf'(?:[^"\\\x01-\x1f]++|{ESCAPE})*+')
"""Characters and escapes of a string, none of them split between pieces."""


class _Saved(NamedTuple):
    """The state between two tokens, or within a string."""

    state: str
    stack: list[str]
    key: str
    quote: str
    number: str
    empty: bool
    repaired: bool


class ObjectText(ObjectTokens):
    """One object, fed in pieces."""

    __slots__ = ()

    @property
    def complete(self) -> bool:
        """True if the object is complete."""
        return self._state in ("done", "empty")

    @property
    def empty(self) -> bool:
        """True if the object is ``{}``; some upstreams send the real arguments after it."""
        return self._state == "empty"

    @property
    def broken(self) -> bool:
        return self._state == "broken"

    @property
    def in_string(self) -> bool:
        return self._state in ("in_key", "in_value")

    def feed(self, text: str) -> str:
        """The strict JSON that is certain after ``text``."""
        if self._state == "broken":
            self._held.append(text)
            return ""
        if self._held:
            text = "".join((*self._held, text))
            self._held.clear()
        at = read = 0
        while at < len(text):
            now = self._read(text, at)
            if now < 0 and len(text) - at > LONGEST_HELD:
                now = self._break(text, at)
            if now < 0:
                self._held.append(text[at:])
                break
            at = now
            read += 1
            if read == TOKENS_BETWEEN_PAUSES:
                read = 0
                self._pause()
        return self._taken()

    def plain_length(self, pieces: str) -> int:
        """Length of the start of ``pieces`` that continues a string and is sent unchanged.

        ``pieces``: texts joined by ``PIECE_END``, none of which contains it.
        """
        in_plain = self._state == "in_value" and self._quote == '"' and self._captured is None
        match = _UNCHANGED.match(pieces) if in_plain and not self._held else None
        return 0 if match is None else match.end()

    def passes(self, pieces: Sequence[str]) -> bool:
        """Read ``pieces`` if ``feed`` would return each unchanged; False (nothing read) if not."""
        if self._held or self._captured is not None or self._state in ("start", "empty", "done"):
            return False
        saved = self._save()
        length, feed = self.plain_length, self.feed
        if all(length(piece) == len(piece) or feed(piece) == piece for piece in pieces):
            return True
        self._restore(saved)
        return False

    def end(self) -> str:
        """The JSON that closes the object, at the end of the text. ``_raw`` gets text that was not read."""
        if self._state == "empty":
            return "}" if self._sent_brace else "{}"
        if self._state == "done":
            return ""
        rest = "".join(self._held)
        self._held.clear()
        self._flush_captured()
        if self._state != "broken":
            self._fill_gap()
        self._out += reversed(self._stack[1:])
        raw = orjson.dumps({"_raw": rest.encode("utf-8", "replace").decode()}).decode()
        self._out.append(raw[1:] if self._empty else f",{raw[1:]}")
        self.repaired, self._state = True, "done"
        return self._taken()

    def _save(self) -> _Saved:
        return _Saved(
            self._state,
            self._stack.copy(),
            self._key,
            self._quote,
            self._number,
            self._empty,
            self.repaired,
        )

    def _restore(self, saved: _Saved) -> None:
        self._state, self._stack, self._key, self._quote, self._number = saved[:5]
        self._empty, self.repaired = saved.empty, saved.repaired
        self._held.clear()
        self._out.clear()
        self._captured = None

    def _taken(self) -> str:
        out = "".join(self._out)
        self._out.clear()
        return out
