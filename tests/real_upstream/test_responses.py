"""llama.cpp's own Responses endpoint behind the proxy: random weights, so every answer is noise."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anthropic
import pytest

from tests.live import NAMED_MODELS, LiveProxy, live_proxy
from tests.real_upstream.test_llama_server import (
    CONTEXT,
    HELLO,
    MODEL,
    SCHEMA,
    TOO_LONG,
    raw_stream,
)
from tests.sdk.events import assert_legal, parse_events
from tests.upstream_stub import Recorded, Script, UpstreamStub, answer, json_answer

LLAMA_FLAGS = {
    "text_format": "response_format",
    "count_endpoint": "responses",
    "reasoning_items": "text",
    "silent_cut": True,
}
"""Those of the profile ``llamacpp``, which knows the server by its usual port."""


@pytest.fixture(scope="module")
def proxy(llama_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveProxy]:
    registry = tmp_path_factory.mktemp("registry") / "providers.json"
    provider = {
        "name": "llama",
        "base_url": f"{llama_url}/v1",
        "api": "responses",
        "profile": LLAMA_FLAGS,
        "models": [{"id": MODEL}],
    }
    registry.write_text(json.dumps({"providers": [provider]}))
    environ = {
        "CLAUDE_PROXY_CONFIG": str(registry),
        "CLAUDE_PROXY_TOKEN_COUNTING": "upstream",
        **dict.fromkeys(NAMED_MODELS, MODEL),
    }
    with live_proxy(environ) as running:
        yield running


def test_whole_answer(client: anthropic.Anthropic) -> None:
    answer = client.messages.with_raw_response.create(model=MODEL, max_tokens=24, messages=HELLO)
    message = answer.parse()
    assert (
        answer.headers["x-claude-proxy-route"] == f"llama/{MODEL};reason=registered;api=responses"
    )
    assert (message.role, message.model) == ("assistant", MODEL)
    assert message.stop_reason in ("max_tokens", "end_turn")
    assert [block.type for block in message.content] == ["text"]
    assert 1 <= message.usage.output_tokens <= 24
    assert message.usage.input_tokens + (message.usage.cache_read_input_tokens or 0) > 20


def test_streamed_answer(client: anthropic.Anthropic) -> None:
    with client.messages.stream(model=MODEL, max_tokens=24, messages=HELLO) as stream:
        text = stream.get_final_text()
        message = stream.get_final_message()
    assert message.content[0].type == "text"
    assert message.content[0].text == text
    assert 1 <= message.usage.output_tokens <= 24


@pytest.mark.parametrize("seed", range(3))
def test_events_are_legal_whatever_the_model_says(seed: int, proxy: LiveProxy) -> None:
    messages = [{"role": "user", "content": f"Noise number {seed} \u00e9\u65e5\U0001f98a"}]
    events = parse_events(raw_stream(proxy, messages=messages, temperature=1.0))
    assert_legal(events)
    assert events[-1]["type"] == "message_stop"
    assert 0 < events[-2]["usage"]["output_tokens"] <= 40


def test_tools_and_history_are_accepted(client: anthropic.Anthropic) -> None:
    message = client.messages.create(
        model=MODEL,
        max_tokens=16,
        system="You are a test.",
        tools=[{"name": "look", "input_schema": {"type": "object", "properties": {}}}],
        messages=[
            {"role": "user", "content": "look"},
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "I look."},
                    {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "toolu_1", "content": "seen"},
                    {"type": "text", "text": "and now?"},
                ],
            },
        ],
    )
    assert message.usage.output_tokens >= 1


def test_schema_is_obeyed(client: anthropic.Anthropic) -> None:
    message = client.messages.create(
        model=MODEL,
        max_tokens=400,
        messages=HELLO,
        output_config={"format": {"type": "json_schema", "schema": SCHEMA}},
    )
    assert message.content[0].type == "text"
    answer = json.loads(message.content[0].text)
    assert (type(answer["count"]), type(answer["good"])) == (int, bool)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_context_overflow_has_the_real_numbers(streamed: bool, client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.BadRequestError) as refused:
        client.messages.create(model=MODEL, max_tokens=16, messages=TOO_LONG, stream=streamed)
    assert isinstance(refused.value.body, dict)
    words = re.fullmatch(
        r"prompt is too long: (\d+) tokens > (\d+) maximum", refused.value.body["error"]["message"]
    )
    assert words is not None, refused.value.body
    assert int(words[1]) > 45000
    assert int(words[2]) == CONTEXT


def test_models(client: anthropic.Anthropic) -> None:
    assert [model.id for model in client.models.list()] == [MODEL]


def test_the_count_is_the_servers_own(client: anthropic.Anthropic) -> None:
    counted = client.messages.with_raw_response.count_tokens(model=MODEL, messages=HELLO)
    assert counted.headers["x-token-counting"] == "upstream"
    usage = client.messages.create(model=MODEL, max_tokens=16, messages=HELLO).usage
    used = usage.input_tokens + (usage.cache_read_input_tokens or 0)
    assert counted.parse().input_tokens == used


def test_connection(proxy: LiveProxy) -> None:
    request = urllib.request.Request(
        f"{proxy.url}/test-connection?model={MODEL}", headers={"x-api-key": "nobody-asks"}
    )
    with urllib.request.urlopen(request) as response:
        assert json.loads(response.read())["status"] == "success"


def test_a_base_url_that_names_the_endpoint(llama_url: str) -> None:
    """Nothing else is configured, and nothing is known of the server."""
    environ = {
        "OPENAI_BASE_URL": f"{llama_url}/responses",
        **dict.fromkeys(NAMED_MODELS, MODEL),
    }
    with (
        live_proxy(environ) as proxy,
        anthropic.Anthropic(
            base_url=proxy.url, auth_token="nobody-asks", api_key=None, max_retries=0
        ) as sdk,
    ):
        counted = sdk.messages.with_raw_response.count_tokens(model=MODEL, messages=HELLO)
        assert counted.headers["x-token-counting"] == "tiktoken"
        answer = sdk.messages.with_raw_response.create(model=MODEL, max_tokens=16, messages=HELLO)
        assert answer.headers["x-claude-proxy-route"].endswith(";api=responses")
        assert answer.parse().usage.output_tokens >= 1


CHAT_REFUSED = {
    "error": {
        "message": "This model is only supported in v1/responses and not in v1/chat/completions.",
        "type": "invalid_request_error",
        "param": "model",
        "code": None,
    }
}
RESPONSES_REFUSED = {
    "error": {"message": "Unknown request URL: POST /v1/responses.", "code": "unknown_url"}
}


@contextmanager
def refusing(llama_url: str, path: str, refusal: object) -> Iterator[UpstreamStub]:
    """The server, except that it refuses calls of ``path``."""

    def passed(request: Recorded) -> Script:
        if request.target.endswith(path):
            return json_answer(refusal, 404)
        call = urllib.request.Request(
            llama_url + request.target,
            data=request.body,
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(call, timeout=60) as response:
            return answer(response.read(), content_type=response.headers["content-type"])

    stub = UpstreamStub(default=passed)
    yield stub
    stub.close()


@pytest.mark.parametrize(
    ("start", "refused", "refusal", "ends"),
    [
        pytest.param(
            "chat", "/chat/completions", CHAT_REFUSED, ";api=responses", id="to Responses"
        ),
        pytest.param(
            "responses",
            "/responses",
            RESPONSES_REFUSED,
            ";reason=registered",
            id="to Chat",
            marks=pytest.mark.long,
        ),
    ],
)
def test_the_switch_is_made_once_and_remembered(
    start: str, refused: str, refusal: object, ends: str, llama_url: str, tmp_path: Path
) -> None:
    registry = tmp_path / "providers.json"
    with refusing(llama_url, refused, refusal) as stub:
        provider = {
            "name": "llama",
            "base_url": stub.base_url,
            "profile": {**LLAMA_FLAGS, "api": start},
            "models": [{"id": MODEL}],
        }
        registry.write_text(json.dumps({"providers": [provider]}))
        with (
            live_proxy({"CLAUDE_PROXY_CONFIG": str(registry)}) as proxy,
            anthropic.Anthropic(
                base_url=proxy.url, auth_token="nobody-asks", api_key=None, max_retries=0
            ) as sdk,
        ):
            for _ in range(2):
                told = sdk.messages.with_raw_response.create(
                    model=MODEL, max_tokens=16, messages=HELLO
                )
                assert told.headers["x-claude-proxy-route"].endswith(ends)
                assert told.parse().usage.output_tokens >= 1
        asked = [request.target.endswith(refused) for request in stub.requests]
    assert asked == [True, False, False]
