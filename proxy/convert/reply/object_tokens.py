"""The tokens of a JSON object that arrives in pieces -> strict JSON, one token at a time.

Rule: a reader reads the token at its position and returns the next position; -1 if more text is needed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from proxy.convert.reply.json_strings import decoded, read_double, read_single
from proxy.convert.reply.json_tokens import Token, read_number, read_word
from proxy.convert.reply.limits import Pause, no_pause

_PLAIN = re.compile(r'[^"\\\x00-\x1f]++')
_BLANKS = re.compile(r"[ \t\r\n]*+")
_VALUE_STARTS = frozenset("\"'{[-0123456789tfnTFN")
_AROUND_TOKENS = frozenset({"key", "colon", "value", "item", "after"})
MAX_DEPTH = 1000
"""Most levels of an object; JSON parsers refuse more."""
LONGEST_KEY = 4096
"""Longest name that is compared with those of ``types``."""
_CLOSER_FOR_OPENER = {"{": "}", "[": "]"}


class ObjectTokens:
    """Reads the tokens of one object. ``types``: types of the members that may be strings of JSON.
    ``pause`` is called after every TOKENS_BETWEEN_PAUSES tokens of one piece.

    States: ``start``, ``key``, ``in_key``, ``colon``, ``value``, ``in_value``, ``number``, ``after``,
    ``empty`` (after ``{}``, which real arguments may follow), ``done``, ``broken``.
    """

    __slots__ = (
        "_captured",
        "_empty",
        "_held",
        "_key",
        "_number",
        "_out",
        "_pause",
        "_quote",
        "_sent_brace",
        "_stack",
        "_state",
        "repaired",
        "types",
    )

    def __init__(self, types: Mapping[str, type] | None = None, pause: Pause = no_pause) -> None:
        self.types = types or {}
        self._pause = pause
        self.repaired = False
        """True once any text was changed or left out."""
        self._state = "start"
        self._stack: list[str] = []
        self._held: list[str] = []
        self._out: list[str] = []
        self._captured: list[str] | None = None
        """The value of a member that may be a string of JSON, without its first quote."""
        self._key = ""
        self._quote = ""
        self._number = ""
        self._empty = True
        self._sent_brace = False

    def _emit(self, text: str) -> None:
        (self._out if self._captured is None else self._captured).append(text)

    def _break(self, text: str, at: int) -> int:
        """Stop reading at an error: complete the value that was sent in part."""
        self._flush_captured()
        self._fill_gap()
        self._state = "broken"
        self._held.append(text[at:])
        self.repaired = True
        return len(text)

    def _fill_gap(self) -> None:
        """Complete the string, key or member that was sent in part."""
        state = self._state
        if state == "number" and self._number == "start":
            state = "value"
        gap = {"in_key": '":null', "colon": ":null", "value": "null", "in_value": '"'}
        self._out.append(gap.get(state, ""))

    def _flush_captured(self) -> None:
        if self._captured is not None:
            self._out += ['"', *self._captured]
            self._captured = None

    def _read(self, text: str, at: int) -> int:
        """Read the token at ``at``, or the white space before it."""
        if text[at] in " \t\r\n" and self._state in _AROUND_TOKENS:
            return self._read_blanks(text, at)
        return _READER_FOR_STATE[self._state](self, text, at)

    def _read_blanks(self, text: str, at: int) -> int:
        match = _BLANKS.match(text, at)
        end = match.end() if match else at
        if end > at:
            self._emit(text[at:end])
        return end

    def _next(self, text: str, at: int) -> str:
        """The next character that is not white space; ``""`` if it has not arrived."""
        match = _BLANKS.match(text, at)
        end = match.end() if match else at
        return text[end : end + 1]

    def _read_start(self, text: str, at: int) -> int:
        if self._next(text, at + 1) == "}":
            self._state = "empty"
            return text.index("}", at) + 1
        self._emit("{")
        self._sent_brace = True
        self._stack.append("}")
        self._state = "key"
        return at + 1

    def _read_empty(self, text: str, at: int) -> int:
        if text[at] in " \t\r\n":
            return at + 1
        if text[at] != "{":
            self._state = "done"
            self._emit("}" if self._sent_brace else "{}")
            return at
        if self._next(text, at + 1) == "":
            return -1
        if self._next(text, at + 1) == "}":
            return text.index("}", at) + 1
        self.repaired = True
        if not self._sent_brace:
            self._emit("{")
            self._sent_brace = True
        self._stack = ["}"]
        self._state = "key"
        return at + 1

    def _read_key(self, text: str, at: int) -> int:
        character = text[at]
        if character in "\"'":
            self._begin_string("in_key", character)
            self._key = ""
            return at + 1
        if character == "}":
            if self._empty and len(self._stack) == 1:
                self._stack.clear()
                self._state = "empty"
                return at + 1
            return self._close(text, at)
        return self._break(text, at)

    def _begin_string(self, state: str, quote: str) -> None:
        if len(self._stack) == 1:
            self._empty = False
        self._emit('"')
        self.repaired = self.repaired or quote == "'"
        self._state, self._quote = state, quote

    def _read_string(self, text: str, at: int) -> int:
        if self._quote == '"' and self._captured is None and not self.types:
            match = _PLAIN.match(text, at)
            if match is not None:
                # The usual case.
                self._out.append(match.group())
                return match.end()
        token = read_double(text, at) if self._quote == '"' else self._single(text, at)
        if token.end < 0:
            return -1
        is_key = self._state == "in_key"
        if is_key and len(self._stack) == 1 and self.types and len(self._key) <= LONGEST_KEY:
            self._key += token.text
        self.repaired = self.repaired or token.repaired
        self._emit(token.text)
        if not token.done:
            return token.end
        if self._captured is not None:
            self._end_captured()
        else:
            self._emit('"')
        self._state = "colon" if is_key else "after"
        return token.end

    def _single(self, text: str, at: int) -> Token:
        return read_single(text, at, ":" if self._state == "in_key" else ",}]")

    def _end_captured(self) -> None:
        """Send the decoded value if the string contains JSON of the member's type, else the string."""
        written = f'"{"".join(self._captured or ())}"'
        self._captured = None
        value = decoded(written, self.types[self._key])
        self._out.append(written if value is None else value)

    def _read_colon(self, text: str, at: int) -> int:
        if text[at] != ":":
            return self._break(text, at)
        self._emit(":")
        self._state = "value"
        return at + 1

    def _read_value(self, text: str, at: int) -> int:
        character = text[at]
        if character in "\"'":
            return self._begin_value_string(character, at)
        if character in "{[":
            if len(self._stack) == MAX_DEPTH:
                return self._break(text, at)
            self._emit(character)
            self._stack.append(_CLOSER_FOR_OPENER[character])
            self._state = "key" if character == "{" else "item"
            return at + 1
        if character == "-" or character.isdecimal():
            self._number = "start"
            self._state = "number"
            return at
        return self._read_word(text, at)

    def _begin_value_string(self, quote: str, at: int) -> int:
        typed = len(self._stack) == 1 and self._key in self.types
        self._begin_string("in_value", quote)
        if typed:
            self._out.pop()
            self._captured = []
        return at + 1

    def _read_item(self, text: str, at: int) -> int:
        """The first item of a list, or its end."""
        if text[at] == "]":
            return self._close(text, at)
        if text[at] not in _VALUE_STARTS:
            return self._break(text, at)
        self._state = "value"
        return at

    def _read_word(self, text: str, at: int) -> int:
        token = read_word(text, at)
        if token is None:
            return self._break(text, at)
        if token.end < 0:
            return -1
        self._emit(token.text)
        self.repaired = self.repaired or token.repaired
        self._state = "after"
        return token.end

    def _read_number(self, text: str, at: int) -> int:
        token, self._number = read_number(text, at, self._number)
        if token is None:
            self._state = "value" if self._number == "start" else "after"
            return self._break(text, at)
        if token.end < 0:
            return -1
        self._emit(token.text)
        if token.done:
            self._state = "after"
        return token.end

    def _read_after(self, text: str, at: int) -> int:
        if text[at] == ",":
            return self._read_comma(text, at)
        return self._close(text, at)

    def _read_comma(self, text: str, at: int) -> int:
        following = self._next(text, at + 1)
        if not following:
            return -1
        if following in ",}]":
            self.repaired = True
            return at + 1
        in_object = self._stack[-1] == "}"
        if following not in ("\"'" if in_object else _VALUE_STARTS):
            return self._break(text, at)
        self._emit(",")
        self._state = "key" if in_object else "value"
        return at + 1

    def _close(self, text: str, at: int) -> int:
        if text[at] != self._stack[-1]:
            return self._break(text, at)
        self._emit(self._stack.pop())
        self._state = "after" if self._stack else "done"
        return at + 1

    def _read_done(self, text: str, at: int) -> int:
        """White space after the object is kept; any other text is left out."""
        end = self._read_blanks(text, at) if not self.repaired else len(text)
        if end < len(text):
            self.repaired = True
        return len(text)


_READER_FOR_STATE: Mapping[str, Callable[[ObjectTokens, str, int], int]] = {
    "start": ObjectTokens._read_start,
    "empty": ObjectTokens._read_empty,
    "key": ObjectTokens._read_key,
    "in_key": ObjectTokens._read_string,
    "colon": ObjectTokens._read_colon,
    "value": ObjectTokens._read_value,
    "item": ObjectTokens._read_item,
    "in_value": ObjectTokens._read_string,
    "number": ObjectTokens._read_number,
    "after": ObjectTokens._read_after,
    "done": ObjectTokens._read_done,
}
