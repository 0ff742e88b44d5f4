"""Cuts text at stop sequences, independent of how the text is split into pieces.

Rule: the result is that of ``str.find`` on the whole text. The sequence with the earliest start counts;
of two with the same start, the one listed first. Only text that may begin a sequence is held back; it is
shorter than the longest sequence. Time is linear in the text for all sequences (Aho-Corasick).
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

ROOT = 0
NEVER = 1 << 60
"""The rank if there is no sequence: higher than all ranks."""


class Found(NamedTuple):
    """A sequence that was found; of two, the smaller tuple counts."""

    start: int
    rank: int
    """Index in the list of sequences."""


class StopScanner:
    """Scans the text blocks of one answer, which ends when ``matched`` is set."""

    __slots__ = ("_found", "_held", "_node", "_patterns", "matched")

    def __init__(self, sequences: Sequence[str]) -> None:
        """``sequences``: at least one, none empty."""
        self._patterns = _Patterns(sequences)
        self._held = ""
        """The end of the text so far, which may begin a sequence."""
        self._node = ROOT
        self._found: Found | None = None
        """A sequence in ``_held``; a sequence with an earlier start may still be completed."""
        self.matched: str | None = None
        """The sequence that ends the text; ``feed`` must not be called after it was set."""

    def feed(self, text: str) -> str:
        """The text that now certainly precedes every sequence; may be empty."""
        patterns, node = self._patterns, self._node
        text, at = self._held + text, len(self._held)
        while True:
            if node == ROOT:
                found = patterns.beginnings.search(text, at)
                if found is None:
                    self._node, self._held = ROOT, ""
                    return text
                at = found.start()
            if at == len(text):
                break
            node = patterns.following(node, text[at])
            at += 1
            self._note(node, at)
            if self._found is not None and self._is_decided(self._found, node, at):
                return self._cut(text, self._found)
        return self._hold(node, text)

    def flush(self) -> str:
        """The held text, at the end of a block."""
        held, self._held, self._node = self._held, "", ROOT
        return held if self._found is None else self._cut(held, self._found)

    def _note(self, node: int, at: int) -> None:
        """Note the sequence that ends at ``at``, if there is one."""
        length, rank = self._patterns.ending[node]
        if length:
            found = Found(at - length, rank)
            self._found = found if self._found is None else min(self._found, found)

    def _is_decided(self, found: Found, node: int, at: int) -> bool:
        """Whether no sequence that is only partly read can count before ``found``."""
        pending = Found(at - self._patterns.depth[node], self._patterns.beyond[node])
        return pending > found

    def _cut(self, text: str, found: Found) -> str:
        self.matched = self._patterns.sequences[found.rank]
        self._held = ""
        return text[: found.start]

    def _hold(self, node: int, text: str) -> str:
        kept = len(text) - self._patterns.depth[node]
        self._node, self._held = node, text[kept:]
        if self._found is not None:
            self._found = self._found._replace(start=self._found.start - kept)
        return text[:kept]


class _Patterns:
    """The sequences as a trie with Aho-Corasick failure links.

    A node represents the longest suffix of the text that is a prefix of a sequence.
    """

    __slots__ = ("_fallback", "_next", "beginnings", "beyond", "depth", "ending", "sequences")

    def __init__(self, sequences: Sequence[str]) -> None:
        self.sequences = sequences
        self.beginnings = re.compile(
            "[" + "".join(sorted({re.escape(s[0]) for s in sequences})) + "]"
        )
        """Matches the first character of any sequence."""
        self._next: list[dict[str, int]] = [{}]
        self._fallback = [ROOT]
        self.depth = [0]
        """By node: the length of the suffix that it represents."""
        self.ending: list[tuple[int, int]] = [(0, NEVER)]
        """By node: length and rank of the longest sequence that ends there; length 0 if none does."""
        self.beyond = [NEVER]
        """By node: the lowest rank of the longer sequences that have its characters as a prefix."""
        for rank, sequence in enumerate(sequences):
            self._add(rank, sequence)
        for node in self._by_depth():
            self._link(node)

    def following(self, node: int, character: str) -> int:
        """The node after one more character."""
        while node != ROOT and character not in self._next[node]:
            node = self._fallback[node]
        return self._next[node].get(character, ROOT)

    def _add(self, rank: int, sequence: str) -> None:
        node = ROOT
        for character in sequence:
            self.beyond[node] = min(self.beyond[node], rank)
            node = self._next[node].get(character) or self._new(node, character)
        if not self.ending[node][0]:
            self.ending[node] = (len(sequence), rank)

    def _new(self, parent: int, character: str) -> int:
        node = len(self._next)
        self._next[parent][character] = node
        self._next.append({})
        self._fallback.append(ROOT)
        self.depth.append(self.depth[parent] + 1)
        self.ending.append((0, NEVER))
        self.beyond.append(NEVER)
        return node

    def _by_depth(self) -> Iterator[int]:
        waiting = deque([ROOT])
        while waiting:
            node = waiting.popleft()
            yield node
            waiting.extend(self._next[node].values())

    def _link(self, parent: int) -> None:
        """Set the failure links of the children of ``parent``, whose own link is set."""
        for character, node in self._next[parent].items():
            if parent != ROOT:
                self._fallback[node] = self.following(self._fallback[parent], character)
            if not self.ending[node][0]:
                self.ending[node] = self.ending[self._fallback[node]]
