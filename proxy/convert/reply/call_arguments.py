"""The arguments of one streamed tool call: fragments as they come -> JSON text for the client.

Rule: an object is passed on as it comes, since clients show it while it grows. Whatever does not
begin as an object, or must be whole (profile flag ``tool_args = buffer``, free text), is held back
and repaired once it is complete.
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
from proxy.convert.reply.object_text import ObjectText
from proxy.convert.schema_values import Schema
from proxy.errors import UpstreamError

MAX_BLANKS = 1000
"""Blank characters in a row, outside of strings, that no sensible arguments have."""


class CallArguments:
    """Arguments of one call. ``add`` gives what can be sent now, ``rest`` what is left at the end.

    ``custom`` arguments are free text, which is sent as ``{"input": text}``.
    """

    __slots__ = (
        "_blanks",
        "_client_schema",
        "_custom",
        "_decided",
        "_held",
        "_members",
        "_mode",
        "_object",
        "_scan",
        "_seen",
        "_seen_room",
        "_so_far",
        "_warnings",
    )

    def __init__(self, *, hold: bool, custom: bool, warnings: Counter[str]) -> None:
        self._custom = custom
        self._client_schema: Schema | None = None
        """What arguments that were asked for by another schema must be for the client."""
        self._mode: Literal["new", "stream", "hold"] = "hold" if hold or custom else "new"
        self._held: list[str] = []
        self._object = ObjectText()
        self._scan = ArgumentScan()
        self._members: dict[str, Any] | None = None
        """Arguments that came as an object, not as text."""
        self._so_far = ""
        self._decided: Literal["pieces", "repeats"] | None = "pieces" if custom else None
        self._blanks = 0
        self._seen: list[str] = []
        self._seen_room = COPY_CHARS
        self._warnings = warnings

    def expect(self, types: Mapping[str, type], client_schema: Schema | None = None) -> None:
        """Name the members, by type, that may come as a string of JSON; before the first ``add``.

        ``client_schema``: arguments come for another schema and are translated once complete.
        """
        self._object.types = types
        if client_schema is not None and not self._custom:
            self._mode, self._client_schema = "hold", client_schema

    @property
    def complete(self) -> bool:
        """True when the arguments came to their end as JSON, so that nothing can follow."""
        if self._custom:
            return False
        if self._mode == "stream":
            return self._object.complete
        if self._members is not None and not self._held:
            return True
        return self._scan.complete or "".join(self._held[:2]).strip() == "null"

    @property
    def settled(self) -> bool:
        """True when they are complete and not ``{}``, which the real arguments may follow."""
        return self.complete and not self.empty

    @property
    def empty(self) -> bool:
        """True for ``{}``."""
        if self._mode == "stream":
            return self._object.empty
        return not "".join(self._held[:3]).strip(" \t\r\n{}") and not self._members

    @property
    def unfinished(self) -> bool:
        """True when the arguments have begun and not come to their end."""
        begun = self._held or self._mode == "stream" or self._members is not None
        return bool(begun) and not self.complete

    def is_copy(self, text: str) -> bool:
        """True when ``text`` is what the arguments are so far; False for very long arguments."""
        if self._seen_room < 0 or len(text) > COPY_CHARS:
            return False
        seen = "".join(self._seen)
        return text.strip() == seen.strip() or _same_json(text, seen)

    def add(self, fragment: str) -> str:
        """The text to send for ``fragment`` (not empty); raises ``UpstreamError`` if it runs away.

        Runaway: only blanks, on and on (edge case 88).
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
        """As ``add``, for arguments that came as JSON, not as a string: more of them may follow."""
        members = orjson.loads(text)
        if self._custom or self._mode == "stream" or not isinstance(members, dict):
            return self.add(text)
        self._mode, self._decided = "hold", "pieces"
        self._members = {**(self._members or {}), **members}
        self._note(text)
        return ""

    def pass_on(self, fragments: Sequence[str]) -> bool:
        """Take ``fragments`` (none empty) that are sent as they are; False (nothing taken) if not.

        Where it is True, ``add`` would have given each of them back unchanged.
        """
        if self._mode != "stream" or self._decided != "pieces":
            return False
        text = "".join(fragments)
        odd = len(text) - self._object.plain_length(text)
        if not odd:
            self._blanks = 0
        elif not self._passes_last(fragments, odd):
            return False
        self._note(text)
        return True

    def _passes_last(self, fragments: Sequence[str], length: int) -> bool:
        """Take the last ``fragments`` that hold ``length`` characters, if each passes as it is."""
        first = len(fragments)
        while length > 0:
            first -= 1
            length -= len(fragments[first])
        odd = fragments[first:]
        if odd[-1][-1] == ",":
            # Usually held back, so there is no point in reading all to find it out.
            return False
        blanks = sum(len(fragment) for fragment in odd if fragment.isspace())
        if self._blanks + blanks > MAX_BLANKS or not self._object.passes(odd):
            return False
        self._blanks = self._blanks_behind(odd)
        return True

    def _blanks_behind(self, fragments: Sequence[str]) -> int:
        """The blanks in a row, outside of strings, after ``fragments``."""
        if self._in_string:
            return 0
        count = 0
        for fragment in reversed(fragments):
            if not fragment.isspace():
                return count
            count += len(fragment)
        return self._blanks + count

    def rest(self, *, cut: bool = False) -> str:
        """The text to send when no more comes; ``""`` where nothing is left or arguments are empty.

        ``cut``: the output limit ended them, so an object that was begun stays open.
        """
        if self._mode == "stream":
            if cut and not self._object.complete:
                return ""
            text = self._object.end()
            self._note_repair(self._object.repaired)
            return text
        if self._custom:
            return json_text({"input": "".join(self._held)})
        if self._members is not None:
            return self._for_client(self._merged(self._members, "".join(self._held)))
        read = read_arguments("".join(self._held), self._object.types)
        self._note_repair(read.repaired)
        return self._for_client(read.text)

    def _for_client(self, text: str) -> str:
        return text if self._client_schema is None else restored(text, self._client_schema)

    def _merged(self, members: dict[str, Any], more: str) -> str:
        """``members`` with what text behind them says: an object, or the members that follow."""
        if more.strip():
            self._note_repair(repaired=True)
            written = json_text(members)
            for text in (more, written[:-1] + more):
                read = read_arguments(text)
                value = orjson.loads(read.text or "{}")
                if not value.keys() & {"_raw", "value"}:
                    members = {**members, **value}
                    break
        if not members:
            return ""
        return read_arguments(json_text(members), self._object.types).text

    @property
    def _in_string(self) -> bool:
        return self._object.in_string if self._mode == "stream" else self._scan.in_string

    def _is_behind_end(self, fragment: str) -> bool:
        settled = self._mode == "stream" and self._object.complete and not self._object.empty
        return settled and not fragment.isspace()

    def _begun(self) -> str:
        """Decide by the beginning whether the arguments are streamed or held."""
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
        if self._blanks > MAX_BLANKS and not self._custom:
            raise UpstreamError(
                f"the upstream sent {self._blanks} blank characters in a row as tool arguments"
            )


def _same_json(one: str, other: str) -> bool:
    try:
        same: bool = orjson.loads(one) == orjson.loads(other)
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        return False
    return same
