"""Claude Code does its work through the proxy against an upstream that forgives nothing."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.claude_code import mcp_server
from tests.claude_code.client import ClaudeCode
from tests.claude_code.samples import DONE, MANY_SIGNS, assert_succeeded, messages_of, pdf, png
from tests.claude_code.strict_upstream import (
    Answer,
    Reply,
    StrictUpstream,
    ToolCall,
    long_id,
    steps,
)
from tests.claude_code.terminal import terminal


def test_writes_a_file_and_reads_one_back(claude: ClaudeCode, upstream: StrictUpstream) -> None:
    target, notes = claude.directory / "out.txt", claude.directory / "notes.txt"
    notes.write_text("the secret word is Ölöf 🦊\n", "utf-8")
    upstream.play(
        steps(
            Answer(calls=(ToolCall("Write", {"file_path": str(target), "content": "häh? 🎉\n"}),)),
            Answer("Now reading.", calls=(ToolCall("Read", {"file_path": str(notes)}),)),
            DONE,
        )
    )
    outcome = claude.run("write a file and read the notes")
    assert_succeeded(outcome)
    assert outcome.text == "All done."
    assert target.read_text("utf-8") == "häh? 🎉\n"
    results = messages_of(upstream.accepted[-1], "tool")
    assert "File created successfully" in results[0]
    assert "the secret word is Ölöf 🦊" in results[1]


@pytest.mark.parametrize(
    "new_id",
    [
        pytest.param(long_id, id="tool ids"),
        pytest.param(lambda: "chatcmpl-7", id="tool ids and message ids"),
    ],
)
def test_ids_are_fresh_where_the_upstream_repeats_them(
    new_id: Callable[[], str], claude: ClaudeCode, upstream: StrictUpstream
) -> None:
    """An upstream whose first call is always ``call_0``; Ollama draws its ids from a thousand.

    The client loses a result under a repeated call id, and makes one turn of two under one id.
    """

    def script(body: Mapping[str, Any], attempt: int) -> Reply:
        said = messages_of(body, "tool")
        if len(said) == 2:
            return DONE
        words = ("one", "two")[len(said)]
        return Answer(calls=(ToolCall("Bash", {"command": f"echo {words}", "description": "say"}),))

    upstream.play(script, new_id=new_id)
    assert_succeeded(claude.run("say it twice"))
    turns = [m for m in upstream.accepted[-1]["messages"] if m["role"] in ("assistant", "tool")]
    assert [turn["role"] for turn in turns] == ["assistant", "tool", "assistant", "tool"]
    ids = [call["id"] for turn in turns for call in turn.get("tool_calls", [])]
    assert len(set(ids)) == 2
    assert [turn["content"].strip() for turn in turns[1::2]] == ["one", "two"]


def test_runs_two_interleaved_calls(claude: ClaudeCode, upstream: StrictUpstream) -> None:
    first, second = claude.directory / "a.txt", claude.directory / "b.txt"
    upstream.play(
        steps(
            Answer(
                "Both at once.",
                calls=(
                    ToolCall("Write", {"file_path": str(first), "content": "first"}),
                    ToolCall("Write", {"file_path": str(second), "content": "second, longer"}),
                ),
            ),
            DONE,
        )
    )
    assert_succeeded(claude.run("write two files"))
    assert (first.read_text(), second.read_text()) == ("first", "second, longer")
    call, *results = upstream.accepted[-1]["messages"][-3:]
    assert call["content"] == "Both at once."
    assert [r["tool_call_id"] for r in results] == [c["id"] for c in call["tool_calls"]]
    assert [
        str(path) in r["content"] for path, r in zip((first, second), results, strict=True)
    ] == [
        True,
        True,
    ]


def test_an_image_that_was_read_reaches_the_upstream(
    claude: ClaudeCode, upstream: StrictUpstream
) -> None:
    picture = claude.directory / "picture.png"
    picture.write_bytes(png())
    upstream.play(steps(Answer(calls=(ToolCall("Read", {"file_path": str(picture)}),)), DONE))
    assert_succeeded(claude.run("look at the picture"))
    answer, shown = upstream.accepted[-1]["messages"][-2:]
    assert (answer["role"], answer["content"]) == ("tool", "(see attached image)")
    kinds = [part["type"] for part in shown["content"]]
    assert kinds[:2] == ["text", "image_url"]
    caption, image = shown["content"][:2]
    assert caption["text"] == f"[image from tool result {answer['tool_call_id']}]"
    assert image["image_url"]["url"].startswith("data:image/png;base64,")


def test_thinks_and_then_calls_a_tool(claude: ClaudeCode, upstream: StrictUpstream) -> None:
    target = claude.directory / "thought.txt"
    upstream.play(
        steps(
            Answer(
                reasoning="The user wants a file. I shall write it. 🤔",
                calls=(ToolCall("Write", {"file_path": str(target), "content": "thought"}),),
            ),
            Answer("Written.", reasoning="That worked."),
        )
    )
    outcome = claude.run("think, then write")
    assert_succeeded(outcome)
    assert outcome.text == "Written."
    assert target.read_text() == "thought"
    thoughts = [block["thinking"] for block in outcome.blocks("assistant", "thinking")]
    assert thoughts == ["The user wants a file. I shall write it. 🤔", "That worked."]


def test_a_long_answer_keeps_every_character(claude: ClaudeCode, upstream: StrictUpstream) -> None:
    upstream.play(steps(Answer(MANY_SIGNS)))
    outcome = claude.run("write much")
    assert_succeeded(outcome)
    assert outcome.text == MANY_SIGNS


def test_context_command_counts_without_the_upstream(
    claude: ClaudeCode, upstream: StrictUpstream
) -> None:
    outcome = claude.run("/context")
    assert outcome.result["is_error"] is False
    total = re.search(r"\*\*Tokens:\*\* ([\d.]+)k /", outcome.text)
    assert total is not None, outcome.text
    assert 10 < float(total[1]) < 60
    rows = dict(re.findall(r"^\| ([A-Z][\w ]+) \| ([\d.]+k?) \|", outcome.text, re.MULTILINE))
    assert {"System prompt", "System tools", "Messages"} <= rows.keys()
    assert all(float(tokens.rstrip("k")) > 0 for tokens in rows.values())
    assert upstream.seen == []


@pytest.mark.parametrize(
    ("options", "upstream_model"),
    [
        pytest.param((), "big-model", id="default model"),
        pytest.param(("--model", "sonnet"), "middle-model", id="sonnet"),
        pytest.param(("--model", "haiku"), "small-model", id="haiku"),
        pytest.param(("--model", "qwen3-coder-plus"), "qwen3-coder-plus", id="unknown name"),
        pytest.param(("--model", "claude-opus-9[1m]"), "big-model", id="unknown Claude"),
    ],
)
def test_models(
    options: tuple[str, ...], upstream_model: str, claude: ClaudeCode, upstream: StrictUpstream
) -> None:
    upstream.play(steps(DONE))
    outcome = claude.run("hello", *options)
    assert_succeeded(outcome)
    assert outcome.text == "All done."
    assert {body["model"] for body in upstream.accepted} == {upstream_model}


def test_a_subagent_works_on_its_own_model(claude: ClaudeCode, upstream: StrictUpstream) -> None:
    task = {"description": "look", "prompt": "find the answer", "subagent_type": "Explore"}

    def script(body: Mapping[str, Any], attempt: int) -> Reply:
        if body["model"] == "small-model":
            return Answer("The subagent found 42.")
        return DONE if messages_of(body, "tool") else Answer(calls=(ToolCall("Agent", task),))

    upstream.play(script)
    assert_succeeded(claude.run("delegate"))
    assert [body["model"] for body in upstream.accepted] == [
        "big-model",
        "small-model",
        "big-model",
    ]
    assert "The subagent found 42." in messages_of(upstream.accepted[-1], "tool")[0]


def test_a_tool_name_that_is_too_long_works(claude: ClaudeCode, upstream: StrictUpstream) -> None:
    server = {"command": sys.executable, "args": [mcp_server.__file__]}
    config = {"mcpServers": {"almanac_of_the_observatory": server}}

    def script(body: Mapping[str, Any], attempt: int) -> Reply:
        if messages_of(body, "tool"):
            return DONE
        functions = [tool["function"] for tool in body["tools"]]
        (name,) = [f["name"] for f in functions if f.get("description") == "The moon."]
        return Answer(calls=(ToolCall(name, {}),))

    upstream.play(script)
    outcome = claude.run("the moon, please", "--mcp-config", json.dumps(config))
    assert_succeeded(outcome)
    (used,) = outcome.blocks("assistant", "tool_use")
    assert used["name"] == f"mcp__almanac_of_the_observatory__{mcp_server.TOOL}"
    assert len(used["name"]) > 64
    assert messages_of(upstream.accepted[-1], "tool") == [mcp_server.PHASE]


def test_a_pdf_that_was_read_is_not_lost(claude: ClaudeCode, upstream: StrictUpstream) -> None:
    paper = claude.directory / "paper.pdf"
    paper.write_bytes(pdf("The moon is made of basalt"))
    upstream.play(steps(Answer(calls=(ToolCall("Read", {"file_path": str(paper)}),)), DONE))
    assert_succeeded(claude.run("read the paper"))
    shown = json.dumps(upstream.accepted[-1]["messages"][-2:])
    assert "The moon is made of basalt" in shown or "[document omitted: " in shown


def test_a_schema_for_the_answer(claude: ClaudeCode, upstream: StrictUpstream) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    upstream.play(steps(Answer(calls=(ToolCall("StructuredOutput", {"n": 42}),)), DONE))
    outcome = claude.run("the number", "--json-schema", json.dumps(schema))
    assert_succeeded(outcome)
    assert outcome.result["structured_output"] == {"n": 42}


def test_at_a_terminal(claude: ClaudeCode, upstream: StrictUpstream) -> None:
    """Two requests at once: the session's title as JSON of a given schema, and the answer."""

    def script(body: Mapping[str, Any], attempt: int) -> Reply:
        if "response_format" in body:
            return Answer('{"title": "A talk about foxes"}')
        return Answer("The fox says 🦊 nothing.")

    upstream.play(script)
    with terminal(claude) as screen:
        screen.type("what does the fox say")
        screen.wait_for("what does the fox say")
        screen.type("\r")
        screen.wait_for("The fox says 🦊 nothing.")
    formats = [body["response_format"] for body in upstream.accepted if "response_format" in body]
    assert [wanted["json_schema"]["name"] for wanted in formats] == ["output"]


def test_a_web_search_nobody_can_do_is_told_to_the_model(
    claude: ClaudeCode, upstream: StrictUpstream
) -> None:
    """The client asks for a tool of the service's own; no result is better than an invented one."""
    upstream.play(steps(Answer(calls=(ToolCall("WebSearch", {"query": "foxes"}),)), DONE))
    assert_succeeded(claude.run("search for foxes"))
    (told,) = messages_of(upstream.accepted[-1], "tool")
    assert "API Error: 400" in told
    assert "web_search" in told
    assert len(upstream.accepted) == 2
