"""Fragments of tool calls -> the call to which each belongs.

Rule: upstreams identify a call by index, by id, by both or by neither, and some reuse an index. A fragment
without index and id belongs to the last call (docs/protocol.md section 4, the key of a call).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from proxy.convert.reply.call_arguments import CallArguments
from proxy.convert.reply.limits import MOST_CALLS, Pause, no_pause, too_many
from proxy.convert.reply.pieces import ToolFragment


class ToolCall:
    """One call of the answer. ``block_id`` is set when its block is opened."""

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
        """Fragments with arguments that arrived before the name."""
        self.unsent: list[str] = []
        """Arguments that are sent when the call's block is opened."""
        self.state: Mapping[str, Any] | None = None
        """Private state that was not written yet."""
        self.written_state: Mapping[str, Any] | None = None


class CallMatcher:
    """The calls that the fragments so far belong to."""

    __slots__ = ("_at_index", "_calls", "_hold", "_pause", "_warnings", "_with_id", "last")

    def __init__(
        self, *, hold_arguments: bool, warnings: Counter[str], pause: Pause = no_pause
    ) -> None:
        self._hold = hold_arguments
        self._pause = pause
        self._warnings = warnings
        self._calls: list[ToolCall] = []
        self._at_index: dict[int, ToolCall] = {}
        self._with_id: dict[str, ToolCall] = {}
        self.last: ToolCall | None = None
        """The call of the last fragment."""

    def fragment_to_call(self, fragment: ToolFragment) -> ToolCall:
        """The call of ``fragment``; a new call if the fragment begins one.

        Raises ``UpstreamError`` for more than MOST_CALLS.
        """
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
        # An id that arrives after the name of its call does not begin another call.
        late = last if last and not last.upstream_id and not fragment.name else None
        return self._with_id.get(fragment.id, late)

    def _new_call(self, fragment: ToolFragment) -> ToolCall:
        if len(self._calls) == MOST_CALLS:
            raise too_many("tool calls", MOST_CALLS)
        arguments = CallArguments(
            hold=self._hold or fragment.whole,
            custom=fragment.custom,
            warnings=self._warnings,
            pause=self._pause,
        )
        place = None if fragment.whole else fragment.place
        call = ToolCall(place, arguments)
        if place is not None:
            self._at_index[place] = call
        self._calls.append(call)
        return call


def _begins_another(call: ToolCall, fragment: ToolFragment) -> bool:
    """Whether ``fragment`` begins a new call although it has the index or id of ``call``.

    It does if it has a new id and a name (some servers send index 0 for all calls). Without a new id it
    does if it has a name and other arguments, and the arguments of ``call`` are complete and not ``{}``.
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
