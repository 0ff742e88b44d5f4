"""Chunks that hold one plain delta and nothing else, which nearly all chunks of a stream are.

Rule: these functions find what the full reading would find, faster; in any doubt they return None.
They run once for each token of a stream.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from proxy.convert.reply.events import Event, arguments_delta, text_delta, thinking_delta
from proxy.convert.reply.pieces import Form

_BESIDE_TEXT = (
    "reasoning_content",
    "reasoning",
    "reasoning_details",
    "refusal",
    "tool_calls",
    "function_call",
    "extra_content",
)
_BESIDE_REASONING_CONTENT = ("reasoning", "reasoning_details", "content", *_BESIDE_TEXT[3:])
_BESIDE_REASONING = ("reasoning_content", "reasoning_details", "content", *_BESIDE_TEXT[3:])
_BESIDE_CALLS = ("content", "extra_content", *_BESIDE_TEXT[:4])


class Run(NamedTuple):
    """A stretch of plain deltas of one block: text, or arguments of ``call``, or reasoning."""

    block: int
    """Index of the block."""
    call: tuple[int, str] | None = None
    """The upstream's index and id of the tool call."""
    form: Form | None = None
    """The spelling of the reasoning."""

    @property
    def member(self) -> str:
        """The member of a delta that holds the string."""
        return "arguments" if self.call else self.form or "content"

    def string_in(self, chunk: object) -> str | None:
        """The string of a chunk that goes on with this and holds nothing else."""
        if self.call is not None:
            return plain_arguments(chunk, *self.call)
        return plain_text(chunk) if self.form is None else plain_reasoning(chunk, self.form)

    def event(self, text: str) -> Event:
        """The event that carries ``text``."""
        if self.call is not None:
            return arguments_delta(self.block, text)
        return (text_delta if self.form is None else thinking_delta)(self.block, text)


def plain_text(chunk: object) -> str | None:
    """The text of a chunk that holds nothing but text."""
    delta = _plain_delta(chunk)
    if delta is None:
        return None
    text = delta.get("content")
    if text.__class__ is not str or (len(delta) > 1 and any(map(delta.get, _BESIDE_TEXT))):
        return None
    return text or None


def plain_reasoning(chunk: object, form: Form) -> str | None:
    """The reasoning of a chunk that holds nothing else, in the spelling ``form``."""
    delta = _plain_delta(chunk)
    if delta is None:
        return None
    text = delta.get(form)
    beside = _BESIDE_REASONING if form == "reasoning" else _BESIDE_REASONING_CONTENT
    if text.__class__ is not str or (len(delta) > 1 and any(map(delta.get, beside))):
        return None
    return text or None


def plain_arguments(chunk: object, index: int, call_id: str) -> str | None:
    """The arguments in a chunk that only continues the tool call at ``index`` with ``call_id``."""
    delta = _plain_delta(chunk)
    if delta is None or (len(delta) > 1 and any(map(delta.get, _BESIDE_CALLS))):
        return None
    calls = delta.get("tool_calls")
    if calls.__class__ is not list or len(calls) != 1:
        return None
    call = calls[0]
    if call.__class__ is not dict or call.get("index") != index or call.get("extra_content"):
        return None
    function = call.get("function")
    if function.__class__ is not dict or function.get("name") or "custom" in call:
        return None
    if (call.get("id") or call_id) != call_id:
        return None
    arguments = function.get("arguments")
    return arguments or None if arguments.__class__ is str else None


def _plain_delta(chunk: object) -> dict[str, Any] | None:
    """The delta of a chunk without usage, error or finish reason."""
    if chunk.__class__ is not dict or chunk.get("usage") or chunk.get("error"):
        return None
    choices = chunk.get("choices")
    if choices.__class__ is not list or len(choices) != 1:
        return None
    choice = choices[0]
    if choice.__class__ is not dict or choice.get("finish_reason") or choice.get("usage"):
        return None
    delta = choice.get("delta")
    return delta if delta.__class__ is dict and not choice.get("index") else None
