"""The arguments of one streamed tool call: fragments -> JSON text for the client.

Rule: an object is streamed, since clients show partial arguments. Arguments that do not begin as an
object, free text, and all arguments with the profile flag ``tool_args = buffer`` are held back, and are
repaired once they are complete.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import orjson

from proxy.convert.reply.arguments import (
    COPY_CHARS,
    ArgumentScan,
    json_text,
    object_start,
    read_arguments,
    repeats_from_start,
)
from proxy.convert.reply.client_values import restored
from proxy.convert.reply.limits import Pause, no_pause
from proxy.convert.reply.object_text import PIECE_END, ObjectText
from proxy.convert.schema_values import Schema
from proxy.errors import UpstreamError

MAX_BLANKS = 1000
"""Number of consecutive blanks, outside of strings, at which arguments count as runaway."""
LONGEST_START = 4096
"""Longest text that may be ``null`` or ``{}`` with blanks; a longer one is not read again."""


class CallArguments:
    """Arguments of one call. ``add`` returns text that can be sent now, ``rest`` the remaining text.

    ``custom`` arguments are free text, which is sent as ``{"input": text}``.
    """

    __slots__ = (
        "_after",
        "_after_length",
        "_blanks",
        "_client_schema",
        "_custom",
        "_decided",
        "_held",
        "_members",
        "_mode",
        "_object",
        "_pause",
        "_scan",
        "_seen",
        "_seen_room",
        "_so_far",
        "_warnings",
    )

    def __init__(
        self, *, hold: bool, custom: bool, warnings: Counter[str], pause: Pause = no_pause
    ) -> None:
        self._custom = custom
        self._client_schema: Schema | None = None
        """The client's schema, if another one was sent upstream: the arguments are converted to this one."""
        self._mode: Literal["new", "stream", "hold"] = "hold" if hold or custom else "new"
        self._held: list[str] = []
        self._object = ObjectText(pause=pause)
        self._pause = pause
        self._scan = ArgumentScan()
        self._members: dict[str, Any] | None = None
        """Arguments that arrived as a JSON object, not as a string."""
        self._so_far = ""
        self._after: list[str] = []
        """What came after ``_so_far`` without repeating it."""
        self._after_length = 0
        self._decided: Literal["pieces", "repeats"] | None = "pieces" if custom else None
        self._blanks = 0
        self._seen: list[str] = []
        self._seen_room = COPY_CHARS
        self._warnings = warnings

    def expect(self, types: Mapping[str, type], client_schema: Schema | None = None) -> None:
        """Name the members, by type, that may come as a string of JSON; before the first ``add``.

        ``client_schema``: another one was sent upstream, so arguments are converted once complete.
        """
        self._object.types = types
        if client_schema is not None and not self._custom:
            self._mode, self._client_schema = "hold", client_schema

    @property
    def complete(self) -> bool:
        """True if the arguments are a complete JSON value, so that nothing can follow."""
        if self._custom:
            return False
        if self._mode == "stream":
            return self._object.complete
        if self._members is not None and not self._held:
            return True
        return self._scan.complete or _is_null(self._held[:2])

    @property
    def settled(self) -> bool:
        """True if they are complete and not ``{}``, which the real arguments may follow."""
        return self.complete and not self.empty

    @property
    def empty(self) -> bool:
        """True for ``{}``."""
        if self._mode == "stream":
            return self._object.empty
        held = self._held[:3]
        return (
            not self._members
            and sum(map(len, held)) <= LONGEST_START
            and not "".join(held).strip(" \t\r\n{}")
        )

    @property
    def unfinished(self) -> bool:
        """True if the arguments have begun but are not complete."""
        begun = self._held or self._mode == "stream" or self._members is not None
        return bool(begun) and not self.complete

    def is_copy(self, text: str) -> bool:
        """True if ``text`` equals the arguments so far; False for very long arguments."""
        if self._seen_room < 0 or len(text) > COPY_CHARS:
            return False
        seen = "".join(self._seen)
        return text.strip() == seen.strip() or _same_json(text, seen)

    def add(self, fragment: str) -> str:
        """The text to send for ``fragment`` (not empty).

        Raises ``UpstreamError`` for runaway arguments: a very long run of blanks (edge case 88).
        """
        if self._decided != "pieces":
            fragment = self._new_in(fragment)
            if not fragment:
                return ""
        if self._is_behind_end(fragment):
            self._warnings["arguments_after_end"] += 1
            return ""
        if fragment.isspace() and not self._in_string:
            self._count_blanks(len(fragment))
        else:
            self._blanks = 0
        self._note(fragment)
        if self._mode == "stream":
            return self._object.feed(fragment)
        self._scan.add(fragment)
        self._held.append(fragment)
        return self._begun() if self._mode == "new" else ""

    def add_object(self, text: str) -> str:
        """As ``add``, for arguments that arrived as a JSON object, not as a string; more may follow."""
        self._pause()
        members = orjson.loads(text)
        if self._custom or self._mode == "stream" or not isinstance(members, dict):
            return self.add(text)
        self._mode, self._decided = "hold", "pieces"
        self._members = {**(self._members or {}), **members}
        self._note(text)
        return ""

    def pass_on(self, fragments: Sequence[str]) -> bool:
        """Read ``fragments`` (none empty) if they are sent unchanged; False (nothing read) if not.

        True only if ``add`` would have returned each of them unchanged.
        """
        if self._mode != "stream" or self._decided != "pieces":
            return False
        text = "".join(fragments)
        if PIECE_END in text:
            return False
        pieces = PIECE_END.join(fragments)
        odd = len(pieces) - self._object.plain_length(pieces)
        if not odd:
            self._blanks = 0
        elif not self._passes_last(fragments, odd):
            return False
        self._note(text)
        return True

    def _passes_last(self, fragments: Sequence[str], length: int) -> bool:
        """Read the fragments in the last ``length`` characters, if each of them passes unchanged.

        ``length`` counts one character between two fragments.
        """
        first = len(fragments)
        while length > 0:
            first -= 1
            length -= len(fragments[first]) + len(PIECE_END)
        odd = fragments[first:]
        if odd[-1][-1] == ",":
            # Usually held back, so the whole text need not be read to decide it.
            return False
        blanks = sum(len(fragment) for fragment in odd if fragment.isspace())
        if self._blanks + blanks > MAX_BLANKS or not self._object.passes(odd):
            return False
        self._blanks = self._blanks_behind(odd)
        return True

    def _blanks_behind(self, fragments: Sequence[str]) -> int:
        """The number of consecutive blanks, outside of strings, after ``fragments``."""
        if self._in_string:
            return 0
        count = 0
        for fragment in reversed(fragments):
            if not fragment.isspace():
                return count
            count += len(fragment)
        return self._blanks + count

    def rest(self, *, cut: bool = False) -> str:
        """The text to send at the end; ``""`` if nothing is left or the arguments are empty.

        ``cut``: the output limit ended the arguments, so an incomplete object is not closed.
        """
        if self._mode == "stream":
            if cut and not self._object.complete:
                return ""
            text = self._object.end()
            self._note_repair(self._object.repaired)
            return text
        if self._custom:
            return json_text({"input": "".join(self._held)})
        self._pause()
        if self._members is not None:
            return self._for_client(self._merged(self._members, "".join(self._held)))
        read = read_arguments("".join(self._held), self._object.types, self._pause)
        self._note_repair(read.repaired)
        return self._for_client(read.text)

    def _for_client(self, text: str) -> str:
        return text if self._client_schema is None else restored(text, self._client_schema)

    def _merged(self, members: dict[str, Any], more: str) -> str:
        """``members`` and those in the text ``more``: an object, or the rest of one."""
        if more.strip():
            self._note_repair(repaired=True)
            written = json_text(members)
            for text in (more, written[:-1] + more):
                read = read_arguments(text, pause=self._pause)
                value = orjson.loads(read.text or "{}")
                if not value.keys() & {"_raw", "value"}:
                    members = {**members, **value}
                    break
        if not members:
            return ""
        self._pause()
        return read_arguments(json_text(members), self._object.types, self._pause).text

    @property
    def _in_string(self) -> bool:
        return self._object.in_string if self._mode == "stream" else self._scan.in_string

    def _is_behind_end(self, fragment: str) -> bool:
        settled = self._mode == "stream" and self._object.complete and not self._object.empty
        return settled and not fragment.isspace()

    def _begun(self) -> str:
        """Decide by the start of the text whether the arguments are streamed or held back."""
        text = "".join(self._held)
        start = object_start(text)
        if start is None:
            self._mode = "hold"
        elif start >= 0:
            self._mode = "stream"
            self._held.clear()
            self._object.repaired = "`" in text[:start]
            return self._object.feed(text[start:])
        return ""

    def _note(self, text: str) -> None:
        if self._seen_room >= 0:
            self._seen_room -= len(text)
            self._seen.append(text)

    def _note_repair(self, repaired: bool) -> None:
        if repaired:
            self._warnings["repaired_arguments"] += 1

    def _new_in(self, fragment: str) -> str:
        """The new part of ``fragment``, since some servers repeat the text so far."""
        so_far = self._so_far
        if not so_far or so_far.isspace():
            self._so_far = fragment
            return fragment
        if self._decided is None:
            repeats = repeats_from_start(so_far, fragment)
            self._decided = "repeats" if repeats else "pieces"
        if self._decided == "pieces":
            self._so_far = ""
            return fragment
        length = len(so_far) + self._after_length
        if len(fragment) >= length:
            # Joined only for a fragment that is as long.
            so_far = "".join((so_far, *self._after))
            if fragment.startswith(so_far):
                self._so_far, self._after, self._after_length = fragment, [], 0
                return fragment[length:]
        self._after.append(fragment)
        self._after_length += len(fragment)
        return fragment

    def _count_blanks(self, count: int) -> None:
        self._blanks += count
        if self._blanks > MAX_BLANKS and not self._custom:
            raise UpstreamError(
                f"the upstream sent {self._blanks} blank characters in a row as tool arguments"
            )


def _is_null(start: Sequence[str]) -> bool:
    return sum(map(len, start)) <= LONGEST_START and "".join(start).strip() == "null"


def _same_json(one: str, other: str) -> bool:
    try:
        same: bool = orjson.loads(one) == orjson.loads(other)
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        return False
    return same
