"""What the stand-in upstream answers, also to Claude Code, which says much that is not the user's."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from proxy.cli.demo_replies import ADVICE, SUMMARY, THINKING, reply_for

REMINDER = "<system-reminder>\nToday is a day. Read NOTES.md. list the files\n</system-reminder>\n"
SYSTEM = "\n<system>\nAvailable agent types: think about hello\n</system>"
PIXEL = base64.b64encode(
    b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + (64).to_bytes(4) + (32).to_bytes(4)
).decode()


def tool(name: str, *members: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {m: {"type": "string"} for m in members}}
    return {"type": "function", "function": {"name": name, "parameters": schema}}


WEATHER = tool("get_weather", "city")
CLAUDE_CODE = [
    tool("Agent", "prompt"),
    tool("Bash", "command", "description"),
    tool("Edit", "file_path"),
    tool("Read", "file_path", "limit"),
    tool("Write", "file_path", "content"),
]


def asked(text: Any = "Hi", **fields: Any) -> dict[str, Any]:
    return {"model": "demo", "messages": [{"role": "user", "content": text}], **fields}


def called(request: dict[str, Any]) -> tuple[str, Any]:
    message = reply_for(request)
    [call] = message["tool_calls"]
    return call["function"]["name"], json.loads(call["function"]["arguments"])


def test_it_thinks_and_answers() -> None:
    assert reply_for(asked("Who are you?")) == {
        "role": "assistant",
        "content": f"This is the demo of claude-proxy, without a model. You wrote: 'Who are you?'. {ADVICE}",
        "reasoning_content": THINKING,
    }


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        pytest.param("hello", "Hello! This is the demo", id="greeting"),
        pytest.param("Hi there!", "Hello! This is the demo", id="another"),
        pytest.param("Please think hard", "I have thought about it", id="thinking"),
        pytest.param("Write a summary of our conversation", "Summary: ", id="compaction"),
        pytest.param("x" * 300, f"This is the demo of claude-proxy, without a model. You wrote: '{'x' * 80}...'", id="long"),
        pytest.param("", "This is the demo", id="nothing"),
    ],
)  # fmt: skip
def test_what_is_asked_decides(text: str, begins: str) -> None:
    plain = reply_for(asked(text))["content"]
    assert plain.startswith(begins)
    if text:
        assert reply_for(asked(REMINDER + text + SYSTEM))["content"] == plain


def test_reminders_in_messages_of_their_own_are_no_question() -> None:
    request = asked([{"type": "text", "text": REMINDER}, {"type": "text", "text": "hello"}])
    request["messages"] += [
        {"role": "assistant", "content": "Hm"},
        {"role": "user", "content": SYSTEM},
    ]
    assert reply_for(request)["content"].startswith("Hello!")


@pytest.mark.parametrize(
    ("text", "name", "arguments"),
    [
        pytest.param("list the files", "Bash", {"command": "ls", "description": "List the files"}, id="list"),
        pytest.param("which files are here?", "Bash", {"command": "ls", "description": "List the files"}, id="which"),
        pytest.param("read README.md", "Read", {"file_path": "/project/README.md"}, id="read"),
        pytest.param("Show me the file `src/a.py`.", "Read", {"file_path": "/project/src/a.py"}, id="path"),
        pytest.param("cat /etc/hosts.allow", "Read", {"file_path": "/etc/hosts.allow"}, id="absolute"),
    ],
)  # fmt: skip
def test_it_calls_tools_that_only_show_something(text: str, name: str, arguments: object) -> None:
    request = asked(REMINDER + text, tools=CLAUDE_CODE)
    request["messages"].insert(0, {"role": "system", "content": "Working directory: /project\n"})
    assert called(request) == (name, arguments)


@pytest.mark.parametrize(
    ("offered", "name", "arguments"),
    [
        pytest.param(tool("LS", "path"), "LS", {"path": "."}, id="LS"),
        pytest.param(tool("glob", "pattern"), "glob", {"pattern": "*"}, id="glob"),
        pytest.param(tool("read", "filePath"), "read", {"filePath": "a.md"}, id="read"),
        pytest.param(tool("read_file", "filepath"), "read_file", {"filepath": "a.md"}, id="read_file"),
    ],
)  # fmt: skip
def test_tools_of_other_clients(offered: dict[str, Any], name: str, arguments: object) -> None:
    text = "read a.md" if "read" in name else "list files"
    assert called(asked(text, tools=[offered])) == (name, arguments)


@pytest.mark.parametrize("text", ["Hi", "delete all files", "run make", "write a file x.py"])
def test_it_never_calls_a_tool_that_might_do_something(text: str) -> None:
    assert "tool_calls" not in reply_for(asked(text, tools=CLAUDE_CODE))


@pytest.mark.parametrize(
    ("text", "city"), [("Hi", "Paris"), ("What is the weather in New York today?", "New York")]
)
def test_its_own_tool_is_called_when_it_is_offered(text: str, city: str) -> None:
    assert called(asked(text, tools=[*CLAUDE_CODE, WEATHER])) == ("get_weather", {"city": city})


@pytest.mark.parametrize(
    "choice",
    [
        pytest.param({"type": "function", "function": {"name": "report"}}, id="named"),
        pytest.param("required", id="the only one"),
    ],
)
def test_a_demanded_tool_is_called_with_values_that_fit(choice: object) -> None:
    schema = {
        "type": "object",
        "properties": {
            "mood": {"enum": ["good", "bad"]},
            "count": {"type": "integer", "minimum": 3},
            "names": {"type": "array", "items": {"type": ["string", "null"]}},
            "inner": {"anyOf": [{"type": "object", "properties": {}, "required": ["a"]}]},
            "sure": {"type": "boolean"},
            "kind": {"const": 7},
            "left": {"type": "string"},
        },
        "required": ["mood", "count", "names", "inner", "sure", "kind"],
    }
    report = {"type": "function", "function": {"name": "report", "parameters": schema}}
    arguments = {
        "mood": "good",
        "count": 3,
        "names": ["demo"],
        "inner": {"a": "demo"},
        "sure": True,
        "kind": 7,
    }
    assert called(asked(tools=[report], tool_choice=choice)) == ("report", arguments)


def test_the_answer_in_a_given_form_is_a_call_of_claude_codes_tool() -> None:
    form = tool("StructuredOutput", "name")
    form["function"]["parameters"] |= {"required": ["name"]}
    request = asked("list the files", tools=[*CLAUDE_CODE, form])
    assert called(request) == ("StructuredOutput", {"name": "demo"})


def test_a_compaction_with_an_image_in_its_turn_gets_a_summary() -> None:
    parts = [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
        {"type": "text", "text": "Create a detailed summary of the conversation so far."},
    ]
    assert reply_for(asked(parts))["content"] == f"{SUMMARY} {ADVICE}"


def test_a_title_for_claude_code() -> None:
    schema = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}
    form = {"type": "json_schema", "json_schema": {"name": "output", "schema": schema}}
    text = (
        "<session>\nfix the login page\n</session>\n\nWrite the title in the language of the user."
    )
    message = reply_for(asked(text, response_format=form))
    assert message == {"role": "assistant", "content": '{"title": "Fix the login page"}'}


@pytest.mark.parametrize(
    ("result", "answer"),
    [
        pytest.param("rain.", "The tool returned: rain.", id="line"),
        pytest.param("     1→# Title\n     2→\n", "The tool returned: # Title", id="file"),
        pytest.param(
            "1\t# Title\n2\n3\ttext\n4",
            "The tool returned 2 lines. Here are all of them:\n\n```\n# Title\ntext\n```\n",
            id="lines that are empty",
        ),
        pytest.param(
            "2\n3",
            "The tool returned 2 lines. Here are all of them:\n\n```\n2\n3\n```\n",
            id="numbers",
        ),
        pytest.param("", "The tool returned: nothing", id="nothing"),
        pytest.param(
            "a\nb\n",
            "The tool returned 2 lines. Here are all of them:\n\n```\na\nb\n```\n",
            id="lines",
        ),
        pytest.param(
            "\n".join("abcdefg"),
            "The tool returned 7 lines. Here are the first 5 of them:\n\n```\na\nb\nc\nd\ne\n```\n",
            id="many lines",
        ),
    ],
)
def test_it_tells_what_a_tool_returned(result: str, answer: str) -> None:
    request = asked("list the files", tools=CLAUDE_CODE)
    request["messages"] += [
        {"role": "assistant", "tool_calls": []},
        {"role": "tool", "tool_call_id": "x", "content": result},
        {"role": "user", "content": REMINDER},
    ]
    assert reply_for(request) == {"role": "assistant", "content": answer}


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        pytest.param(f"data:image/png;base64,{PIXEL}", "image (image/png, 64 x 32 pixels)", id="png"),
        pytest.param("data:image/gif;base64,AAAA", "image (image/gif, 3 bytes)", id="gif"),
        pytest.param("data:image/gif;base64,A", "image (image/gif) that is not base64", id="odd"),
        pytest.param("https://example.com/a.png", "the address of an image", id="address"),
    ],
)  # fmt: skip
def test_a_sentence_about_an_image(url: str, sentence: str) -> None:
    parts = [
        {"type": "image_url", "image_url": {"url": url}},
        {"type": "text", "text": "What is it?"},
    ]
    assert (
        f"You sent {'an ' if 'data' in url else ''}{sentence}."
        in reply_for(asked(parts))["content"]
    )


@pytest.mark.parametrize(
    "request_body",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"messages": []}, id="no messages"),
        pytest.param({"messages": "x", "tools": [None, {}], "tool_choice": 1}, id="other types"),
        pytest.param(asked([{"type": "image_url"}, {"type": "text", "text": "t"}]), id="parts"),
        pytest.param(asked(None), id="null content"),
        pytest.param(asked("<system-reminder> never closed"), id="open reminder"),
        pytest.param(asked(response_format={"type": "json_object"}), id="any object"),
    ],
)
def test_it_answers_whatever_comes(request_body: dict[str, Any]) -> None:
    assert reply_for(request_body)["content"]
