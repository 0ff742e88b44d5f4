"""One assistant message under construction.

Rule: the model's texts are joined without a separator, calls keep their order, and private state is
attached to its call, whether it comes before or after it (docs/protocol.md 2.5, 2.6, 10.3).
"""

from __future__ import annotations

from typing import Any

from proxy.convert.reply.private_state import unpack_message_state, unpack_tool_state
from proxy.convert.request.caching import carry_marker
from proxy.convert.request.parts import Block, ChatMessage, Part, TurnContext, text_part
from proxy.convert.request.reasoning_history import ReasoningHistory


class PrivateState:
    """Private state (``extra_content``) of the message and of its calls, by the client's ids."""

    __slots__ = ("_call_for_id", "_state_for_id", "of_message")

    def __init__(self) -> None:
        self.of_message: dict[str, Any] | None = None
        self._call_for_id: dict[str, dict[str, Any]] = {}
        self._state_for_id: dict[str, dict[str, Any]] = {}
        """State that came before its call."""

    def add_call(self, client_id: str, call: dict[str, Any]) -> None:
        """Register ``call``, and attach its state if ``add`` received that already."""
        if client_id in self._state_for_id:
            call["extra_content"] = self._state_for_id[client_id]
        self._call_for_id[client_id] = call

    def add(self, data: str) -> bool:
        """Add the state packed in ``data``, which the client sent back; False if there is none."""
        of_call = unpack_tool_state(data)
        if of_call is not None:
            self._add_of_call(*of_call)
            return True
        of_message = unpack_message_state(data)
        self.of_message = of_message or self.of_message
        return of_message is not None

    def _add_of_call(self, client_id: str, state: dict[str, Any]) -> None:
        if client_id in self._call_for_id:
            self._call_for_id[client_id]["extra_content"] = state
        else:
            self._state_for_id[client_id] = state


class AssistantDraft:
    """The message so far; ``add_to`` may be called once it is not empty."""

    __slots__ = (
        "_after_aside",
        "_reasoning",
        "_texts",
        "calls",
        "context",
        "marker",
        "private_state",
        "server_calls",
    )

    def __init__(self, context: TurnContext) -> None:
        self.context = context
        self._texts: list[str] = []
        self._after_aside = False
        self.marker: Part = {}
        """The cache marker of the text, if it has one."""
        self.calls: list[dict[str, Any]] = []
        self.server_calls: dict[str, str] = {}
        """Names of the server tools called so far, by id of the call."""
        self.private_state = PrivateState() if context.profile.extra_content else None
        """None if the upstream has no such state."""
        self._reasoning: ReasoningHistory | None = None

    @property
    def reasoning(self) -> ReasoningHistory:
        """Created when first used: most messages have no thinking."""
        if self._reasoning is None:
            self._reasoning = ReasoningHistory(self.context.profile.reasoning_history)
        return self._reasoning

    @property
    def has_calls(self) -> bool:
        return bool(self.calls)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to send; thinking alone is not a message (docs/protocol.md 2.9)."""
        return not self._texts and not self.calls

    def add_text(self, text: str) -> None:
        """Add text that the model wrote."""
        if self._after_aside:
            self._texts.append("\n")
            self._after_aside = False
        self._texts.append(text)

    def add_aside(self, text: str, block: Block) -> None:
        """Add ``text`` on separate lines, in place of a block that has no equivalent upstream."""
        carry_marker(self.marker, block, self.context)
        if self._texts and not self._texts[-1].endswith("\n"):
            self._texts.append("\n")
        self._texts.append(text)
        self._after_aside = True

    def add_to(self, messages: list[ChatMessage]) -> None:
        """Add the finished message to ``messages``."""
        message: ChatMessage = {"role": "assistant", "content": self._content()}
        if self.calls:
            message["tool_calls"] = self.calls
        if self._reasoning is not None:
            message |= self._reasoning.fields()
        if self.calls and self.context.profile.reasoning_history == "reasoning_content":
            # These upstreams refuse a tool call without this field, and a client that compacted its
            # history has no thinking to send.
            message.setdefault("reasoning_content", "")
        if self.private_state is not None and self.private_state.of_message:
            message["extra_content"] = self.private_state.of_message
        messages.append(message)

    def _content(self) -> str | list[Part] | None:
        if self._texts:
            text = "".join(self._texts)
            return [{**text_part(text), **self.marker}] if self.marker else text
        return None if self.context.profile.null_content else ""
