"""Streams that begin before their upstream answers, as the official SDK reads them.

Rule: the SDK returns a stream once it has the head; only then does the upstream end its silence.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import pytest
import yaml

from tests.live import LiveProxy, live_proxy
from tests.sdk.clients import CLIENT_KEY, UPSTREAM_KEY, sdk_client
from tests.sdk.test_native import EVENTS, MESSAGE, streamed
from tests.upstream_stub import (
    Script,
    UpstreamStub,
    Wait,
    completion,
    json_answer,
    text_stream,
    tool_stream,
)
from tests.waiting import until

TOOL = {"name": "look", "input_schema": {"type": "object", "properties": {}}}


@pytest.fixture(scope="module")
def proxy(stub: UpstreamStub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveProxy]:
    providers: list[dict[str, Any]] = [
        {"name": "chat", "base_url": stub.base_url, "models": [{"id": "chat-model"}]},
        {
            "name": "native",
            "base_url": stub.origin,
            "direct": True,
            "models": [{"id": "native-model", "remote_id": "claude-up"}],
        },
    ]
    registry = {"providers": [{**row, "api_key": UPSTREAM_KEY} for row in providers]}
    path: Path = tmp_path_factory.mktemp("early") / "providers.yaml"
    path.write_text(yaml.safe_dump(registry), "utf-8")
    environ = {
        "CLAUDE_PROXY_CONFIG": str(path),
        "CLAUDE_PROXY_AUTH_KEY": CLIENT_KEY,
        "CLAUDE_PROXY_EARLY_START": "0.2",
        "CLAUDE_PROXY_MAX_RETRIES": "1",
    }
    with live_proxy(environ) as running:
        yield running


@pytest.fixture
def client(proxy: LiveProxy) -> Iterator[anthropic.Anthropic]:
    with sdk_client(proxy) as sdk:
        yield sdk


@pytest.fixture
def silence() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def final(
    client: anthropic.Anthropic, silence: threading.Event, model: str = "chat-model"
) -> anthropic.types.Message:
    """The message of a stream whose upstream is silent until the SDK has the head."""
    words: Any = [{"role": "user", "content": "say hello"}]
    tools: Any = [TOOL]
    with client.messages.stream(model=model, max_tokens=100, messages=words, tools=tools) as stream:
        silence.set()
        return stream.get_final_message()


REFUSED = json_answer({"error": {"message": "busy"}}, status=503)
ANSWERS: dict[str, tuple[Script, ...]] = {
    "a stream": (text_stream("Hel", "lo"),),
    "a whole answer": (json_answer(completion("Hello")),),
    "after a retry": (REFUSED, text_stream("Hello")),
}


@pytest.mark.parametrize("scripts", ANSWERS.values(), ids=ANSWERS)
def test_a_late_answer_is_whole(
    client: anthropic.Anthropic,
    upstream: UpstreamStub,
    silence: threading.Event,
    scripts: tuple[Script, ...],
) -> None:
    upstream.answer((Wait(silence), *scripts[0]), *scripts[1:])
    message = final(client, silence)
    assert [block.to_dict() for block in message.content] == [{"type": "text", "text": "Hello"}]
    assert (message.model, message.stop_reason) == ("chat-model", "end_turn")
    assert (message.usage.input_tokens, message.usage.output_tokens) == (10, 5)


def test_a_late_tool_call_is_whole(
    client: anthropic.Anthropic, upstream: UpstreamStub, silence: threading.Event
) -> None:
    upstream.answer((Wait(silence), *tool_stream(("call_1", "look", '{"at": "the moon"}'))))
    message = final(client, silence)
    (call,) = message.content
    assert isinstance(call, anthropic.types.ToolUseBlock)
    assert (call.name, call.input) == ("look", {"at": "the moon"})
    assert message.stop_reason == "tool_use"


def test_a_late_refusal_is_an_error_of_its_type(
    client: anthropic.Anthropic, upstream: UpstreamStub, silence: threading.Event
) -> None:
    failure = json_answer({"error": {"message": "no such model"}}, status=404)
    upstream.answer((Wait(silence), *failure), json_answer({"data": [{"id": "another"}]}))
    with pytest.raises(anthropic.APIStatusError) as caught:
        final(client, silence)
    body: Any = caught.value.body
    assert body["error"]["type"] == "not_found_error"
    assert body["error"]["message"].startswith(
        "model: chat-model: the upstream has no such model; "
    )


def test_a_late_native_answer_is_whole(
    client: anthropic.Anthropic, upstream: UpstreamStub, silence: threading.Event
) -> None:
    upstream.answer((Wait(silence), *streamed(*EVENTS)))
    message = final(client, silence, "native-model")
    assert message.id == MESSAGE["id"]
    assert message.model == "native-model"
    assert message.stop_reason == "end_turn"


def test_a_client_that_leaves_early_closes_the_upstream(
    client: anthropic.Anthropic,
    proxy: LiveProxy,
    upstream: UpstreamStub,
    silence: threading.Event,
) -> None:
    upstream.answer((Wait(silence),))
    words: Any = [{"role": "user", "content": "say hello"}]
    asked = client.messages.create(model="chat-model", max_tokens=9, messages=words, stream=True)
    connection = upstream.connections[upstream.requests[-1].connection]
    assert not connection.closed.is_set()
    asked.close()
    assert connection.closed.wait(60)
    (line,) = until(lambda: [row for row in proxy.log().splitlines() if " 499 " in row], "no line")
    assert "provider=chat" in line
    assert "error=" not in line
