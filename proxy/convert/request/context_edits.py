"""Context edits: clear parts of the history before it is converted.

Rule: the client keeps its history, and the answer reports what was cleared. The semantics are those of
https://platform.claude.com/docs/en/build-with-claude/context-editing (docs/protocol.md 1.6). The client's
blocks are never changed; turns with cleared content are copies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from proxy.convert.request.clear_thinking import clear_thinking
from proxy.convert.request.clear_tool_uses import clear_tool_uses

Request = Mapping[str, Any]
Turns = Sequence[Mapping[str, Any]]
Tokens = Callable[[Request], int]
Clear = Callable[[Turns, Mapping[str, Any], Callable[[], int]], tuple[Turns, dict[str, int]] | None]
"""Takes the turns, the edit, and a function that returns the input tokens. Returns the changed turns and
the counts for ``applied_edits``; None if nothing is cleared."""

EDITS: Mapping[str, Clear] = {
    "clear_tool_uses_20250919": clear_tool_uses,
    "clear_thinking_20251015": clear_thinking,
}
"""By the type of the edit. Edits that are applied elsewhere have no row."""


@dataclass(slots=True)
class _Measured:
    """A request and its input tokens, which are counted at the first use."""

    request: Request
    count: Tokens
    counted: int | None = None

    def tokens(self) -> int:
        if self.counted is None:
            self.counted = self.count(self.request)
        return self.counted


def edits_of(request: Request) -> Sequence[Mapping[str, Any]]:
    """The context edits that ``request`` asks for; empty for almost every request."""
    management = request.get("context_management")
    return (management.get("edits") or ()) if management else ()


def apply_edits(request: Request, count: Tokens) -> tuple[Request, list[dict[str, Any]]]:
    """``request`` after its context edits, and the ``applied_edits`` of the answer.

    The edits are applied in their order. ``count`` returns the input tokens of a request. An edit that
    frees fewer tokens than its ``clear_at_least`` is not applied.
    """
    present = _Measured(request, count)
    applied: list[dict[str, Any]] = []
    for edit in edits_of(request):
        clear = EDITS.get(edit["type"])
        cleared = clear and clear(present.request["messages"], edit, present.tokens)
        if not cleared:
            continue
        turns, counts = cleared
        after = _Measured({**present.request, "messages": turns}, count)
        freed = max(0, present.tokens() - after.tokens())
        least = edit.get("clear_at_least")
        if least and freed < least["value"]:
            continue
        applied.append({"type": edit["type"], **counts, "cleared_input_tokens": freed})
        present = after
    return present.request, applied
