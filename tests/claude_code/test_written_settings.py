"""Claude Code with the settings that ``claude-proxy claude-code --write`` gives it."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from proxy.tokens import count_chat_tokens
from tests.claude_code import mcp_server
from tests.claude_code.client import ClaudeCode
from tests.claude_code.samples import DONE, assert_succeeded, messages_of
from tests.claude_code.strict_upstream import Answer, Refusal, Reply, StrictUpstream, ToolCall
from tests.cli.command import run
from tests.live import live_proxy

CLIENT_KEY = "claude-code-tests"
TURN_CHARACTERS = 29_000
"""The client shows the model no longer output of a command; about 5,000 tokens."""
ASKS_FOR_SUMMARY = "Your task is to create a detailed summary"
SUMMARY = "<summary>Files were read.</summary>"


class LongSession:
    """A script of many turns, for a model with a window; what is longer it refuses."""

    def __init__(self, window: int, turns: int, text: Path) -> None:
        self.window, self._left, self._text = window, turns, text
        self.sizes: list[int] = []
        self.summaries: list[int] = []

    def __call__(self, body: Mapping[str, Any], attempt: int) -> Reply:
        tokens = count_chat_tokens(body, "o200k_base").tokens
        self.sizes.append(tokens)
        if tokens > self.window:
            told = f"This model's maximum context length is {self.window} tokens. However, your "
            return Refusal(400, {"message": f"{told}messages resulted in {tokens} tokens."})
        if ASKS_FOR_SUMMARY in json.dumps(body["messages"][-1]):
            self.summaries.append(tokens)
            return Answer(SUMMARY, prompt_tokens=tokens)
        if not self._left:
            return Answer(DONE.text, prompt_tokens=tokens)
        self._left -= 1
        command = f"head -c {TURN_CHARACTERS} {self._text}; echo {self._left}"
        call = ToolCall("Bash", {"command": command, "description": "read on"})
        return Answer("On.", calls=(call,), prompt_tokens=tokens)


@contextmanager
def set_up(program: Path, upstream: StrictUpstream, home: Path) -> Iterator[ClaudeCode]:
    """The client, whose settings were written by the command for a proxy before ``upstream``."""
    environ = {
        "OPENAI_BASE_URL": upstream.url,
        "OPENAI_API_KEY": "sk-upstream-key",
        "CLAUDE_PROXY_AUTH_KEY": CLIENT_KEY,
        "CLAUDE_PROXY_BIG_MODEL": "big-model",
        "CLAUDE_PROXY_MIDDLE_MODEL": "big-model",
        "CLAUDE_PROXY_SMALL_MODEL": "big-model",
    }
    directory = home / "work"
    directory.mkdir(parents=True)
    with live_proxy(environ) as proxy:
        asked = ("--url", proxy.url, "--key-env", "MINE", "--write")
        done = run(home, "claude-code", *asked, environ={"MINE": CLIENT_KEY})
        assert done.returncode == 0, done.stderr
        yield ClaudeCode(program, proxy.url, CLIENT_KEY, home, directory)


@pytest.mark.parametrize(
    ("window", "turns", "compacts_at"),
    [
        pytest.param(60_000, 8, 38_808, id="60,000"),
        pytest.param(200_000, 45, 167_000, id="200,000"),
    ],
)
@pytest.mark.long
def test_it_compacts_before_the_upstream_refuses(
    window: int,
    turns: int,
    compacts_at: int,
    program: Path,
    strict_service: StrictUpstream,
    tmp_path: Path,
) -> None:
    words = random.Random(window).choices(
        ["alpha", "beta", "gamma", "network", "reader", "value"], k=9000
    )
    text = tmp_path / "words.txt"
    text.write_text(" ".join(words))
    session = LongSession(window, turns, text)
    strict_service.models = [{"id": "big-model", "max_model_len": window}]
    strict_service.play(session)
    with set_up(program, strict_service, tmp_path / "home") as claude:
        meter = claude.run("/context").text
        outcome = claude.run("read on")
    assert f"/ {window // 1000}k (" in meter
    assert_succeeded(outcome)
    assert outcome.text == DONE.text
    assert strict_service.complaints == []
    # It measures before a turn whether the next one may be too long.
    assert len(session.summaries) == 1
    assert compacts_at - 15_000 < session.summaries[0] < compacts_at + 8_000
    assert max(session.sizes) < window


@pytest.mark.long
def test_tools_are_searched_for(
    program: Path, strict_service: StrictUpstream, tmp_path: Path
) -> None:
    """Of 151 tools of a tool server none is sent before the model has asked for it."""
    config = {"command": sys.executable, "args": [mcp_server.__file__, "150"]}
    name = f"mcp__almanac__{mcp_server.TOOL}"
    sent: list[list[str]] = []

    def script(body: Mapping[str, Any], attempt: int) -> Reply:
        functions = {f["function"].get("description"): f["function"]["name"] for f in body["tools"]}
        sent.append([*functions])
        results = messages_of(body, "tool")
        if not results:
            return Answer(calls=(ToolCall("ToolSearch", {"query": f"select:{name}"}),))
        return DONE if len(results) > 1 else Answer(calls=(ToolCall(functions["The moon."], {}),))

    strict_service.models = [{"id": "big-model", "max_model_len": 128_000}]
    strict_service.play(script)
    with set_up(program, strict_service, tmp_path / "home") as claude:
        mcp = json.dumps({"mcpServers": {"almanac": config}})
        outcome = claude.run("the moon, please", "--mcp-config", mcp)
    assert_succeeded(outcome)
    assert strict_service.complaints == []
    assert len(sent[0]) < 20
    assert "The moon." not in sent[0]
    assert {*sent[1]} - {*sent[0]} == {"The moon."}
    assert messages_of(strict_service.accepted[-1], "tool")[1] == mcp_server.PHASE
