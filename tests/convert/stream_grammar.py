"""What every stream to a client must obey, whatever the upstream sent (docs/protocol.md section 4)."""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from proxy.convert.reply.events import Event

DELTAS_OF = {
    "text": {"text_delta", "citations_delta"},
    "thinking": {"thinking_delta", "signature_delta"},
    "tool_use": {"input_json_delta"},
    "server_tool_use": {"input_json_delta"},
    "redacted_thinking": set(),
    "web_search_tool_result": set(),
}
TERMINAL = ("message_stop", "error")


def assert_legal(events: Iterable[Event], *, whole: bool = True) -> None:
    """Fail on the first event that may not stand where it does; ``whole``: it has come to its end."""
    events = list(events)
    orjson.dumps(events)
    kinds = [event["type"] for event in events]
    assert all(kind not in TERMINAL for kind in kinds[:-1]), "something follows the end"
    if kinds == ["error"] or not kinds:
        return
    assert kinds[:2] == ["message_start", "ping"]
    assert kinds.count("message_start") == 1
    if whole:
        assert kinds[-1] in TERMINAL
    if kinds[-1] == "message_stop":
        assert kinds[-2] == "message_delta"
    assert kinds.count("message_delta") == kinds.count("message_stop")
    _assert_blocks([event for event in events if event["type"].startswith("content_block")], kinds)


def _assert_blocks(events: list[Event], kinds: list[str]) -> None:
    count = 0
    open_kind: str | None = None
    for event in events:
        if event["type"] == "content_block_start":
            assert open_kind is None, "two blocks are open"
            assert event["index"] == count
            open_kind = event["content_block"]["type"]
        else:
            assert open_kind is not None, "no block is open"
            assert event["index"] == count
            if event["type"] == "content_block_stop":
                open_kind, count = None, count + 1
            else:
                _assert_delta(open_kind, event["delta"])
    if kinds[-1] == "message_stop":
        assert open_kind is None, "a block was left open"
        assert count, "a message without a block"


def _assert_delta(kind: str, delta: dict[str, object]) -> None:
    name, value = delta.values()
    assert name in DELTAS_OF[kind]
    assert isinstance(value, dict if name == "citations_delta" else str)
    assert value, "an empty delta"


CUT = ("max_tokens", "model_context_window_exceeded")
"""Stop reasons of an answer whose last calls may be cut amid their arguments."""


def assert_strict_arguments(events: Iterable[Event]) -> None:
    """Fail when a finished answer has a tool_use block that is no JSON object for a strict parser."""
    written: dict[int, str] = {}
    stop_reason = ""
    for event in events:
        if event["type"] == "content_block_start" and event["content_block"]["type"] == "tool_use":
            written[event["index"]] = ""
        elif event["type"] == "content_block_delta" and event["index"] in written:
            written[event["index"]] += event["delta"]["partial_json"]
        elif event["type"] == "message_delta":
            stop_reason = event["delta"]["stop_reason"]
    if stop_reason and stop_reason not in CUT:
        for text in written.values():
            assert isinstance(orjson.loads(text or "{}"), dict)
