"""Turns -> messages, in the order that Chat Completions requires.

Rule: tool messages follow their calls directly, two user or two assistant messages never follow
each other, and no message is empty, in whatever order the client's turns and blocks are
(docs/protocol.md section 2).

The user and system turns between two assistant turns form one run: first its tool results, then the
images and files of these results, then everything else in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, ClassVar

from proxy.convert.request.assistant_draft import AssistantDraft
from proxy.convert.request.block_types import (
    ASSISTANT_CONVERTER_FOR_BLOCK,
    add_content,
    user_block_to_parts,
)
from proxy.convert.request.caching import single_text_content, user_content
from proxy.convert.request.parts import Block, ChatMessage, Part, TurnContext, text_part
from proxy.convert.request.system import system_message, system_turn_part
from proxy.convert.request.tool_results import tool_result_to_message

Turn = tuple[str, Any]
"""Role and content."""

Converters = Mapping[str, Callable[[Block, Any], None] | None]

_TYPE_OF = itemgetter("type")
_APART_TYPES_FOR_ROLE: Mapping[str, frozenset[str]] = {
    "user": frozenset({"mid_conv_system"}),
    "assistant": frozenset({"mid_conv_system", "compaction"}),
}
"""Types of blocks that become turns of another role, by the role of the turn that contains them."""


def request_to_messages(
    request: Mapping[str, Any], system_line: str | None, context: TurnContext
) -> list[ChatMessage]:
    """Every message of the converted request.

    ``system_line`` is the last line of the system message. A final assistant message is not changed
    here, but by ``prefill``. Raises RefusedBlock for a block that cannot be converted.
    """
    first, messages = ordered(request, system_line, Conversation(context), context)
    return [first, *messages] if first else messages


def ordered(
    request: Mapping[str, Any],
    system_line: str | None,
    conversation: Conversation,
    context: TurnContext,
) -> tuple[ChatMessage | None, list[ChatMessage]]:
    """The first system message, and the messages that ``conversation`` makes of the other turns."""
    turns: Sequence[Mapping[str, Any]] = request["messages"]
    last_user = next((i for i in reversed(range(len(turns))) if turns[i]["role"] == "user"), -1)
    prompts = [request.get("system")]
    leading = True
    for index, turn in enumerate(turns):
        role = turn["role"]
        leading = leading and role == "system"
        if role != "system":
            conversation.add_turn(role, turn.get("content"))
            continue
        if turn.get("output_config"):
            context.drops.drop("system.output_config")
        if index < last_user and turn.get("clear_at") == "next_user_message":
            continue
        if leading:
            prompts.append(turn.get("content"))
        else:
            conversation.add_system(turn.get("content"))
    messages = conversation.finish()
    return system_message(prompts, system_line, context), messages


class Conversation:
    """The finished messages, then an unfinished assistant message, then the run after it.

    A turn without content is ignored: the content before and after it becomes one message. The forms of
    Chat Completions are in what a subclass may replace: the class attributes, ``new_draft`` and
    ``segment_message``.
    """

    __slots__ = (
        "_attachments",
        "_context",
        "_draft",
        "_messages",
        "_next",
        "_results",
        "_segments",
    )

    converters: ClassVar[Converters] = ASSISTANT_CONVERTER_FOR_BLOCK
    """Those of the blocks of assistant turns; they take the drafts of ``new_draft``."""
    convert_result = staticmethod(tool_result_to_message)
    """Returns the message for a tool result, and parts for the user message after it."""

    def __init__(self, context: TurnContext) -> None:
        self._context = context
        self._messages: list[ChatMessage] = []
        self._draft = self.new_draft()
        self._next: AssistantDraft | None = None
        """The assistant message after the run, as long as it contains only thinking."""
        self._start_run()

    def _start_run(self) -> None:
        self._results: list[ChatMessage] = []
        self._attachments: list[Part] = []
        self._segments: list[tuple[str, list[Part]]] = []

    def add_turn(self, role: str, content: Any) -> None:
        """Add a turn of the user or the assistant, which may become several messages or none."""
        apart = _APART_TYPES_FOR_ROLE[role]
        if not content or isinstance(content, str) or apart.isdisjoint(map(_TYPE_OF, content)):
            self._add_piece(role, content or [])
            return
        for piece_role, piece in _pieces(role, content):
            self._add_piece(piece_role, piece)

    def add_system(self, content: Any) -> None:
        """Add a system turn that is not one of the leading ones."""
        part = system_turn_part(content, self._context)
        profile = self._context.profile
        if part is not None:
            wrapped = profile.mid_system == "wrap"
            self._add_parts("user" if wrapped else profile.system_role, [part])

    def finish(self) -> list[ChatMessage]:
        """Finish the open messages and return all."""
        self._close()
        return self._messages

    def _add_piece(self, role: str, piece: Any) -> None:
        if role == "assistant":
            self._add_assistant(piece)
        elif role == "system":
            self.add_system(piece)
        elif isinstance(piece, str):
            self._add_parts("user", [text_part(piece)])
        else:
            self._add_user_blocks(piece)

    def _add_assistant(self, content: str | list[Block]) -> None:
        waits_for_results = self._draft.has_calls and not self._results
        if waits_for_results or not (self._results or self._segments):
            # Content of the same message; only system turns can be between the two.
            add_content(content, self._draft, self.converters)
            return
        following = self._next or self.new_draft()
        add_content(content, following, self.converters)
        if following.is_empty:
            self._next = following
            return
        self._close()
        self._draft, self._next = following, None

    def _add_user_blocks(self, blocks: list[Block]) -> None:
        parts: list[Part] = []
        for block in blocks:
            if block["type"] == "tool_result":
                message, attachments = self.convert_result(block, self._context)
                self._results.append(message)
                self._attachments += attachments
            else:
                parts += user_block_to_parts(block, self._context)
        if parts:
            self._add_parts("user", parts)

    def _add_parts(self, role: str, parts: list[Part]) -> None:
        self._next = None
        if role == "user" and self._segments and self._segments[-1][0] == "user":
            self._segments[-1][1].extend(parts)
        else:
            self._segments.append((role, parts))

    def _close(self) -> None:
        if not self._draft.is_empty:
            self._draft.add_to(self._messages)
        if self._attachments:
            self._put_attachments_first()
        self._messages += self._results
        for role, parts in self._segments:
            self._messages.append(self.segment_message(role, parts))
        self._start_run()

    def new_draft(self) -> AssistantDraft:
        """An empty assistant message."""
        return AssistantDraft(self._context)

    def segment_message(self, role: str, parts: list[Part]) -> ChatMessage:
        """The message for turns of the user, or for a system turn, which is one text part."""
        content = (
            user_content(parts, self._context.profile)
            if role == "user"
            else single_text_content(parts[0])
        )
        return {"role": role, "content": content}

    def _put_attachments_first(self) -> None:
        if self._segments and self._segments[0][0] == "user":
            self._segments[0][1][:0] = self._attachments
        else:
            self._segments.insert(0, ("user", self._attachments))


def _pieces(role: str, content: list[Block]) -> Iterator[Turn]:
    """``content``, split at the blocks that become turns of another role.

    In a turn with tool calls these come last, so that the results follow the calls directly.
    """
    apart = _APART_TYPES_FOR_ROLE[role]
    rest: list[Block] = []
    later: list[Turn] = []
    calls = False
    for block in content:
        if block["type"] not in apart:
            rest.append(block)
            calls = calls or block["type"] == "tool_use"
        elif calls:
            later.append(_turn_of(block))
        else:
            yield role, rest
            yield _turn_of(block)
            rest = []
    yield role, rest
    yield from later


def _turn_of(block: Block) -> Turn:
    if block["type"] == "compaction":
        return "user", [block]
    content = block.get("content")
    return "system", block.get("text") if content is None else content
