"""Rules between the turns of a well-formed request.

Rule: these rules run after all fields were validated; pairing is checked last (docs/protocol.md 2.7,
section 9 and section 11).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from proxy.errors import Complaint, InvalidRequest
from proxy.schemas import wording

Turn = Mapping[str, Any]

ROLE_FOR_BLOCK: Mapping[str, str] = {
    "tool_result": "user",
    "tool_use": "assistant",
    "thinking": "assistant",
    "redacted_thinking": "assistant",
    "tool_addition": "system",
    "tool_removal": "system",
}
"""Block types that are only allowed in turns of one role (edge case 22)."""


def check_turns(turns: Sequence[Turn]) -> None:
    """Raise InvalidRequest for an empty turn, or a block in a turn of the wrong role.

    The final assistant turn may be empty. A system turn may be empty too, because it may have only
    fields, and a blank one is ignored.
    """
    last = len(turns) - 1
    for index, turn in enumerate(turns):
        content = turn.get("content")
        if not content:
            role = turn["role"]
            if role != "system" and not (index == last and role == "assistant"):
                raise InvalidRequest(
                    f"messages.{index}: all messages must have non-empty content except for the "
                    "optional final assistant message"
                )
        elif type(content) is list:
            _check_roles(index, turn["role"], content)


def _check_roles(index: int, role: str, blocks: Sequence[Mapping[str, Any]]) -> None:
    role_for = ROLE_FOR_BLOCK.get
    for block in blocks:
        if role_for(block["type"], role) != role:
            position = next(i for i, each in enumerate(blocks) if each is block)
            raise InvalidRequest(
                f"messages.{index}.content.{position}: `{block['type']}` blocks can only be in "
                f"`{ROLE_FOR_BLOCK[block['type']]}` messages"
            )


def check_pairing(turns: Sequence[Turn]) -> None:
    """Raise InvalidRequest unless every ``tool_use`` has a result in the next turn, and vice versa.

    Two calls of one turn must not have the same id. Consecutive turns of one role count as one, and
    system turns are ignored. Calls in the last turn may have no results.
    """
    calls: dict[str, int] = {}
    answered: set[str] = set()
    orphan: str | None = None
    previous = "assistant"
    for index, turn in enumerate(turns):
        role = turn["role"]
        if role == "system":
            continue
        if role == "assistant" and previous == "user":
            _close_exchange(calls, answered, orphan)
            calls, answered = {}, set()
        previous = role
        content = turn.get("content")
        if type(content) is not list:
            continue
        if role == "assistant":
            _note_calls(content, calls, index)
        elif not _note_results(content, calls, answered) and orphan is None:
            orphan = _orphan(turn, index, calls)
    if previous == "user":
        _close_exchange(calls, answered, orphan)


def _note_calls(blocks: Sequence[Mapping[str, Any]], calls: dict[str, int], index: int) -> None:
    """Add the ids of the calls among ``blocks``, of turn ``index``, to ``calls``."""
    for block in blocks:
        if block["type"] == "tool_use":
            if block["id"] in calls:
                position = next(i for i, each in enumerate(blocks) if each is block)
                raise InvalidRequest(
                    f"messages.{index}.content.{position}: `tool_use` ids must be unique"
                )
            calls[block["id"]] = index


def _note_results(
    blocks: Sequence[Mapping[str, Any]], calls: Mapping[str, int], answered: set[str]
) -> bool:
    """Add the ids of the results among ``blocks`` to ``answered``; False if one has no call."""
    paired = True
    # A plain loop, because collecting the ids of each turn first doubled the time.
    for block in blocks:
        if block["type"] == "tool_result":
            tool_id = block["tool_use_id"]
            answered.add(tool_id)
            paired = paired and tool_id in calls
    return paired


def _close_exchange(calls: Mapping[str, int], answered: set[str], orphan: str | None) -> None:
    """Raise InvalidRequest for a call without a result, else for a result without a call."""
    if not calls.keys() <= answered:
        open_calls = {tool_id: index for tool_id, index in calls.items() if tool_id not in answered}
        first = min(open_calls.values())
        ids = ", ".join(tool_id for tool_id, index in open_calls.items() if index == first)
        kind = (
            f"messages.{first}: `tool_use` ids were found without `tool_result` blocks immediately "
            "after"
        )
        raise InvalidRequest(
            Complaint(
                f"{kind}: {wording.shown(ids)}. Each `tool_use` block must have a corresponding "
                "`tool_result` block in the next message.",
                kind,
            )
        )
    if orphan is not None:
        raise InvalidRequest(orphan)


def _orphan(turn: Turn, index: int, calls: Mapping[str, int]) -> str:
    position, tool_id = next(
        (position, block["tool_use_id"])
        for position, block in enumerate(turn["content"])
        if block["type"] == "tool_result" and block["tool_use_id"] not in calls
    )
    kind = f"messages.{index}.content.{position}: unexpected `tool_use_id` found in `tool_result` blocks"
    return Complaint(
        f"{kind}: {wording.shown(tool_id)}. Each `tool_result` block must have a corresponding "
        "`tool_use` block in the previous message.",
        kind,
    )
