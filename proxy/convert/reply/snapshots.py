"""Streams whose deltas repeat all text so far -> the new text alone.

Rule: conservative, for each stream of text. Only the first deltas decide: a delta that does not
begin with all text so far makes a plain stream for good. One that does, and goes on with something
else than a repetition of it, is held back until the next one shows the same, or other content comes
(docs/protocol.md section 4).
"""

from __future__ import annotations

SURE = 8
"""So many characters are no coincidence."""


class Snapshots:
    """One text or one stretch of reasoning, delta by delta."""

    __slots__ = ("_confirmed", "_held", "_said", "plain")

    def __init__(self) -> None:
        self.plain = False
        """True when every further delta is new text."""
        self._confirmed = False
        self._said = ""
        """All text so far, while the stream is not ``plain``."""
        self._held: list[str] = []
        """Deltas each of which begins with the one before and with what was said."""

    def feed(self, delta: str) -> list[str]:
        """The new texts that ``delta`` (not empty) decides."""
        if self.plain:
            return [delta]
        if not self._said:
            self._said = delta
            return [delta]
        if self._confirmed:
            return self._beyond(delta)
        if not self._goes_on(delta):
            self.plain = True
            texts = [*self._held, delta]
            self._held.clear()
            return texts
        self._held.append(delta)
        return self.settle() if len(self._held) > 1 and len(delta) >= SURE else []

    def settle(self) -> list[str]:
        """The new texts that were held back: the stream ends, or other content comes."""
        if not self._held:
            return []
        texts, self._held = self._held, []
        last = texts[-1]
        if len(last) >= SURE and (len(texts) > 1 or len(self._said) >= SURE):
            self._confirmed = True
            return self._beyond(last)
        self.plain = True
        return texts

    def _goes_on(self, delta: str) -> bool:
        """True where ``delta`` is all text so far and more, and the text does not repeat itself."""
        before = self._held[-1] if self._held else self._said
        if not delta.startswith(before):
            return False
        if delta == before:
            return bool(self._held) and len(delta) >= SURE
        return (before * (len(delta) // len(before) + 1))[: len(delta)] != delta

    def _beyond(self, delta: str) -> list[str]:
        """What ``delta`` adds in a stream of snapshots; another text begins anew."""
        said = self._said
        if delta.startswith(said):
            self._said = delta
            return [delta[len(said) :]] if len(delta) > len(said) else []
        if said.startswith(delta) and len(delta) >= SURE:
            return []
        self._confirmed = False
        self._said = delta
        return [delta]
