"""Claude Code's auto mode, whose permission check asks the model itself, on models that reason.

Its first stage asks for 64 tokens with thinking disabled and the stop sequence ``</block>`` (under names
that it does not know for 2,112 tokens without ``thinking``), its second for 8,192.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.claude_code.chat_rules import Rules
from tests.claude_code.client import ClaudeCode, Outcome
from tests.claude_code.conftest import CLIENT_KEY
from tests.claude_code.samples import assert_succeeded, messages_of, png
from tests.claude_code.strict_upstream import (
    Answer,
    Refusal,
    Reply,
    Script,
    StrictUpstream,
    ToolCall,
)
from tests.live import LiveProxy, live_proxy

REASONING_TOKENS = 500
"""What the models spend before they write; a smaller limit leaves no answer."""
BOLD = ToolCall("Bash", {"command": 'python3 -c "print(6*7)" > out.txt', "description": "compute"})
"""A call that the client does not let pass without a check."""


@pytest.fixture(scope="module")
def reasoning_proxy(program: Path, strict_service: StrictUpstream) -> Iterator[LiveProxy]:
    """The client's default model is one that takes no stop strings, sonnet one that takes some."""
    environ = {
        "OPENAI_BASE_URL": strict_service.url,
        "OPENAI_API_KEY": "sk-upstream-key",
        "CLAUDE_PROXY_AUTH_KEY": CLIENT_KEY,
        "CLAUDE_PROXY_BIG_MODEL": "gpt-5",
        "CLAUDE_PROXY_MIDDLE_MODEL": "deepseek-r1",
        "CLAUDE_PROXY_SMALL_MODEL": "gpt-5-mini",
    }
    with live_proxy(environ) as running:
        yield running


@pytest.fixture
def claude(
    program: Path, reasoning_proxy: LiveProxy, upstream: StrictUpstream, tmp_path: Path
) -> ClaudeCode:
    home, directory = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    directory.mkdir()
    return ClaudeCode(program, reasoning_proxy.url, CLIENT_KEY, home, directory)


def is_check(body: Mapping[str, Any]) -> bool:
    return "You are a security monitor" in json.dumps(body["messages"][0])


def limit_of(body: Mapping[str, Any]) -> int:
    return int(body.get("max_completion_tokens") or body["max_tokens"])


def reasoning(script: Script) -> Script:
    """A model that reasons before every answer, and does not stop unless it is told where."""

    def answered(body: Mapping[str, Any], attempt: int) -> Reply:
        if limit_of(body) <= REASONING_TOKENS:
            return Answer(reasoning="Let me see", finish="length")
        reply = script(body, attempt)
        if isinstance(reply, Refusal):
            return reply
        text = reply.text
        for stop in body.get("stop", ()):
            text = text.partition(stop)[0]
        return Answer(text, reasoning="Let me see.", calls=reply.calls)

    return answered


def checked_by(*verdicts: str) -> Script:
    """A task of one bold call; the checks get ``verdicts`` one after another."""
    left = list(verdicts)

    def script(body: Mapping[str, Any], attempt: int) -> Reply:
        if is_check(body):
            return Answer(left.pop(0))
        return Answer("All done.") if messages_of(body, "tool") else Answer(calls=(BOLD,))

    return reasoning(script)


def checks(upstream: StrictUpstream) -> list[dict[str, Any]]:
    return [body for body in upstream.accepted if is_check(body)]


ALLOWED = "<block>no</block> Nothing leaves the directory, <block>yes</block> would be too strict."
BLOCKED = "<block>yes</block><reason>It may overwrite a file.</reason> So I think."


def run(claude: ClaudeCode, *options: str) -> Outcome:
    return claude.run("compute it", *options, auto_mode=True)


@pytest.mark.parametrize(
    ("options", "limit", "stop"),
    [
        pytest.param((), 2112, None, id="a model that takes no stop strings"),
        pytest.param(("--model", "sonnet"), 2112, ["</block>"], id="a model that takes them"),
        pytest.param(("--model", "o3"), 4096, None, id="a name that the client does not know"),
        pytest.param(("--model", "gpt-oss-120b"), 4096, ["</block>"], id="an open model"),
    ],
)
def test_an_action_that_the_first_stage_allows_is_done(
    options: tuple[str, ...],
    limit: int,
    stop: list[str] | None,
    claude: ClaudeCode,
    upstream: StrictUpstream,
) -> None:
    upstream.play(checked_by(ALLOWED))
    outcome = run(claude, *options)
    assert_succeeded(outcome)
    assert outcome.result["permission_denials"] == []
    assert (claude.directory / "out.txt").read_text() == "42\n"
    (check,) = checks(upstream)
    assert (limit_of(check), check.get("stop")) == (limit, stop)


def test_a_model_that_refuses_stop_strings_checks_all_the_same(
    claude: ClaudeCode, upstream: StrictUpstream
) -> None:
    upstream.play(checked_by(ALLOWED), Rules(takes_stop=False))
    outcome = run(claude, "--model", "grok-4-0709")
    assert_succeeded(outcome)
    assert outcome.result["permission_denials"] == []
    (check,) = checks(upstream)
    assert "stop" not in check
    assert [error["message"] for error in upstream.complaints] == [
        "Argument not supported on this model: stop"
    ]
    upstream.seen.clear()


def test_what_the_first_stage_blocks_the_second_may_allow(
    claude: ClaudeCode, upstream: StrictUpstream
) -> None:
    upstream.play(checked_by(BLOCKED, ALLOWED))
    outcome = run(claude)
    assert_succeeded(outcome)
    assert outcome.result["permission_denials"] == []
    assert (claude.directory / "out.txt").read_text() == "42\n"
    assert [limit_of(check) for check in checks(upstream)] == [2112, 8192]


def test_what_both_stages_block_is_not_done_and_the_session_goes_on(
    claude: ClaudeCode, upstream: StrictUpstream
) -> None:
    upstream.play(checked_by(BLOCKED, BLOCKED))
    outcome = run(claude)
    assert_succeeded(outcome)
    assert [denial["tool_name"] for denial in outcome.result["permission_denials"]] == ["Bash"]
    assert not (claude.directory / "out.txt").exists()
    (refused,) = messages_of(upstream.accepted[-1], "tool")
    assert "It may overwrite a file." in refused
    assert outcome.text == "All done."


@pytest.mark.long
def test_sixty_checked_turns_with_a_bad_picture(
    claude: ClaudeCode, upstream: StrictUpstream
) -> None:
    picture = claude.directory / "picture.png"
    picture.write_bytes(png())
    refused = Refusal(400, {"message": "Invalid image.", "code": "invalid_image_format"})
    refusals: list[int] = []

    def script(body: Mapping[str, Any], attempt: int) -> Reply:
        if is_check(body):
            return Answer(ALLOWED)
        turn = sum(message["role"] == "assistant" for message in body["messages"])
        if turn > 20 and "data:image/" in json.dumps(body["messages"]):
            refusals.append(turn)
            return refused
        if turn >= 60:
            return Answer("All done.")
        if turn == 3:
            return Answer(calls=(ToolCall("Read", {"file_path": str(picture)}),))
        command = f"python3 -c 'print({turn})' >> out.txt"
        call = ToolCall("Bash", {"command": command, "description": "count"})
        return Answer(f"Turn {turn}.", calls=(call,))

    upstream.play(reasoning(script))
    outcome = run(claude)
    assert_succeeded(outcome)
    assert outcome.result["permission_denials"] == []
    assert outcome.text == "All done."
    # The proxy leaves the picture out where it was refused, once in each turn from then on.
    assert refusals == list(range(21, refusals[-1] + 1))
    counted = (claude.directory / "out.txt").read_text().split()
    assert counted == [str(turn) for turn in range(60) if turn != 3]
    assert len(checks(upstream)) == 59
