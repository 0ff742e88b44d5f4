"""The stand-in upstream as a server: every kind of thing that streams, and other requests."""

from __future__ import annotations

import io
from typing import Any

import orjson
import pytest

from proxy.cli import demo_upstream
from proxy.cli.demo_replies import reply_for
from proxy.cli.demo_upstream import application, deltas_for

TOOLS = [{"type": "function", "function": {"name": "get_weather"}}]


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


def test_deltas_add_up_to_the_message() -> None:
    message = reply_for(asked(tools=TOOLS))
    deltas = list(deltas_for(message))
    assert deltas[0] == {"role": "assistant", "content": ""}
    for name in ("reasoning_content", "content"):
        assert joined(deltas, name) == message[name]
    pieces = [piece for delta in deltas for piece in delta.get("tool_calls", ())]
    assert pieces[0]["id"] == "call_demo_1"
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
    prompt, output = (chunks[-1]["usage"][f"{kind}_tokens"] for kind in ("prompt", "completion"))
    assert chunks[-1]["usage"]["total_tokens"] == prompt + output
    # One for each delta but the first and the two of the end.
    assert output == len(chunks) - 3


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
        pytest.param("/v1/chat/completions", b"[]", "400 Bad Request", id="no object"),
    ],
)
def test_other_answers_are_json(path: str, body: bytes, status: str) -> None:
    answered, content = call(path, body)
    assert answered == status
    assert isinstance(orjson.loads(content), dict)
