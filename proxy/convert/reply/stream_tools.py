"""Tool calls of a streamed reply: fragments in any order -> one ``tool_use`` block after another.

Rule: upstreams interleave calls, the Messages API does not. The first open call streams; calls that
begin before it is complete wait in a queue, in the order they were named, and follow when it is
complete, when text or reasoning comes, or at the end (docs/protocol.md section 4, the queue table).
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import Any

from proxy.convert.reply.call_arguments import CallArguments
from proxy.convert.reply.context import ReplyContext
from proxy.convert.reply.private_state import pack_tool_state
from proxy.convert.reply.reply_ids import AnswerToolIds
from proxy.convert.reply.stream_blocks import BlockWriter
from proxy.convert.reply.tool_fragments import ToolFragment
from proxy.convert.reply.usage import ReplyUsage


class ToolCall:
    """One call of the reply. ``block_id`` is set once its block was opened."""

    __slots__ = (
        "arguments",
        "block_id",
        "closed",
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
        self.unsent: list[str] = []
        """Arguments that wait for the call's block."""
        self.state: Mapping[str, Any] | None = None
        """Private state that is not yet written."""
        self.written_state: Mapping[str, Any] | None = None


class ToolCalls:
    """The tool calls of one reply and the order of their blocks."""

    def __init__(
        self,
        reply: ReplyContext,
        blocks: BlockWriter,
        usage: ReplyUsage,
        warnings: Counter[str],
    ) -> None:
        self._reply = reply
        self._blocks = blocks
        self._usage = usage
        self._warnings = warnings
        self._ids = AnswerToolIds(reply)
        self._at_index: dict[int, ToolCall] = {}
        self._with_id: dict[str, ToolCall] = {}
        self._last: ToolCall | None = None
        self._nameless: set[ToolCall] = set()
        self._queue: deque[ToolCall] = deque()
        self._open: ToolCall | None = None
        self._first: ToolCall | None = None
        self._stateful = False
        self._late: list[ToolCall] = []
        """Closed calls whose private state came afterwards."""
        self.used = False
        """True once a ``tool_use`` block was opened."""

    @property
    def unfinished(self) -> bool:
        """True while a call is in the middle of its arguments."""
        return self._open is not None and self._open.arguments.unfinished

    @property
    def sole(self) -> tuple[int, str] | None:
        """Index and upstream's id of the open call; None while others wait or without an index."""
        call = self._open
        if call is None or self._queue or call.index is None:
            return None
        return call.index, call.upstream_id

    def feed(self, fragment: ToolFragment) -> None:
        """Take a fragment of a streamed call; raises ``UpstreamError`` for runaway arguments."""
        call = self._call_of(fragment)
        if call is None or self._is_another(call, fragment):
            call = self._begin(fragment)
        self._take(call, fragment)

    def feed_whole(self, fragment: ToolFragment) -> None:
        """Take a call that came whole: neither its index nor its id joins it to another one."""
        self._take(self._begin(fragment._replace(place=None)), fragment)

    def more(self, arguments: str) -> None:
        """Arguments for the open call."""
        assert self._open is not None
        self._usage.add(arguments)
        text = self._open.arguments.add(arguments)
        if text:
            self._blocks.arguments(text)

    def pass_on(self, fragments: Sequence[str]) -> bool:
        """Note arguments of the open call that are sent as they are; False if they cannot be."""
        if self._open is None or not self._open.arguments.pass_on(fragments):
            return False
        self._usage.add("".join(fragments))
        return True

    def settle(self) -> None:
        """Close the open call and every queued one: something else follows."""
        self._close()
        while self._queue:
            self._start(self._queue.popleft())
            self._close()

    def end(self) -> None:
        """Settle; what never got a name is dropped with a warning."""
        self.settle()
        for call in self._late:
            self._write_state(call)
        if self._nameless:
            self._warnings["nameless_tool_call"] += len(self._nameless)

    def adopt(self, state: Mapping[str, Any]) -> bool:
        """Take private state that came beside the calls for that of the first one.

        False where there is no call, or where the upstream itself said which state is whose. For
        after the end.
        """
        if self._first is None or self._stateful:
            return False
        self._first.state = state
        self._write_state(self._first)
        return True

    def _call_of(self, fragment: ToolFragment) -> ToolCall | None:
        if fragment.place is not None:
            return self._at_index.get(fragment.place)
        last = self._last
        if not fragment.id:
            return last
        # An id that comes after its call's name is not yet another call.
        late = last if last and not last.upstream_id and not fragment.name else None
        return self._with_id.get(fragment.id, late)

    def _is_another(self, call: ToolCall, fragment: ToolFragment) -> bool:
        """True when ``fragment`` begins a new call at the place of ``call``.

        A new id together with a name says so (some servers send index 0 for all). Without a new id
        a name says so when the arguments of ``call`` are whole and other ones come with it.
        """
        if not fragment.name:
            return False
        if fragment.id and call.upstream_id and fragment.id != call.upstream_id:
            return True
        if not call.name or (fragment.place is not None and fragment.id):
            return False
        if fragment.place is None and fragment.name != call.name:
            return True
        return (
            not (fragment.arguments == "" or fragment.arguments.isspace())
            and call.arguments.complete
            and not call.arguments.is_copy(fragment.arguments)
        )

    def _begin(self, fragment: ToolFragment) -> ToolCall:
        arguments = CallArguments(
            hold=self._reply.tool_args == "buffer",
            custom=fragment.custom,
            warnings=self._warnings,
        )
        call = ToolCall(fragment.place, arguments)
        if fragment.place is not None:
            self._at_index[fragment.place] = call
        self._nameless.add(call)
        return call

    def _take(self, call: ToolCall, fragment: ToolFragment) -> None:
        self._last = call
        if fragment.id and not call.upstream_id:
            call.upstream_id = fragment.id
            self._with_id[fragment.id] = call
        if fragment.state:
            self._keep_state(call, fragment.state)
        named_now = bool(fragment.name) and not call.name
        if named_now:
            call.name = fragment.name
            self._nameless.remove(call)
        if fragment.arguments:
            self._add(call, fragment.arguments)
        if named_now:
            self._usage.add(fragment.name)
            self._queue.append(call)
        self._advance()

    def _add(self, call: ToolCall, arguments: str) -> None:
        if call.closed:
            self._warnings["arguments_for_closed_call"] += 1
            return
        self._usage.add(arguments)
        text = call.arguments.add(arguments)
        if not text:
            return
        if call is self._open:
            self._blocks.arguments(text)
        else:
            call.unsent.append(text)

    def _advance(self) -> None:
        """Open queued calls for as long as the one before them is complete."""
        while self._queue and (self._open is None or self._open.arguments.complete):
            self._close()
            self._start(self._queue.popleft())

    def _start(self, call: ToolCall) -> None:
        call.block_id = self._ids.take(call.upstream_id)
        self._write_state(call)
        name = self._reply.tool_names.get(call.name, call.name)
        self._blocks.start_tool(call.block_id, name)
        self._open = call
        self._first = self._first or call
        self.used = True
        if call.unsent:
            self._blocks.arguments("".join(call.unsent))
            call.unsent.clear()

    def _close(self) -> None:
        call, self._open = self._open, None
        if call is None:
            return
        rest = call.arguments.rest()
        if rest:
            self._blocks.arguments(rest)
        self._blocks.close()
        call.closed = True
        self._write_state(call)

    def _keep_state(self, call: ToolCall, state: Mapping[str, Any]) -> None:
        if state == call.written_state:
            return
        call.state = state
        if call.closed:
            self._late.append(call)

    def _write_state(self, call: ToolCall) -> None:
        """Private state goes before its call, or behind it when it came too late for that."""
        if call.state is not None:
            self._blocks.redacted(pack_tool_state(call.block_id, call.state))
            call.written_state, call.state = call.state, None
            self._stateful = True
