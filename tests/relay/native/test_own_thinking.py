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

SEARCH = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "q"}}
HITS = [
    {"type": "web_search_result", "url": "u1", "title": "A", "encrypted_content": "cp1.abc"},
    {"type": "web_search_result", "url": "u2", "title": None, "encrypted_content": "cp1."},
]
FOUND = {"type": "web_search_tool_result", "tool_use_id": "s1", "content": HITS}
OUR_CITATION = {"type": "web_search_result_location", "url": "u1", "encrypted_index": "cp1."}
THEIR_CITATION = {"type": "web_search_result_location", "url": "u1", "encrypted_index": "Eo8B"}
CITING = {"type": "text", "text": "so", "citations": [OUR_CITATION]}
TOLD_SEARCH = [
    {"type": "text", "text": '[called web_search with {"query":"q"}]'},
    {"type": "text", "text": "[web_search result]\nA – u1\nuntitled – u2"},
    {"type": "text", "text": "so"},
]

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
            [QUESTION, turn(STATE, SEARCH, FOUND, CITING), QUESTION],
            [QUESTION, turn(*TOLD_SEARCH), QUESTION],
            "redacted_thinking, server_tool_use=text, web_search_tool_result=text",
            id="8 a search of our answers",
        ),
        pytest.param(
            [turn({**SEARCH, "id": []}, {**FOUND, "tool_use_id": []}), QUESTION],
            [turn({**SEARCH, "id": []}, TOLD_SEARCH[1]), QUESTION],
            "web_search_tool_result=text",
            id="8 ids of a wrong type",
        ),
        pytest.param(
            [QUESTION, turn({**CITING, "citations": [THEIR_CITATION, OUR_CITATION]})],
            [QUESTION, turn({**CITING, "citations": [THEIR_CITATION]})],
            "",
            id="8 other citations stay",
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
        pytest.param({"messages": [turn(SEARCH, {**FOUND, "content": "cp1."})]}, id="no hits"),
        pytest.param(
            {"messages": [turn({**CITING, "citations": [7, THEIR_CITATION]})]}, id="citations"
        ),
    ],
)
def test_nothing_to_remove(request_body: dict[str, Any]) -> None:
    drops = Drops()
    assert without_own_thinking(request_body, drops) is None
    assert drops.header() == ""


def test_almost_every_body_is_not_looked_into() -> None:
    assert not may_hold_own_thinking(b'{"messages":[]}')
    assert may_hold_own_thinking(b'{"signature":"cp1.abc"}')
