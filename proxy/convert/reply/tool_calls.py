"""Tool calls of an answer: fragments in any order -> one ``tool_use`` block after another.

Rule: upstreams interleave calls, but the Messages API does not. The first open call is streamed. Calls
that begin before it is complete wait in a queue, in the order in which they got their names. They follow
when it is complete, when text or reasoning arrives, or at the end (docs/protocol.md section 4, the queue
table).
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import Any

from proxy.convert.reply.arguments import is_writable
from proxy.convert.reply.call_matching import CallMatcher, ToolCall
from proxy.convert.reply.carried_ids import can_be_carried
from proxy.convert.reply.context import ReplyContext
from proxy.convert.reply.declared_tools import DeclaredTools
from proxy.convert.reply.limits import Pause, no_pause
from proxy.convert.reply.pieces import ToolFragment
from proxy.convert.reply.private_state import pack_call_id, pack_tool_state
from proxy.convert.reply.reply_ids import AnswerToolIds
from proxy.convert.reply.stream_blocks import BlockWriter
from proxy.convert.reply.tool_fragments import LEGACY_PLACE
from proxy.convert.reply.usage import ReplyUsage

LONGEST_KEPT_ID = 16_384
"""Longest upstream id, in characters, that is returned to the upstream; some gateways put a signature
into ids."""


class CallStates:
    """Private state of calls, written as ``redacted_thinking`` blocks before or after them."""

    __slots__ = ("_blocks", "_late", "written")

    def __init__(self, blocks: BlockWriter) -> None:
        self._blocks = blocks
        self._late: list[ToolCall] = []
        """Calls whose state arrived after they were closed."""
        self.written = False
        """True once the state of a call was written."""

    def keep(self, call: ToolCall, state: Mapping[str, Any]) -> None:
        """Keep ``state`` until the block of ``call`` begins or ends."""
        if state == call.written_state:
            return
        call.state = state
        if call.closed:
            self._late.append(call)

    def write_id(self, call: ToolCall) -> bool:
        """Write the upstream's id of ``call`` if the client's id does not contain it; False if it is lost."""
        upstream_id = call.upstream_id
        if not upstream_id or call.block_id == upstream_id or can_be_carried(upstream_id):
            return True
        if len(upstream_id) > LONGEST_KEPT_ID or not is_writable(upstream_id):
            return False
        self._blocks.redacted(pack_call_id(call.block_id, upstream_id))
        return True

    def write(self, call: ToolCall) -> None:
        """Write the state of ``call``: before the call, or after it if the state arrived too late."""
        if call.state is not None:
            self._blocks.redacted(pack_tool_state(call.block_id, call.state))
            call.written_state, call.state = call.state, None
            self.written = True

    def end(self) -> None:
        """Write the state of calls that were closed before it arrived."""
        for call in self._late:
            self.write(call)


class ToolCalls:
    """The tool calls of one answer and the order of their blocks."""

    def __init__(
        self,
        reply: ReplyContext,
        blocks: BlockWriter,
        usage: ReplyUsage,
        warnings: Counter[str],
        pause: Pause = no_pause,
    ) -> None:
        self._reply = reply
        self._blocks = blocks
        self._usage = usage
        self._warnings = warnings
        self._ids = AnswerToolIds(reply)
        self._declared = DeclaredTools(reply.functions, reply.schemas)
        self._matcher = CallMatcher(
            hold_arguments=reply.tool_args == "buffer", warnings=warnings, pause=pause
        )
        self._states = CallStates(blocks)
        self._queue: deque[ToolCall] = deque()
        self._begun: set[ToolCall] = set()
        """The calls in the queue whose arguments have begun but are not complete."""
        self._open: ToolCall | None = None
        self._first: ToolCall | None = None
        self.cut = False
        """True once a call was closed with incomplete arguments, because the output limit was reached."""

    @property
    def used(self) -> bool:
        """True once a ``tool_use`` block was opened."""
        return self._first is not None

    @property
    def unfinished(self) -> bool:
        """True while the arguments of a call are incomplete."""
        if self._begun:
            return True
        return self._open is not None and not self._open.arguments.complete

    @property
    def settled(self) -> bool:
        """True if no call is open, or if nothing can follow the arguments of the open one."""
        return self._open is None or self._open.arguments.settled

    @property
    def complete(self) -> bool:
        """True if no call is open, or if the open one has a complete JSON value or no arguments."""
        return self._open is None or not self._open.arguments.unfinished

    @property
    def sole(self) -> tuple[int, str] | None:
        """Index and upstream's id of the open call; None if others wait, or if it has no index.

        This proxy chose the index of a legacy call, so no fragment can contain it.
        """
        call = self._open
        if call is None or self._queue or call.index is None or call.index == LEGACY_PLACE:
            return None
        return call.index, call.upstream_id

    def feed(self, fragment: ToolFragment) -> None:
        """Take a fragment of a call; raises ``UpstreamError`` for runaway arguments."""
        if fragment.name:
            fragment = self._with_declared_name(fragment)
        call = self._matcher.fragment_to_call(fragment)
        if fragment.state:
            self._states.keep(call, fragment.state)
        if fragment.arguments:
            self._usage.add(fragment.arguments)
        named_now = bool(fragment.name) and not call.name
        if named_now:
            self._name(call, fragment.name)
        if fragment.arguments and not call.name:
            call.early.append(fragment)
        elif fragment.arguments:
            self._add_arguments(call, fragment)
        if named_now:
            self._usage.add(fragment.name)
            self._queue.append(call)
        self._advance()
        if self._queue:
            self._note_begun(call)

    def pass_on(self, fragments: Sequence[str]) -> bool:
        """Note arguments of the open call that are sent unchanged; False if they cannot be."""
        if self._open is None or not self._open.arguments.pass_on(fragments):
            return False
        self._matcher.last = self._open
        self._usage.add("".join(fragments))
        return True

    def close_all(self, *, limit_reached: bool = False) -> None:
        """Close the open call, then open and close every queued one, because other content follows."""
        self._close(limit_reached=limit_reached)
        while self._queue:
            self._start(self._queue.popleft())
            self._close(limit_reached=limit_reached)

    def end(self, *, limit_reached: bool = False) -> None:
        """Close all calls; a call without a name is dropped with a warning.

        ``limit_reached``: the output limit ended the answer, and also an unfinished call.
        """
        self.close_all(limit_reached=limit_reached)
        self._states.end()
        nameless = self._matcher.nameless()
        if nameless:
            self._warnings["nameless_tool_call"] += nameless

    def adopt(self, state: Mapping[str, Any]) -> bool:
        """Assign private state of the message to the first call.

        False if there is no call, or if the upstream already assigned state to calls. Call it after
        ``end``.
        """
        if self._first is None or self._states.written:
            return False
        self._first.state = state
        self._states.write(self._first)
        return True

    def _with_declared_name(self, fragment: ToolFragment) -> ToolFragment:
        if self._reply.toolsets:
            fragment = fragment._replace(name=self._member(fragment.name))
        name = self._declared.name(fragment.name)
        if name == fragment.name:
            return fragment
        self._warnings["repaired_tool_name"] += 1
        return fragment._replace(name=name)

    def _member(self, name: str) -> str:
        """The function of the toolset's member that is called ``name`` alone; else ``name``."""
        toolsets = self._reply.toolsets
        if name not in toolsets:
            return name
        wanted = (name, toolsets[name])
        names = self._reply.tool_names.items()
        return next((sent for sent, own in names if (own, toolsets.get(sent)) == wanted), name)

    def _name(self, call: ToolCall, name: str) -> None:
        call.name = name
        call.arguments.expect(self._declared.types(name), self._declared.recoded(name))
        for fragment in call.early:
            self._add_arguments(call, fragment)
        call.early.clear()

    def _add_arguments(self, call: ToolCall, fragment: ToolFragment) -> None:
        if call.closed:
            self._warnings["arguments_for_closed_call"] += 1
            return
        add = call.arguments.add if fragment.encoded else call.arguments.add_object
        text = add(fragment.arguments)
        if text:
            call.unsent.append(text)
            self._send(call)

    def _send(self, call: ToolCall) -> None:
        """Send the waiting arguments of ``call``; a single ``{`` waits, since it may become ``{}``."""
        if call is self._open and call.unsent and not call.arguments.empty:
            self._blocks.arguments("".join(call.unsent))
            call.unsent.clear()

    def _note_begun(self, call: ToolCall) -> None:
        waits = call.name and not call.closed and call is not self._open
        if waits and call.arguments.unfinished:
            self._begun.add(call)
        else:
            self._begun.discard(call)

    def _advance(self) -> None:
        """Open queued calls while the call before them is complete."""
        while self._queue and (self._open is None or self._open.arguments.settled):
            self._close()
            self._start(self._queue.popleft())

    def _start(self, call: ToolCall) -> None:
        self._begun.discard(call)
        call.block_id = self._ids.take(call.upstream_id)
        if not self._states.write_id(call):
            self._warnings["dropped_tool_id"] += 1
        self._states.write(call)
        name = self._reply.tool_names.get(call.name, call.name)
        self._blocks.start_tool(call.block_id, name, self._reply.toolsets.get(call.name))
        self._open = call
        self._first = self._first or call
        self._send(call)

    def _close(self, *, limit_reached: bool = False) -> None:
        call, self._open = self._open, None
        if call is None:
            return
        cut = limit_reached and call.arguments.unfinished
        self.cut = self.cut or cut
        rest = "".join((*call.unsent, call.arguments.rest(cut=cut)))
        if rest:
            self._blocks.arguments(rest)
        self._blocks.close()
        call.closed = True
        self._states.write(call)
