"""Recognises chunks that contain only one plain delta, as nearly all chunks of a stream do.

Rule: these functions return the result of the full path, faster; they return None if it is not certain.
They run once for each token of a stream.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from proxy.convert.reply.events import Event, arguments_delta, text_delta, thinking_delta
from proxy.convert.reply.pieces import Form
from proxy.convert.reply.spellings import REASONING_MEMBERS, TEXT_FORMS

CALL_MEMBERS = frozenset({"tool_calls", "function_call"})

_BESIDE_REASONING = REASONING_MEMBERS | {"content", "refusal", "extra_content", *CALL_MEMBERS}
_BESIDE_TEXT = _BESIDE_REASONING - {"content"}
_BESIDE_CALLS = _BESIDE_REASONING - CALL_MEMBERS
_BESIDE_FORM: Mapping[Form, frozenset[str]] = {
    form: _BESIDE_REASONING - {form} for form in TEXT_FORMS
}
"""For each spelling of reasoning that is plain text: the members that must be empty."""


class Run(NamedTuple):
    """A sequence of plain deltas of one block: text, arguments of ``call``, or reasoning."""

    block: int
    """Index of the block."""
    call: tuple[int, str] | None = None
    """The upstream's index and id of the tool call."""
    form: Form | None = None
    """The spelling of the reasoning."""

    @property
    def member(self) -> str:
        """The member of a delta that contains the string."""
        return "arguments" if self.call else self.form or "content"

    def string_in(self, chunk: object) -> str | None:
        """The string of a chunk that only continues this run; None for any other chunk."""
        if self.call is not None:
            return plain_arguments(chunk, *self.call)
        return plain_text(chunk) if self.form is None else plain_reasoning(chunk, self.form)

    def event(self, text: str) -> Event:
        """The delta event with ``text``."""
        if self.call is not None:
            return arguments_delta(self.block, text)
        return (text_delta if self.form is None else thinking_delta)(self.block, text)


def plain_text(chunk: object) -> str | None:
    """The text of a chunk that contains only text."""
    delta = _plain_delta(chunk)
    if delta is None:
        return None
    text = delta.get("content")
    if text.__class__ is not str or (len(delta) > 1 and _says_more(delta, _BESIDE_TEXT)):
        return None
    return text or None


def plain_reasoning(chunk: object, form: Form) -> str | None:
    """The reasoning of a chunk that contains only reasoning, in the spelling ``form``."""
    delta = _plain_delta(chunk)
    if delta is None:
        return None
    text = delta.get(form)
    if text.__class__ is not str or (len(delta) > 1 and _says_more(delta, _BESIDE_FORM[form])):
        return None
    return text or None


def plain_arguments(chunk: object, index: int, call_id: str) -> str | None:
    """The arguments in a chunk that only continues the tool call at ``index`` with ``call_id``."""
    delta = _plain_delta(chunk)
    if delta is None or (len(delta) > 1 and _says_more(delta, _BESIDE_CALLS)):
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


def _says_more(delta: Mapping[str, Any], beside: frozenset[str]) -> bool:
    """True if one of the members in ``beside`` is not empty."""
    for name, value in delta.items():  # noqa: SIM110 (a generator takes twice as long)
        if value and name in beside:
            return True
    return False


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
