"""A history with a ``compaction`` block -> a history in which the summary replaces the older turns.

Rule: the last block with a summary replaces everything before it. The replaced turns become empty
system turns, so that the other turns keep the positions that errors name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

from proxy.convert.compaction_seal import is_changed
from proxy.errors import InvalidRequest

Turn = Mapping[str, Any]

COMPACTION = "compaction"
_TYPE_OF = itemgetter("type")
_REPLACED: Turn = {"role": "system"}


def history_after_compaction(turns: list[Any]) -> list[Any]:
    """``turns`` (validated), with the last summary in place of the turns that it summarizes.

    Returns ``turns`` itself if there is no summary. Raises ``InvalidRequest`` for a block in a system turn
    (code of ``CompactionBlockMisplacedError``) and for a summary that the client changed (code of
    ``CompactionContentMismatchError``).
    """
    found = None
    for place in _places(turns):
        found = place
    if found is None:
        return turns
    at, position = found
    block = turns[at]["content"][position]
    if is_changed(block):
        raise InvalidRequest(
            f"messages.{at}.content.{position}.compaction.content: differs from the text that "
            "was returned with this signature",
            details={"error_code": "compaction_content_mismatch"},
        )
    kept = turns[at]["content"][position:]
    return [*[_REPLACED] * at, {**turns[at], "content": kept}, *turns[at + 1 :]]


def summary_text(summary: str) -> str:
    """The text that gives the summary to a model."""
    return f"<conversation_summary>\n{summary}\n</conversation_summary>"


def _places(turns: Sequence[Turn]) -> Iterator[tuple[int, int]]:
    """Turn and position of each block with a summary, in order."""
    for index, turn in enumerate(turns):
        content = turn.get("content")
        if type(content) is not list or COMPACTION not in map(_TYPE_OF, content):
            continue
        for position, block in enumerate(content):
            if block["type"] != COMPACTION:
                continue
            if turn["role"] == "system":
                raise InvalidRequest(
                    f"messages.{index}.content.{position}: `compaction` blocks cannot be in "
                    "`system` messages",
                    details={"error_code": "compaction_block_misplaced"},
                )
            if block.get("content"):
                yield index, position
