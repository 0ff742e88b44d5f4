"""Claude Code does its work through the proxy against a strict Responses upstream."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.claude_code.client import ClaudeCode
from tests.claude_code.conftest import CLIENT_KEY
from tests.claude_code.responses_rules import turns_done
from tests.claude_code.samples import assert_succeeded, png
from tests.claude_code.strict_responses import (
    Failed,
    Output,
    Page,
    Reply,
    StrictResponses,
    steps,
)
from tests.claude_code.strict_upstream import Answer, StrictUpstream, ToolCall
from tests.claude_code.strict_upstream import steps as chat_steps
from tests.live import LiveProxy, live_proxy

DONE = Output("All done.")
BOLD = ToolCall("Bash", {"command": 'python3 -c "print(6*7)" > out.txt', "description": "compute"})
THINKING = ("--effort", "high")


@pytest.fixture(scope="module")
def strict_responses() -> Iterator[StrictResponses]:
    service = StrictResponses()
    yield service
    service.close()


@pytest.fixture(scope="module")
def proxy(
    program: Path,
    strict_responses: StrictResponses,
    strict_service: StrictUpstream,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[LiveProxy]:
    """The classes of Claude's names are at the Responses service; ``chatty`` is at the Chat one."""
    registry = tmp_path_factory.mktemp("registry") / "providers.json"
    profile = {
        "thinking_style": "effort",
        "efforts": ["none", "low", "medium", "high", "xhigh"],
        "web_search": "tool",
        "min_output": 16,
        "max_output": 16384,
    }
    providers = [
        {
            "name": "responses",
            "base_url": strict_responses.url,
            "api_key": "sk-upstream-key",
            "api": "responses",
            "profile": profile,
            "models": [{"id": "big-model"}, {"id": "small-model"}],
        },
        {
            "name": "chat",
            "base_url": strict_service.url,
            "api_key": "sk-upstream-key",
            "profile": {"max_output": 16384},
            "models": [{"id": "chatty", "aliases": ["claude-chatty"]}],
        },
    ]
    registry.write_text(json.dumps({"providers": providers}))
    environ = {
        "CLAUDE_PROXY_CONFIG": str(registry),
        "CLAUDE_PROXY_AUTH_KEY": CLIENT_KEY,
        "CLAUDE_PROXY_BIG_MODEL": "big-model",
        "CLAUDE_PROXY_MIDDLE_MODEL": "big-model",
        "CLAUDE_PROXY_SMALL_MODEL": "small-model",
    }
    with live_proxy(environ) as running:
        yield running


@pytest.fixture
def responses(strict_responses: StrictResponses) -> Iterator[StrictResponses]:
    """The service with an empty script; whatever it refused fails the test."""
    strict_responses.play(steps())
    yield strict_responses
    assert strict_responses.complaints == []


@pytest.fixture
def claude(
    program: Path, proxy: LiveProxy, responses: StrictResponses, tmp_path: Path
) -> ClaudeCode:
    home, directory = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    directory.mkdir()
    return ClaudeCode(program, proxy.url, CLIENT_KEY, home, directory)


def items(body: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    return [item for item in body["input"] if item["type"] == kind]


def echo(words: str) -> ToolCall:
    return ToolCall("Bash", {"command": f"echo {words}", "description": "say"})


def test_a_tool_loop_with_thinking(claude: ClaudeCode, responses: StrictResponses) -> None:
    """What the model thought comes back byte for byte, each thought before its call."""
    responses.play(
        steps(
            Output("One.", "First I say one.", calls=(echo("one"),)),
            Output(reasoning="Then 二.", calls=(echo("two"),)),
            Output(sealed=True, calls=(echo("three"),)),
            Output("All done.", "It is done."),
        )
    )
    outcome = claude.run("say it three times", *THINKING)
    assert_succeeded(outcome)
    assert outcome.text == "All done."
    last = responses.accepted[-1]
    assert [item["output"].strip() for item in items(last, "function_call_output")] == [
        "one",
        "two",
        "three",
    ]
    kinds = [
        item.get("role") or item["type"] for item in last["input"] if item.get("role") != "user"
    ]
    assert kinds == [
        *("reasoning", "assistant", "function_call", "function_call_output"),
        *("reasoning", "function_call", "function_call_output"),
        *("reasoning", "function_call", "function_call_output"),
    ]
    given = {item["id"]: item["encrypted_content"] for item in items(last, "reasoning")}
    assert given.items() <= responses.issued.states.items()
    assert len(given) == 3
    thoughts = [block["thinking"] for block in outcome.blocks("assistant", "thinking")]
    assert thoughts == ["First I say one.", "Then 二.", "It is done."]


@pytest.mark.long
def test_parallel_calls(claude: ClaudeCode, responses: StrictResponses) -> None:
    paths = [claude.directory / name for name in ("a.txt", "b.txt")]
    for path in paths:
        path.write_text(f"this is {path.name} 🎉\n", "utf-8")
    calls = tuple(ToolCall("Read", {"file_path": str(path)}) for path in paths)
    responses.play(steps(Output(reasoning="Both.", calls=calls), DONE))
    assert_succeeded(claude.run("read both"))
    last = responses.accepted[-1]
    called = [item["call_id"] for item in items(last, "function_call")]
    # The client sends the results in the order in which they came.
    results = {item["call_id"]: item["output"] for item in items(last, "function_call_output")}
    assert ["this is a.txt 🎉" in results[called[0]], "this is b.txt 🎉" in results[called[1]]] == [
        True,
        True,
    ]


@pytest.mark.long
def test_an_image_as_a_result(claude: ClaudeCode, responses: StrictResponses) -> None:
    picture = claude.directory / "picture.png"
    picture.write_bytes(png())
    responses.play(steps(Output(calls=(ToolCall("Read", {"file_path": str(picture)}),)), DONE))
    assert_succeeded(claude.run("look at the picture"))
    (result,) = items(responses.accepted[-1], "function_call_output")
    images = [part for part in result["output"] if part["type"] == "input_image"]
    assert [part["image_url"][:22] for part in images] == ["data:image/png;base64,"]


@pytest.mark.long
def test_overflow_in_a_stream_leads_to_compaction(
    claude: ClaudeCode, responses: StrictResponses
) -> None:
    """The service says 200 and then that the prompt is too long; the client compacts and goes on."""
    compacted: list[bool] = []
    overflow = Failed(
        "context_length_exceeded",
        "Your input exceeds the context window of this model. Please adjust your input and try again.",
    )

    def script(body: Mapping[str, Any], attempt: int) -> Reply:
        if "Your task is to create a detailed summary" in json.dumps(body["input"]):
            compacted.append(True)
            return Output("<summary>said it four times</summary>")
        if compacted:
            return DONE
        done = turns_done(body)
        # With less behind it the client finds nothing to compact.
        return overflow if done >= 4 else Output(f"Turn {done}.", calls=(echo(str(done)),))

    responses.play(script)
    outcome = claude.run("say it often")
    assert_succeeded(outcome)
    assert compacted == [True]
    assert outcome.text == "All done."


@pytest.mark.long
def test_the_permission_check_is_cut_at_its_stop_sequence(
    claude: ClaudeCode, responses: StrictResponses
) -> None:
    """Responses has no ``stop``: without a cut the client would read what stands behind it."""
    verdict = "<block>no</block> Nothing leaves the directory, <block>yes</block> is too strict."

    def script(body: Mapping[str, Any], attempt: int) -> Reply:
        if "You are a security monitor" in body.get("instructions", ""):
            return Output(verdict, "Let me see.")
        return DONE if items(body, "function_call_output") else Output(calls=(BOLD,))

    responses.play(script)
    outcome = claude.run("compute it", auto_mode=True)
    assert_succeeded(outcome)
    assert outcome.result["permission_denials"] == []
    assert (claude.directory / "out.txt").read_text() == "42\n"
    assert not any("stop" in body for body in responses.accepted)


@pytest.mark.long
def test_a_session_changes_between_chat_and_responses_models(
    claude: ClaudeCode, responses: StrictResponses, strict_service: StrictUpstream
) -> None:
    responses.play(steps(Output(reasoning="One.", calls=(echo("one"),)), DONE, Output("x"), DONE))
    strict_service.play(chat_steps(*[Answer("Chat here.", reasoning="Hm.")] * 4))
    assert_succeeded(claude.run("first", *THINKING))
    second = claude.run("second", "--continue", "--model", "claude-chatty")
    assert_succeeded(second)
    assert second.text == "Chat here."
    assert strict_service.complaints == []
    roles = [message["role"] for message in strict_service.accepted[-1]["messages"]]
    assert roles[1:] == ["user", "assistant", "tool", "assistant", "user"]
    third = claude.run("third", "--continue", "--model", "opus", *THINKING)
    assert_succeeded(third)
    last = responses.accepted[-1]
    assert [item["id"] for item in items(last, "reasoning")] == [
        item["id"] for item in items(responses.accepted[1], "reasoning")
    ]
    said = [item["content"] for item in items(last, "message") if item["role"] == "assistant"]
    assert said == ["All done.", "Chat here."]


@pytest.mark.long
def test_a_hosted_search_shows_its_results(claude: ClaudeCode, responses: StrictResponses) -> None:
    found = (Page("https://a.test/one", "Page one"), Page("https://a.test/two", "Page two"))

    def script(body: Mapping[str, Any], attempt: int) -> Reply:
        if any(tool["type"] == "web_search" for tool in body.get("tools", ())):
            return Output("It is so.", query="what is so", found=found)
        if items(body, "function_call_output"):
            return DONE
        return Output(calls=(ToolCall("WebSearch", {"query": "what is so"}),))

    responses.play(script)
    outcome = claude.run("search for it")
    assert_succeeded(outcome)
    (result,) = items(responses.accepted[-1], "function_call_output")
    for page in found:
        assert page.url in result["output"], result["output"]
