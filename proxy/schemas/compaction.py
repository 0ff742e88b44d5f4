"""Shapes and rules of ``compaction`` and of the edit ``compact_20260112``.

Rule: the shapes are those of Anthropic's ``BetaCompactionConfigParam`` and
``BetaCompact20260112EditParam``. A request that cannot be compacted is refused, with the error code that
SDKs read where there is one (docs/protocol.md 1.7).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from marshmallow.validate import Range

from proxy.errors import InvalidRequest
from proxy.schemas import wording
from proxy.schemas.fields import Flag, Integer, Tagged, Text, WireSchema

Request = Mapping[str, Any]

COMPACT_EDIT = "compact_20260112"


class Summarize(WireSchema):
    instructions = Text()


COMPACTIONS = {"summarize": Summarize()}


class InputTokens(WireSchema):
    value = Integer(
        required=True, validate=Range(min=1, error="Input should be greater than or equal to 1")
    )


class CompactEdit(WireSchema):
    instructions = Text()
    pause_after_compaction = Flag()
    trigger = Tagged({"input_tokens": InputTokens()})


_EDIT = CompactEdit()
_EXCLUDED: Mapping[str, Callable[[Request], bool]] = {
    "context_management": lambda request: bool(request.get("context_management")),
    "stop_sequences": lambda request: bool(request.get("stop_sequences")),
    "output_format": lambda request: bool(request.get("output_format")),
    "output_config.format": lambda request: bool(
        (request.get("output_config") or {}).get("format")
    ),
    "a tool_choice of type 'any' or 'tool'": lambda request: (
        (request.get("tool_choice") or {}).get("type") in ("any", "tool")
    ),
}
"""Fields that cannot be combined with ``compaction`` -> whether a request has them."""


def compact_edit(request: Request) -> Mapping[str, Any] | None:
    """The first edit ``compact_20260112`` of ``context_management``; None without one."""
    return next((edit for _, edit in _compact_edits(request)), None)


def check_compaction(request: Request) -> None:
    """Raise ``InvalidRequest`` if a validated request for a message asks for an invalid compaction.

    With a ``thread`` the request contains only a part of the history, so only the edits are checked.
    """
    for index, edit in _compact_edits(request):
        errors = _EDIT.validate(edit)
        if errors:
            path = f"context_management.edits.{index}.{COMPACT_EDIT}"
            raise InvalidRequest(f"{path}.{wording.first_error(errors)}")
    if request.get("compaction") is None or request.get("thread") is not None:
        return
    for name, present in _EXCLUDED.items():
        if present(request):
            raise InvalidRequest(f"compaction: cannot be combined with {name}")
    _check_history(request["messages"])


def _compact_edits(request: Request) -> list[tuple[int, Mapping[str, Any]]]:
    management = request.get("context_management")
    edits = management.get("edits") if type(management) is dict else None
    return [
        (index, edit)
        for index, edit in enumerate(edits if type(edits) is list else ())
        if type(edit) is dict and edit.get("type") == COMPACT_EDIT
    ]


def _check_history(turns: list[Mapping[str, Any]]) -> None:
    spoken = [turn for turn in turns if turn["role"] != "system" and _holds_anything(turn)]
    if not spoken:
        raise InvalidRequest(
            "compaction: messages hold no user or assistant content to summarize",
            details={"error_code": "compaction_nothing_to_summarize"},
        )
    if _has_calls(spoken[-1]):
        raise InvalidRequest(
            "compaction: messages end on an assistant turn that is not finished",
            details={"error_code": "compaction_incomplete_turn"},
        )


def _has_calls(turn: Mapping[str, Any]) -> bool:
    content = turn["content"]
    return type(content) is list and any(block["type"] == "tool_use" for block in content)


def _holds_anything(turn: Mapping[str, Any]) -> bool:
    content = turn.get("content")
    if type(content) is not list:
        return bool(content and content.strip())
    return any(block["type"] != "text" or block["text"].strip() for block in content)
