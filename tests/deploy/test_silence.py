"""Upstreams that are silent for longer than an nginx with its default time limits waits.

Rule: the real times are nginx's 60 s and silences of 100 s before a head and 120 s before a tool call;
the test divides all of them by ``PART``, and all streams run at the same time.
"""

from __future__ import annotations

import http.client
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import gevent
import pytest
import yaml

from tests.deploy.nginx import needs_nginx, nginx_in_front
from tests.live import live_proxy
from tests.sdk.events import assert_legal, parse_events, text_of
from tests.upstream_stub import (
    Recorded,
    Script,
    Sleep,
    Step,
    UpstreamStub,
    answer,
    chunk,
    sse,
    text_stream,
    tool_call,
)

PART = 3
"""Pings are sent every 15 s, so that nginx must wait for longer than that."""


@needs_nginx
@pytest.mark.long
def test_silence_does_not_cut_a_stream(upstream: UpstreamStub, tmp_path: Path) -> None:
    streams = behind_nginx(upstream, tmp_path, PART)
    for events in streams.values():
        assert_legal(events)
        assert events[-1]["type"] == "message_stop"
    assert {name: text_of(events) for name, events in streams.items()} == {
        "head": "late",
        "call": "I will write.",
        "native-head": "late",
        "native-call": "I will write.late",
    }
    calls = [event for event in streams["call"] if event["type"] == "content_block_start"]
    assert [call["content_block"]["type"] for call in calls] == ["text", "tool_use"]


def behind_nginx(
    upstream: UpstreamStub, directory: Path, part: float
) -> dict[str, list[dict[str, Any]]]:
    """The events of one stream for each script; all times are divided by ``part``."""
    scripts = silent_scripts(Sleep(100 / part), Sleep(120 / part))
    upstream.default = lambda recorded: scripts[asked_for(recorded)]
    chat, native = ("head", "call"), ("native-head", "native-call")
    providers: list[dict[str, Any]] = [
        {"name": "chat", "base_url": upstream.base_url, "models": models(*chat)},
        {"name": "native", "base_url": upstream.origin, "direct": True, "models": models(*native)},
    ]
    registry = {"providers": [{**row, "api_key": "k"} for row in providers]}
    path = directory / "providers.yaml"
    path.write_text(yaml.safe_dump(registry), "utf-8")
    environ = {"CLAUDE_PROXY_CONFIG": str(path), "CLAUDE_PROXY_EARLY_START": str(45 / part)}
    timeout = f"{60_000 / part:.0f}ms"
    with live_proxy(environ) as proxy, nginx_in_front(proxy.port, read_timeout=timeout) as nginx:
        reads = {name: gevent.spawn(events_of, nginx.port, name) for name in scripts}
        return {name: read.get() for name, read in reads.items()}


def models(*names: str) -> list[dict[str, str]]:
    return [{"id": name} for name in names]


def asked_for(recorded: Recorded) -> str:
    return str(recorded.json["model"])


def events_of(port: int, model: str) -> list[dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    body = {
        "model": model,
        "max_tokens": 100,
        "stream": True,
        "messages": [{"role": "user", "content": "Hi"}],
        "tools": [{"name": "Write", "input_schema": {"type": "object"}}],
    }
    with closing(connection):
        connection.request("POST", "/v1/messages", json.dumps(body), {"x-api-key": "c"})
        response = connection.getresponse()
        assert response.status == 200
        return parse_events(response.read())


def silent_scripts(before_head: Sleep, before_call: Sleep) -> dict[str, Script]:
    call = tool_call(0, '{"file": "a"}', id="call_1", name="Write")
    said = chunk(content="I will write.")
    return {
        "head": (before_head, *text_stream("late")),
        "call": sse(said, before_call, chunk(tool_calls=[call]), chunk("tool_calls")),
        "native-head": (before_head, *native_stream("late")),
        "native-call": native_stream("I will write.", before_call, "late"),
    }


def native_stream(*texts: str | Sleep) -> Script:
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }
    block = {"type": "text", "text": ""}
    steps: list[Step] = [
        event("message_start", message=message),
        event("content_block_start", index=0, content_block=block),
    ]
    for text in texts:
        delta = {"type": "text_delta", "text": text}
        sent = (
            text if isinstance(text, Sleep) else event("content_block_delta", index=0, delta=delta)
        )
        steps.append(sent)
    steps += [
        event("content_block_stop", index=0),
        event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 2}),
        event("message_stop"),
    ]
    return answer(*steps, content_type="text/event-stream", framing="chunked")


def event(kind: str, **members: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind} | members)}\n\n".encode()
