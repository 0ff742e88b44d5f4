"""What this proxy signed never reaches a native upstream."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.convert.request.drops import Drops
from proxy.relay.native.own_thinking import may_hold_own_thinking, without_own_thinking

TEXT = {"type": "text", "text": "t"}
OURS = {"type": "thinking", "thinking": "x", "signature": "cp1.abc"}
STATE = {"type": "redacted_thinking", "data": "cp1.abc"}
THEIRS = {"type": "thinking", "thinking": "x", "signature": "EqQB"}
QUESTION = {"role": "user", "content": "q"}

SUMMARY = {"type": "compaction", "content": "s", "signature": "cp1.c.BDpt8Hnjm-HAAo3Lxg7V7A"}
CHANGES = [{"type": "tool_removal", "tool": {"type": "tool_reference", "name": "f"}}]
TOLD = {
    "role": "user",
    "content": [
        {"type": "text", "text": "<conversation_summary>\ns\n</conversation_summary>"},
    ],
}


def turn(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


@pytest.mark.parametrize(
    ("turns", "left", "dropped"),
    [
        pytest.param(
            [QUESTION, turn(OURS, TEXT)], [QUESTION, turn(TEXT)], "thinking", id="8 cp1 removed"
        ),
        pytest.param(
            [QUESTION, turn(STATE, TEXT)],
            [QUESTION, turn(TEXT)],
            "redacted_thinking",
            id="10.3 private state removed",
        ),
        pytest.param(
            [QUESTION, turn(OURS, OURS), QUESTION],
            [QUESTION, QUESTION],
            "thinking;n=2",
            id="8 a message left empty goes too",
        ),
        pytest.param(
            [QUESTION, turn(THEIRS, OURS), turn()],
            [QUESTION, turn(THEIRS), turn()],
            "thinking",
            id="8 others stay, an empty one too",
        ),
        pytest.param(
            [turn(SUMMARY), QUESTION],
            [TOLD, QUESTION],
            "compaction=text",
            id="8 a summary alone",
        ),
        pytest.param(
            [QUESTION, turn(TEXT, SUMMARY, TEXT), QUESTION],
            [TOLD, turn(TEXT), QUESTION],
            "compaction=text",
            id="8 a summary replaces what is before it",
        ),
        pytest.param(
            [QUESTION, turn(SUMMARY), QUESTION, turn({**SUMMARY, "content": "s"}, OURS), QUESTION],
            [TOLD, QUESTION],
            "compaction=text, thinking",
            id="8 the last of several, and thinking behind it",
        ),
        pytest.param(
            [turn({**SUMMARY, "tool_changes": CHANGES}), QUESTION],
            [TOLD, {"role": "system", "content": CHANGES}, QUESTION],
            "compaction=text",
            id="8 a summary with tool changes",
        ),
        pytest.param(
            [turn({**SUMMARY, "signature": "EqQB"}, OURS, TEXT), QUESTION],
            [turn({**SUMMARY, "signature": "EqQB"}, TEXT), QUESTION],
            "thinking",
            id="8 a summary of others",
        ),
    ],
)
def test_removed(turns: list[Any], left: list[Any], dropped: str) -> None:
    drops = Drops()
    request = {"model": "m", "max_tokens": None, "messages": turns}
    assert without_own_thinking(request, drops) == {
        "model": "m",
        "max_tokens": None,
        "messages": left,
    }
    assert drops.header() == dropped


@pytest.mark.parametrize(
    "request_body",
    [
        pytest.param({"messages": [QUESTION, turn(THEIRS, TEXT)]}, id="8 theirs"),
        pytest.param({"messages": [turn({**TEXT, "text": "cp1.abc"})]}, id="8 a text"),
        pytest.param(
            {"messages": [turn({"type": "tool_use", "signature": "cp1."})]}, id="8 a call"
        ),
        pytest.param({"messages": "cp1."}, id="no list"),
        pytest.param({"messages": [7, {"content": 7}, turn(7, {"type": []})]}, id="no messages"),
        pytest.param({"messages": [turn({"type": "thinking", "signature": 7})]}, id="no signature"),
        pytest.param({}, id="no member"),
    ],
)
def test_nothing_to_remove(request_body: dict[str, Any]) -> None:
    drops = Drops()
    assert without_own_thinking(request_body, drops) is None
    assert drops.header() == ""


def test_almost_every_body_is_not_looked_into() -> None:
    assert not may_hold_own_thinking(b'{"messages":[]}')
    assert may_hold_own_thinking(b'{"signature":"cp1.abc"}')
