"""Changes a request that a native upstream refused, so that the upstream accepts it.

Rule: pure. Only what the refusal names is changed, and each change is noted in ``Drops``. Only the
upstream can check signatures. This proxy cannot tell which block came from another service or account,
so all thinking blocks are left out, which the Messages API allows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from proxy.convert.request.drops import Drops

Request = Mapping[str, Any]
THINKING = frozenset({"thinking", "redacted_thinking"})
NEEDS_THINKING = "clear_thinking"
"""Prefix of the type of a context edit that upstreams refuse if thinking is off."""


@dataclass(frozen=True, slots=True)
class Mend:
    """One kind of refusal, and the change that avoids it."""

    name: str
    refused: re.Pattern[str]
    """Matches the text of the refusal."""
    changed: Callable[[Request, Drops], Request | None]
    """Returns the changed request; None if the request does not contain what was refused."""


def mend_for(request: Request, text: str, done: Collection[str]) -> Mend | None:
    """The change that avoids the refusal ``text`` of ``request``; none whose kind is in ``done``."""
    for mend in MENDS:
        fits = mend.name not in done and mend.refused.search(text)
        if fits and mend.changed(request, Drops()) is not None:
            return mend
    return None


def _without_thinking(request: Request, drops: Drops) -> Request | None:
    """``request`` without thinking blocks, and without turns that contained nothing else."""
    turns, noted = [], 0
    for turn in _turns(request):
        blocks = turn.get("content") if isinstance(turn, Mapping) else None
        if isinstance(blocks, list):
            kept = [block for block in blocks if _kind(block) not in THINKING]
            for block in blocks:
                if _kind(block) in THINKING:
                    drops.drop(block["type"])
                    noted += 1
            if blocks and not kept:
                continue
            turn = turn if len(kept) == len(blocks) else {**turn, "content": kept}
        turns.append(turn)
    return {**request, "messages": turns} if noted else None


def _thinking_off(request: Request, drops: Drops) -> Request | None:
    """``request`` with thinking off, and without the context edits that require thinking."""
    if "thinking" not in request:
        return None
    drops.degrade("thinking", "disabled")
    changed = {name: value for name, value in request.items() if name != "thinking"}
    managed = changed.get("context_management")
    edits = managed.get("edits") if isinstance(managed, Mapping) else None
    if isinstance(managed, Mapping) and isinstance(edits, list):
        kept = [edit for edit in edits if not (_kind(edit) or "").startswith(NEEDS_THINKING)]
        if len(kept) < len(edits):
            drops.drop("context_management.edits", len(edits) - len(kept))
            changed["context_management"] = {**managed, "edits": kept}
    return changed


def _system_as_user(request: Request, drops: Drops) -> Request | None:
    """``request`` with the text of each system turn moved to an adjacent user turn, in ``<system>`` tags."""
    turns: list[Any] = []
    waiting: list[Any] = []
    noted = 0
    for turn in _turns(request):
        role = turn.get("role") if isinstance(turn, Mapping) else None
        if role == "system":
            noted += 1
            drops.degrade("system", "user")
            blocks = [_tagged(block) for block in _blocks(turn)]
            if turns and isinstance(turns[-1], Mapping) and turns[-1].get("role") == "user":
                turns[-1] = {**turns[-1], "content": [*_blocks(turns[-1]), *blocks]}
            else:
                waiting += blocks
            continue
        if waiting:
            turn, added = _with_blocks(turn, role, waiting)
            turns += added
            waiting = []
        turns.append(turn)
    if waiting:
        turns.append({"role": "user", "content": waiting})
    return {**request, "messages": turns} if noted else None


def _with_blocks(turn: Any, role: object, waiting: list[Any]) -> tuple[Any, list[Any]]:
    """``turn`` with the ``waiting`` blocks added, and the turns to insert before it.

    The list is empty if ``turn`` could take the blocks.
    """
    if role != "user":
        return turn, [{"role": "user", "content": waiting}]
    blocks = list(_blocks(turn))
    # Tool results must be the first blocks of the turn that follows their calls.
    results = [block for block in blocks if _kind(block) == "tool_result"]
    others = [block for block in blocks if _kind(block) != "tool_result"]
    return {**turn, "content": [*results, *waiting, *others]}, []


def _tagged(block: Any) -> Any:
    if _kind(block) != "text" or not isinstance(block.get("text"), str):
        return block
    return {**block, "text": f"<system>\n{block['text']}\n</system>"}


def _turns(request: Request) -> list[Any]:
    turns = request.get("messages")
    return turns if isinstance(turns, list) else []


def _blocks(turn: Mapping[str, Any]) -> Iterator[Any]:
    content = turn.get("content")
    if isinstance(content, str):
        yield {"type": "text", "text": content}
    elif isinstance(content, list):
        yield from content


def _kind(block: object) -> str | None:
    kind = block.get("type") if isinstance(block, Mapping) else None
    return kind if isinstance(kind, str) else None


_QUOTE = r"[`'\"\\]{0,2}"
MENDS = (
    Mend(
        "thinking_blocks",
        re.compile(
            rf"invalid {_QUOTE}(?:signature|data){_QUOTE} in {_QUOTE}(?:redacted_)?thinking"
            rf"|(?:thinking\.signature|redacted_thinking\.data)\b"
            rf"|thinking{_QUOTE} blocks in the latest assistant message cannot be modified"
            rf"|thinking{_QUOTE} blocks?.{{0,60}}\bsignature|signature.{{0,60}}thinking{_QUOTE} block",
            re.IGNORECASE,
        ),
        _without_thinking,
    ),
    Mend(
        "thinking_off",
        re.compile(
            rf"expected {_QUOTE}thinking{_QUOTE} or {_QUOTE}redacted_thinking{_QUOTE}, but found"
            r"|must start with a thinking block",
            re.IGNORECASE,
        ),
        _thinking_off,
    ),
    Mend(
        "system_turns",
        re.compile(
            rf"unexpected role {_QUOTE}system|system (?:message|turn|role)s? (?:must be|is not|are not)"
            rf"|messages\.\d+\.role\b|role{_QUOTE}:? input should be {_QUOTE}user"
            rf"|(?:invalid|unsupported|unknown) (?:message )?role:? {_QUOTE}system"
            rf"|role {_QUOTE}system{_QUOTE} (?:is )?(?:not|un)",
            re.IGNORECASE,
        ),
        _system_as_user,
    ),
)
"""In the order in which they are tried; the first one that changes the request is used."""
