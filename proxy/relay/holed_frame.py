"""Frames of events that differ from each other in a number and in padding too, as Responses events do.

Rule: as in ``frame_cache``: the result is the same as after parsing. A number is ``sequence_number``, whose
value nothing depends on; padding is ``obfuscation``. ``frame_of`` proves both by parsing an event in which
they have other values.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile
from typing import NamedTuple

from proxy.relay.copied import MOST_COPIED, Copied, TextRun, decoded, valid

_NUMBER = re.compile(rb'"sequence_number": ?(0|[1-9][0-9]{0,17})(?=[,}\s])')
_PADDING = re.compile(rb'"obfuscation": ?"([A-Za-z0-9]*)"')
_ANY_STRING = rb'([^"\\]*+(?:\\.[^"\\]*+)*+)'
_ANY_NUMBER = rb"(?:0|[1-9][0-9]{0,17})"
_ANY_PADDING = rb"[A-Za-z0-9]*+"

Sent = tuple[bytes, bytes, bytes]
"""The bytes before, after and between the strings of the client's events."""


class NumberedFrame(NamedTuple):
    """The bytes around number and string of each event of one run, the number first (OpenAI).

    The numbers have as many digits as the learned one: splitting is faster than a pattern, and a frame with
    more digits is learned from one event.
    """

    run: TextRun
    before: bytes
    """The bytes before the number."""
    width: int
    """Digits of the number."""
    middle: bytes
    """The bytes between number and string."""
    after: bytes
    sent: Sent

    def copy(self, data: bytes, at: int) -> Copied | None:
        """As ``Frame.copy``."""
        before, middle = self.before, self.middle
        if not data.startswith(before, at):
            return None
        parts = data[at:].split(self.after, MOST_COPIED)
        del parts[-1]
        number, end = len(before), len(before) + self.width
        skipped = end + len(middle)
        strings = [
            part[skipped:]
            for part in parts
            if part.startswith(middle, end) and part.startswith(before)
        ]
        if len(strings) < len(parts):
            strings = [part[skipped:] for part in takewhile(self._begins, parts)]
        numbers = b"".join([part[number:end] for part in parts[: len(strings)]])
        leading = self.width > 1 and b"0" in numbers[:: self.width]
        if leading or not numbers.isdigit():
            return None
        texts = decoded(strings)
        if texts is None:
            strings, texts = valid(strings)
        if not strings:
            return None
        used = sum(map(len, strings)) + len(strings) * (skipped + len(self.after))
        return Copied(texts, _sent(strings, self.sent), at + used)

    def _begins(self, part: bytes) -> bool:
        return part.startswith(self.middle, len(self.before) + self.width) and part.startswith(
            self.before
        )


class HoledFrame(NamedTuple):
    """The bytes of each event of one run, with number and padding anywhere."""

    run: TextRun
    pattern: re.Pattern[bytes]
    """Matches one event; its group is the string."""
    sent: Sent

    def copy(self, data: bytes, at: int) -> Copied | None:
        """As ``Frame.copy``."""
        strings: list[bytes] = []
        ends: list[int] = []
        match = self.pattern.match
        while len(strings) < MOST_COPIED and (found := match(data, at)) is not None:
            strings.append(found[1])
            at = found.end()
            ends.append(at)
        texts = decoded(strings) if strings else None
        if texts is None:
            strings, texts = valid(strings)
        if not strings:
            return None
        return Copied(texts, _sent(strings, self.sent), ends[len(strings) - 1])


def holed_frame(
    run: TextRun, before: bytes, after: bytes, sent: Sent
) -> NumberedFrame | HoledFrame | None:
    """The frame of an event with the bytes ``before`` and ``after`` its string; None without holes."""
    holes = [_holes(before), _holes(after)]
    if holes == [[], []]:
        return None
    if len(holes[0]) == 1 and not holes[1] and holes[0][0][2] is _ANY_NUMBER:
        start, end, _ = holes[0][0]
        return NumberedFrame(run, before[:start], end - start, before[end:], after, sent)
    parts = [_pattern(before, holes[0]), _pattern(after, holes[1])]
    return HoledFrame(run, re.compile(_ANY_STRING.join(parts), re.DOTALL), sent)


def with_other_values(text: bytes) -> bytes:
    """``text``, a part of an event, with another number and other padding."""
    for start, end, hole in reversed(_holes(text)):
        text = text[:start] + (b"7" if hole is _ANY_NUMBER else b"x") + text[end:]
    return text


def _holes(text: bytes) -> list[tuple[int, int, bytes]]:
    holes = [(*found.span(1), _ANY_NUMBER) for found in _NUMBER.finditer(text)]
    return sorted(holes + [(*found.span(1), _ANY_PADDING) for found in _PADDING.finditer(text)])


def _pattern(text: bytes, holes: Sequence[tuple[int, int, bytes]]) -> bytes:
    pieces, at = [], 0
    for start, end, hole in holes:
        pieces += [re.escape(text[at:start]), hole]
        at = end
    return b"".join([*pieces, re.escape(text[at:])])


def _sent(strings: Sequence[bytes], sent: Sent) -> bytes:
    before, after, between = sent
    return b"%b%b%b" % (before, between.join(strings), after)
