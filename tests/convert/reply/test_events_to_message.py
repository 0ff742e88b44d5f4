from __future__ import annotations

import pytest

from proxy.convert.reply.chat_to_message import chat_to_message
from proxy.convert.reply.events_to_message import chunks_to_message
from proxy.errors import UpstreamError
from proxy.sse import Signal
from tests.convert.chunk_builders import end, entry, reasoning, reply, text, tool, usage_chunk

STREAM = [
    reasoning("why "),
    reasoning("not"),
    text("Hel"),
    text("lo"),
    tool(0, "a", "f", '{"x"'),
    tool(1, "b", "g", ""),
    tool(0, arguments=":1}"),
    end("tool_calls"),
    usage_chunk(10, 3, prompt_tokens_details={"cached_tokens": 4, "cache_write_tokens": 2}),
    Signal.DONE,
]
WHOLE = {
    "id": "chatcmpl-A1",
    "choices": [
        {
            "index": 0,
            "finish_reason": "tool_calls",
            "message": {
                "reasoning_content": "why not",
                "content": "Hello",
                "tool_calls": [entry(None, "a", "f", '{"x":1}'), entry(None, "b", "g", "")],
            },
        }
    ],
    "usage": usage_chunk(
        10, 3, prompt_tokens_details={"cached_tokens": 4, "cache_write_tokens": 2}
    )["usage"],
}


@pytest.mark.parametrize("end_at", [len(STREAM), -1], ids=["with [DONE]", "without [DONE]"])
def test_10_9_an_aggregated_stream_is_the_whole_answer(end_at: int) -> None:
    assert chunks_to_message(STREAM[:end_at], reply()) == chat_to_message(WHOLE, reply())


def test_11_broken_arguments_of_an_aggregated_stream_are_repaired() -> None:
    message = chunks_to_message([tool(0, "a", "f", '{"x"'), end("length")], reply())
    assert message["content"][0]["input"] == {"_raw": '{"x"'}


@pytest.mark.parametrize(
    ("chunks", "status"),
    [
        pytest.param([text("a")], 502, id="cut short"),
        pytest.param([], 502, id="empty"),
        pytest.param([text("a"), {"error": {"message": "x", "code": 429}}], 429, id="error chunk"),
        pytest.param([text("a"), end(), Signal.DONE, {"error": "x"}], None, id="after its end"),
    ],
)
def test_11_an_aggregated_stream_that_fails(chunks: list[object], status: int | None) -> None:
    if status is None:
        assert chunks_to_message(chunks, reply())["stop_reason"] == "end_turn"
        return
    with pytest.raises(UpstreamError) as caught:
        chunks_to_message(chunks, reply())
    assert caught.value.status == status
