"""The arguments of one streamed tool call: fragments as they come -> JSON text for the client.

Rule: an object is passed on as it comes, since clients show it while it grows. Whatever is not an
object, or must be whole (profile flag ``tool_args = buffer``, free text), is held back and repaired
once it is complete.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

from proxy.convert.reply.arguments import (
    ArgumentScan,
    arguments_to_json,
    json_text,
    repeats_from_start,
)
from proxy.errors import UpstreamError

MAX_BLANKS = 1000
"""Blank characters in a row, outside of strings, that no sensible arguments have."""


class CallArguments:
    """Arguments of one call. ``add`` gives what can be sent now, ``rest`` what is left at the end.

    ``custom`` arguments are free text, which is sent as ``{"input": text}``.
    """

    __slots__ = (
        "_blanks",
        "_custom",
        "_decided",
        "_held",
        "_mode",
        "_scan",
        "_so_far",
        "_warnings",
    )

    def __init__(self, *, hold: bool, custom: bool, warnings: Counter[str]) -> None:
        self._custom = custom
        self._mode: Literal["new", "stream", "hold"] = "hold" if hold or custom else "new"
        self._held: list[str] = []
        self._scan = ArgumentScan()
        self._so_far = ""
        self._decided: Literal["pieces", "repeats"] | None = "pieces" if custom else None
        self._blanks = 0
        self._warnings = warnings

    @property
    def complete(self) -> bool:
        """True when the arguments came to their end as JSON, so that nothing can follow."""
        if self._custom:
            return False
        return self._scan.complete or "".join(self._held[:2]).strip() == "null"

    @property
    def unfinished(self) -> bool:
        """True when the arguments have begun and not come to their end."""
        return bool(self._held or self._mode == "stream") and not self.complete

    def is_copy(self, text: str) -> bool:
        """True when ``text`` is what the arguments are so far."""
        return self._scan.is_copy(text)

    def add(self, fragment: str) -> str:
        """The text to send for ``fragment`` (not empty); raises ``UpstreamError`` if it runs away.

        Runaway: only blanks, on and on (edge case 88).
        """
        if self._decided != "pieces":
            fragment = self._new_in(fragment)
            if not fragment:
                return ""
        if fragment.startswith("{") and self.complete:
            self._warnings["arguments_after_end"] += 1
            return ""
        if fragment.isspace():
            self._count_blanks(len(fragment))
        else:
            self._blanks = 0
        self._scan.add(fragment)
        if self._mode == "stream":
            return fragment
        return self._undecided(fragment)

    def pass_on(self, fragments: Sequence[str]) -> bool:
        """Take ``fragments`` (none empty) that are sent as they are; False (nothing taken) if not.

        Where it is True, ``add`` would have given each of them back unchanged.
        """
        if self._mode != "stream" or self._decided != "pieces":
            return False
        text = "".join(fragments)
        if "{" in text and self._goes_on_after_end(fragments):
            return False
        if any(map(str.isspace, fragments)):
            if not self._blanks_pass(fragments):
                return False
        else:
            self._blanks = 0
        self._scan.add(text)
        return True

    def _goes_on_after_end(self, fragments: Sequence[str]) -> bool:
        """True when one of ``fragments`` begins another object behind a complete one."""
        braces = [number for number, text in enumerate(fragments) if text[0] == "{"]
        return bool(braces) and self._scan.completed_by("".join(fragments[: braces[-1]]))

    def _blanks_pass(self, fragments: Sequence[str]) -> bool:
        """Count the blanks; False (nothing counted) where they are too many in a row."""
        blanks = self._blanks
        for fragment in fragments:
            blanks = blanks + len(fragment) if fragment.isspace() else 0
            if blanks > MAX_BLANKS:
                return False
        self._blanks = blanks
        return True

    def rest(self) -> str:
        """The text to send when no more comes; ``""`` where nothing is left or arguments are empty."""
        if self._mode == "stream":
            return ""
        if self._custom:
            return json_text({"input": "".join(self._held)})
        return arguments_to_json("".join(self._held))

    def _undecided(self, fragment: str) -> str:
        self._held.append(fragment)
        if self._mode == "hold" or fragment.isspace():
            return ""
        begun = "".join(self._held).lstrip()
        if begun[0] != "{":
            self._mode = "hold"
            return ""
        self._mode = "stream"
        self._held.clear()
        return begun

    def _new_in(self, fragment: str) -> str:
        """The new part of ``fragment``: servers differ in whether they repeat what they sent."""
        so_far = self._so_far
        if not so_far.strip():
            self._so_far = fragment
            return fragment
        if self._decided is None:
            repeats = repeats_from_start(so_far, fragment)
            self._decided = "repeats" if repeats else "pieces"
        if self._decided == "pieces":
            self._so_far = ""
            return fragment
        if fragment.startswith(so_far):
            self._so_far = fragment
            return fragment[len(so_far) :]
        self._so_far = so_far + fragment
        return fragment

    def _count_blanks(self, count: int) -> None:
        self._blanks += count
        if self._blanks > MAX_BLANKS and not self._custom and not self._scan.in_string:
            raise UpstreamError(
                f"the upstream sent {self._blanks} blank characters in a row as tool arguments"
            )
