"""The stand-in upstream: every kind of thing that streams."""

from __future__ import annotations

import io
from typing import Any

import orjson
import pytest

from proxy.cli import demo_upstream
from proxy.cli.demo_upstream import application, deltas_for, reply_for

TOOLS = [{"type": "function", "function": {"name": "get_weather"}}]
OTHER_TOOLS = [{"type": "function", "function": {"name": "Bash"}}]


def asked(text: Any = "Hi", **fields: Any) -> dict[str, Any]:
    return {"model": "demo", "messages": [{"role": "user", "content": text}], **fields}


def call(path: str, body: bytes = b"") -> tuple[str, bytes]:
    started: list[str] = []

    def start_response(status: str, _: object) -> None:
        started.append(status)

    answer = application({"PATH_INFO": path, "wsgi.input": io.BytesIO(body)}, start_response)
    return started[0], b"".join(answer)


def joined(deltas: list[dict[str, Any]], name: str) -> str:
    return "".join(delta.get(name) or "" for delta in deltas)


def test_it_thinks_and_answers() -> None:
    message = reply_for(asked("Hello there"))
    assert message["reasoning_content"]
    assert "You wrote: 'Hello there'." in message["content"]
    assert "tool_calls" not in message


def test_it_calls_its_own_tool_when_that_is_offered() -> None:
    [tool_call] = reply_for(asked(tools=[*OTHER_TOOLS, *TOOLS]))["tool_calls"]
    assert tool_call["function"] == {"name": "get_weather", "arguments": '{"city": "Paris"}'}


def test_it_never_calls_a_tool_that_might_do_something() -> None:
    assert "tool_calls" not in reply_for(asked(tools=OTHER_TOOLS))


def test_it_reads_the_tools_answer() -> None:
    request = asked(tools=TOOLS)
    request["messages"].append({"role": "tool", "tool_call_id": "x", "content": "rain."})
    assert reply_for(request) == {
        "role": "assistant",
        "content": "The tool returned: rain.",
    }


@pytest.mark.parametrize(
    "request_body",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"messages": []}, id="no messages"),
        pytest.param(asked([{"type": "image_url"}, {"type": "text", "text": "t"}]), id="parts"),
        pytest.param(asked(None), id="null content"),
    ],
)
def test_it_answers_whatever_comes(request_body: dict[str, Any]) -> None:
    assert reply_for(request_body)["content"]


def test_deltas_add_up_to_the_message() -> None:
    message = reply_for(asked(tools=TOOLS))
    deltas = list(deltas_for(message))
    assert deltas[0] == {"role": "assistant", "content": ""}
    for name in ("reasoning_content", "content"):
        assert joined(deltas, name) == message[name]
    pieces = [piece for delta in deltas for piece in delta.get("tool_calls", ())]
    assert pieces[0]["id"] == "call_demo"
    arguments = "".join(piece["function"]["arguments"] for piece in pieces)
    assert arguments == message["tool_calls"][0]["function"]["arguments"]


def test_a_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_upstream, "SECONDS_BETWEEN_CHUNKS", 0)
    status, body = call("/v1/chat/completions", orjson.dumps(asked(stream=True, tools=TOOLS)))
    assert status == "200 OK"
    events = body.split(b"\n\n")
    assert events[-2:] == [b"data: [DONE]", b""]
    chunks = [orjson.loads(event.removeprefix(b"data: ")) for event in events[:-2]]
    assert chunks[-2]["choices"][0]["finish_reason"] == "tool_calls"
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] == 42


def test_a_whole_answer() -> None:
    status, body = call("/v1/chat/completions", orjson.dumps(asked()))
    answer = orjson.loads(body)
    assert status == "200 OK"
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["object"] == "chat.completion"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        pytest.param("/v1/models", b"", "200 OK", id="models"),
        pytest.param("/v1/other", b"", "404 Not Found", id="another path"),
        pytest.param("/v1/chat/completions", b"{", "400 Bad Request", id="not JSON"),
    ],
)
def test_other_answers_are_json(path: str, body: bytes, status: str) -> None:
    answered, content = call(path, body)
    assert answered == status
    assert isinstance(orjson.loads(content), dict)
