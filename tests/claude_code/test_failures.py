"""Claude Code gets over what goes wrong, in the ways that it knows from the real service."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.claude_code.chat_rules import Rules
from tests.claude_code.client import ClaudeCode
from tests.claude_code.samples import DONE, MANY_SIGNS, assert_succeeded, messages_of, png
from tests.claude_code.strict_upstream import (
    Answer,
    Refusal,
    Reply,
    StrictUpstream,
    ToolCall,
    steps,
)


def test_a_rate_limit_is_waited_out(claude: ClaudeCode, upstream: StrictUpstream) -> None:
    error = {"message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded"}
    upstream.play(steps([Refusal(429, error, {"retry-after": "2"}), DONE]))
    outcome = claude.run("hello")
    assert_succeeded(outcome)
    first, second = [seen for seen in upstream.seen if seen.complaint is None]
    # Without the header the client would come back after about 0.6 s.
    assert second.at - first.at >= 1.9


def test_a_broken_stream_is_repeated_as_a_whole_answer(
    claude: ClaudeCode, upstream: StrictUpstream
) -> None:
    upstream.play(steps(Answer(MANY_SIGNS, cut_stream=True)))
    outcome = claude.run("hello")
    assert_succeeded(outcome)
    assert outcome.text == MANY_SIGNS
    assert [body.get("stream") for body in upstream.accepted] == [True, None]


def test_a_stream_broken_in_a_tool_call_does_not_run_half_a_call(
    claude: ClaudeCode, upstream: StrictUpstream
) -> None:
    target = claude.directory / "half.txt"
    write = (ToolCall("Write", {"file_path": str(target), "content": "x" * 4000}),)
    upstream.play(steps(Answer(calls=write, cut_stream=True), DONE))
    assert_succeeded(claude.run("write a file"))
    assert target.read_text() == "x" * 4000
    assert [body.get("stream") for body in upstream.accepted] == [True, None, True]


def _is_compaction(body: Mapping[str, Any]) -> bool:
    last = body["messages"][-1]["content"]
    return "detailed summary" in (last if isinstance(last, str) else json.dumps(last))


def test_context_overflow_leads_to_compaction(claude: ClaudeCode, upstream: StrictUpstream) -> None:
    overflow = Refusal(
        400,
        {
            "message": "This model's maximum context length is 128000 tokens. However, your "
            "messages resulted in 150123 tokens. Please reduce the length of the messages.",
            "type": "invalid_request_error",
            "param": "messages",
            "code": "context_length_exceeded",
        },
    )
    compacted: list[bool] = []

    def script(body: Mapping[str, Any], attempt: int) -> Reply:
        if _is_compaction(body):
            compacted.append(True)
            return Answer("<summary>Two notes were read: they spoke of foxes.</summary>")
        if compacted:
            return DONE
        read = len(messages_of(body, "tool"))
        # With less behind it the client finds nothing to compact.
        if read == 2:
            return overflow
        note = claude.directory / f"note{read}.txt"
        note.write_text("foxes\n" * 50)
        return Answer(calls=(ToolCall("Read", {"file_path": str(note)}),))

    upstream.play(script)
    outcome = claude.run("read the notes")
    assert_succeeded(outcome)
    assert outcome.text == "All done."
    assert compacted == [True]
    went_on_with = json.dumps(upstream.accepted[-1]["messages"])
    assert "Two notes were read: they spoke of foxes." in went_on_with


def test_context_overflow_by_max_tokens_leads_to_a_smaller_request(
    claude: ClaudeCode, upstream: StrictUpstream
) -> None:
    def script(body: Mapping[str, Any], attempt: int) -> Reply:
        wanted = body["max_tokens"]
        if 95000 + wanted <= 100000:
            return DONE
        return Refusal(
            400,
            {
                "message": "This model's maximum context length is 100000 tokens. However, you "
                f"requested {95000 + wanted} tokens (95000 in the messages, {wanted} in the "
                "completion). Please reduce the length of the messages or completion.",
                "type": "invalid_request_error",
                "param": "messages",
                "code": "context_length_exceeded",
            },
        )

    upstream.play(script)
    assert_succeeded(claude.run("hello"))
    # The client computes it from the three numbers: C - A - 1000.
    assert upstream.accepted[-1]["max_tokens"] == 4000


def test_the_upstreams_output_limit_is_learned(
    claude: ClaudeCode, upstream: StrictUpstream
) -> None:
    upstream.play(steps(DONE), Rules(max_output=7000))
    for _ in range(2):
        assert_succeeded(claude.run("hello", "--model", "learning-model"))
    limits = [seen.body["max_tokens"] for seen in upstream.seen]
    assert limits[0] >= 32000
    assert limits[1:] == [7000, 7000]


def test_an_upstream_that_refuses_the_key_is_reported_at_once(
    claude: ClaudeCode, upstream: StrictUpstream
) -> None:
    error = {"message": "Incorrect API key provided: sk-upstream-key.", "type": "invalid_request"}
    upstream.play(steps(Refusal(401, error)))
    outcome = claude.run("hello")
    assert outcome.result["is_error"] is True
    assert outcome.result["api_error_status"] == 401
    assert "sk-upstream-key" not in json.dumps(outcome.messages)
    assert len(upstream.seen) == 1


def test_a_refused_picture_does_not_block_the_session(
    claude: ClaudeCode, upstream: StrictUpstream
) -> None:
    picture = claude.directory / "picture.png"
    picture.write_bytes(png())
    refusal = Refusal(
        400,
        {
            "message": "You uploaded an unsupported image. Please make sure your image is valid.",
            "type": "invalid_request_error",
            "param": None,
            "code": "image_parse_error",
        },
    )
    read = Answer(calls=(ToolCall("Read", {"file_path": str(picture)}),))

    def script(body: Mapping[str, Any], attempt: int) -> Reply:
        if "data:image/" in json.dumps(body["messages"]):
            return refusal
        return DONE if messages_of(body, "tool") else read

    upstream.play(script)
    assert_succeeded(claude.run("look at the picture"))
    shown = ["data:image/" in json.dumps(body["messages"]) for body in upstream.accepted]
    assert shown == [False, True, False]
