"""Fragments of tool calls -> the call that each belongs to.

Rule: upstreams name a call by index, by id, by both or by neither, and some reuse an index; a
fragment that names none belongs to the last call (docs/protocol.md section 4, the key of a call).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from proxy.convert.reply.call_arguments import CallArguments
from proxy.convert.reply.pieces import ToolFragment


class ToolCall:
    """One call of the answer. ``block_id`` is set once its block was opened."""

    __slots__ = (
        "arguments",
        "block_id",
        "closed",
        "early",
        "index",
        "name",
        "state",
        "unsent",
        "upstream_id",
        "written_state",
    )

    def __init__(self, index: int | None, arguments: CallArguments) -> None:
        self.index = index
        self.arguments = arguments
        self.upstream_id = ""
        self.name = ""
        self.block_id = ""
        self.closed = False
        self.early: list[ToolFragment] = []
        """Fragments with arguments that came before the name."""
        self.unsent: list[str] = []
        """Arguments that wait for the call's block."""
        self.state: Mapping[str, Any] | None = None
        """Private state that is not yet written."""
        self.written_state: Mapping[str, Any] | None = None


class CallMatcher:
    """The calls that fragments named so far."""

    __slots__ = ("_at_index", "_calls", "_hold", "_warnings", "_with_id", "last")

    def __init__(self, *, hold_arguments: bool, warnings: Counter[str]) -> None:
        self._hold = hold_arguments
        self._warnings = warnings
        self._calls: list[ToolCall] = []
        self._at_index: dict[int, ToolCall] = {}
        self._with_id: dict[str, ToolCall] = {}
        self.last: ToolCall | None = None
        """The call of the last fragment."""

    def fragment_to_call(self, fragment: ToolFragment) -> ToolCall:
        """The call of ``fragment``, a new one where it begins one."""
        call = self._known_call(fragment)
        if call is None or _begins_another(call, fragment):
            call = self._new_call(fragment)
        self.last = call
        if fragment.id and not call.upstream_id:
            call.upstream_id = fragment.id
            self._with_id[fragment.id] = call
        return call

    def nameless(self) -> int:
        """Number of calls that never got a name."""
        return sum(not call.name for call in self._calls)

    def _known_call(self, fragment: ToolFragment) -> ToolCall | None:
        if fragment.whole:
            return None
        if fragment.place is not None:
            return self._at_index.get(fragment.place)
        last = self.last
        if not fragment.id:
            return last
        # An id that comes after its call's name is not yet another call.
        late = last if last and not last.upstream_id and not fragment.name else None
        return self._with_id.get(fragment.id, late)

    def _new_call(self, fragment: ToolFragment) -> ToolCall:
        arguments = CallArguments(
            hold=self._hold or fragment.whole, custom=fragment.custom, warnings=self._warnings
        )
        place = None if fragment.whole else fragment.place
        call = ToolCall(place, arguments)
        if place is not None:
            self._at_index[place] = call
        self._calls.append(call)
        return call


def _begins_another(call: ToolCall, fragment: ToolFragment) -> bool:
    """True when ``fragment`` begins a new call at the place of ``call``.

    A new id together with a name says so (some servers send index 0 for all). Without a new id
    a name says so when the arguments of ``call`` are whole, not ``{}``, and other ones come with it.
    """
    if not fragment.name:
        return False
    if fragment.id and call.upstream_id and fragment.id != call.upstream_id:
        return True
    if not call.name:
        return False
    if fragment.place is None and fragment.name != call.name:
        return True
    return (
        not (fragment.arguments == "" or fragment.arguments.isspace())
        and call.arguments.settled
        and not call.arguments.is_copy(fragment.arguments)
    )
