"""Cuts text at stop sequences that the upstream does not know, wherever its pieces are divided.

Rule: the result is that of ``str.find`` on the whole text: the earliest start counts, at the same start
the sequence that is listed first. Only what may still begin a sequence is held back, which is
shorter than the longest one. Time is linear in the text (Aho-Corasick), whatever the sequences are.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

ROOT = 0
NEVER = 1 << 60
"""Rank of no sequence: after all others."""


class Found(NamedTuple):
    """A sequence in the text that is not decided yet; the smaller one counts."""

    start: int
    rank: int
    """Its place in the list of sequences."""


class StopScanner:
    """Scans one text block after another; ``matched`` ends the answer."""

    __slots__ = ("_found", "_held", "_node", "_patterns", "matched")

    def __init__(self, sequences: Sequence[str]) -> None:
        """``sequences``: at least one, none empty."""
        self._patterns = _Patterns(sequences)
        self._held = ""
        """The end of the text so far that may begin a sequence."""
        self._node = ROOT
        self._found: Found | None = None
        """A sequence within ``_held``; one that begins before it may yet follow."""
        self.matched: str | None = None
        """The sequence that ends the text; nothing may be fed after it."""

    def feed(self, text: str) -> str:
        """What is decided now: text before any sequence."""
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
        """What was held back: no text follows in this block."""
        held, self._held, self._node = self._held, "", ROOT
        return held if self._found is None else self._cut(held, self._found)

    def _note(self, node: int, at: int) -> None:
        """Note the sequence that ends at ``at``, if there is one."""
        length, rank = self._patterns.ending[node]
        if length:
            found = Found(at - length, rank)
            self._found = found if self._found is None else min(self._found, found)

    def _is_decided(self, found: Found, node: int, at: int) -> bool:
        """Whether no sequence that has begun can come before ``found``."""
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
    """The sequences as a tree of their characters, with the links of Aho and Corasick.

    A node stands for the longest end of a text that begins a sequence.
    """

    __slots__ = ("_fallback", "_next", "beginnings", "beyond", "depth", "ending", "sequences")

    def __init__(self, sequences: Sequence[str]) -> None:
        self.sequences = sequences
        self.beginnings = re.compile(
            "[" + "".join(sorted({re.escape(s[0]) for s in sequences})) + "]"
        )
        """The first character of any sequence."""
        self._next: list[dict[str, int]] = [{}]
        self._fallback = [ROOT]
        self.depth = [0]
        """Characters of the text that a node stands for."""
        self.ending: list[tuple[int, int]] = [(0, NEVER)]
        """Length and rank of the longest sequence that ends with a node; length 0: none does."""
        self.beyond = [NEVER]
        """Rank of the first sequence that begins with a node and is longer."""
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
        """Link the children of ``parent``, whose own link is made."""
        for character, node in self._next[parent].items():
            if parent != ROOT:
                self._fallback[node] = self.following(self._fallback[parent], character)
            if not self.ending[node][0]:
                self.ending[node] = self.ending[self._fallback[node]]
