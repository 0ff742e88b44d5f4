"""Streams whose deltas are snapshots, each with all text so far -> only the new text.

Rule: conservative, and separate for each stream of text. The first deltas decide: after a delta that does
not begin with all text so far, the stream counts as plain to its end. A delta that begins with all text so
far, and continues with anything but a repetition of it, is held back until the next delta does the same or
other content follows (docs/protocol.md section 4).
"""

from __future__ import annotations

SURE = 8
"""Number of repeated characters from which a coincidence is excluded."""


class Snapshots:
    """One stream of text or reasoning, fed one delta at a time."""

    __slots__ = ("_confirmed", "_held", "_said", "plain")

    def __init__(self) -> None:
        self.plain = False
        """True if every further delta is new text."""
        self._confirmed = False
        self._said = ""
        """All text so far, while the stream is not ``plain``."""
        self._held: list[str] = []
        """Held deltas; each begins with ``_said`` and with the delta before it."""

    def feed(self, delta: str) -> list[str]:
        """The new texts that are certain after ``delta`` (not empty)."""
        if self.plain:
            return [delta]
        if not self._said:
            self._said = delta
            return [delta]
        if self._confirmed:
            return self._beyond(delta)
        if not self._may_be_snapshot(delta):
            self.plain = True
            texts = [*self._held, delta]
            self._held.clear()
            return texts
        self._held.append(delta)
        return self.settle() if len(self._held) > 1 and len(delta) >= SURE else []

    def settle(self) -> list[str]:
        """The new texts in the held deltas; called when the stream ends or other content follows."""
        if not self._held:
            return []
        texts, self._held = self._held, []
        last = texts[-1]
        if len(last) >= SURE and (len(texts) > 1 or len(self._said) >= SURE):
            self._confirmed = True
            return self._beyond(last)
        self.plain = True
        return texts

    def _may_be_snapshot(self, delta: str) -> bool:
        """Whether ``delta`` may be a snapshot: all text so far, then text that does not just repeat it."""
        before = self._held[-1] if self._held else self._said
        if not delta.startswith(before):
            return False
        if delta == before:
            return bool(self._held) and len(delta) >= SURE
        return (before * (len(delta) // len(before) + 1))[: len(delta)] != delta

    def _beyond(self, delta: str) -> list[str]:
        """What the snapshot ``delta`` adds; a delta that is no continuation begins a new text."""
        said = self._said
        if delta.startswith(said):
            self._said = delta
            return [delta[len(said) :]] if len(delta) > len(said) else []
        if said.startswith(delta) and len(delta) >= SURE:
            return []
        self._confirmed = False
        self._said = delta
        return [delta]
