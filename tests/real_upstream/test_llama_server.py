"""A real Chat Completions server behind the proxy: random weights, so every answer is noise."""

from __future__ import annotations

import base64
import json
import re
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import anthropic
import pytest
from anthropic.types import Base64ImageSourceParam, MessageParam

from tests.cli.command import run
from tests.live import NAMED_MODELS, LiveProxy, live_proxy
from tests.sdk.events import assert_legal, parse_events, text_of

MODEL = "tiny-random"
CONTEXT = 8192
HELLO: list[MessageParam] = [{"role": "user", "content": "Say something, please."}]
TOO_LONG: list[MessageParam] = [{"role": "user", "content": "word " * 9000}]
SCHEMA = {
    "type": "object",
    "properties": {"count": {"type": "integer"}, "good": {"type": "boolean"}},
    "required": ["count", "good"],
    "additionalProperties": False,
}


def raw_stream(proxy: LiveProxy, **fields: object) -> bytes:
    """The bytes of a streamed answer."""
    body = {"model": MODEL, "max_tokens": 40, "messages": HELLO, "stream": True, **fields}
    request = urllib.request.Request(
        f"{proxy.url}/v1/messages",
        data=json.dumps(body).encode(),
        headers={"content-type": "application/json", "x-api-key": "nobody-asks"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        data: bytes = response.read()
    return data


def test_whole_answer(client: anthropic.Anthropic) -> None:
    message = client.messages.create(model=MODEL, max_tokens=24, messages=HELLO)
    assert (message.role, message.model) == ("assistant", MODEL)
    assert message.stop_reason in ("max_tokens", "end_turn")
    assert [block.type for block in message.content] == ["text"]
    assert 1 <= message.usage.output_tokens <= 24
    assert message.usage.input_tokens + (message.usage.cache_read_input_tokens or 0) > 20


def test_streamed_answer(client: anthropic.Anthropic) -> None:
    with client.messages.stream(model=MODEL, max_tokens=24, messages=HELLO) as stream:
        text = stream.get_final_text()
        message = stream.get_final_message()
    assert [block.type for block in message.content] == ["text"]
    assert message.content[0].type == "text"
    assert message.content[0].text == text
    assert 1 <= message.usage.output_tokens <= 24


@pytest.mark.parametrize("seed", range(5))
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
                "content": [{"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}],
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


def test_context_overflow_has_the_real_numbers(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.BadRequestError) as refused:
        client.messages.create(model=MODEL, max_tokens=16, messages=TOO_LONG)
    assert isinstance(refused.value.body, dict)
    words = re.fullmatch(
        r"prompt is too long: (\d+) tokens > (\d+) maximum", refused.value.body["error"]["message"]
    )
    assert words is not None, refused.value.body
    assert int(words[1]) > 45000
    assert int(words[2]) == CONTEXT


def test_streamed_context_overflow_is_a_plain_error(client: anthropic.Anthropic) -> None:
    with (
        pytest.raises(anthropic.BadRequestError, match="prompt is too long"),
        client.messages.stream(model=MODEL, max_tokens=16, messages=TOO_LONG) as stream,
    ):
        stream.until_done()


def test_an_image_the_server_refuses_is_left_out(client: anthropic.Anthropic) -> None:
    """It says 500 where it means a text-only model; clients would repeat that for minutes."""
    source: Base64ImageSourceParam = {
        "type": "base64",
        "media_type": "image/png",
        "data": base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(60)).decode(),
    }
    answer = client.messages.with_raw_response.create(
        model=MODEL,
        max_tokens=16,
        messages=[{"role": "user", "content": [{"type": "image", "source": source}]}],
    )
    assert answer.headers["x-claude-proxy-dropped"] == "image=placeholder"
    assert answer.parse().usage.output_tokens >= 1


def test_two_streams_at_once(proxy: LiveProxy) -> None:
    with ThreadPoolExecutor(2) as pool:
        bodies = list(pool.map(lambda _: raw_stream(proxy, max_tokens=200), range(2)))
    for body in bodies:
        events = parse_events(body)
        assert_legal(events)
        assert text_of(events)


def test_models(client: anthropic.Anthropic) -> None:
    assert [model.id for model in client.models.list()] == [MODEL]
    assert client.models.retrieve(MODEL).type == "model"


def test_count_is_near_what_the_server_counts(client: anthropic.Anthropic) -> None:
    """The random model's vocabulary is bytes, so only the order of magnitude can agree."""
    counted = client.messages.count_tokens(model=MODEL, messages=HELLO).input_tokens
    assert 5 <= counted <= 40


def test_the_window_for_claude_code(proxy: LiveProxy, tmp_path: Path) -> None:
    """The server lists the window that it was started with; it wants no key."""
    done = run(tmp_path, "claude-code", "--url", proxy.url)
    assert done.returncode == 0, done.stderr
    settings = json.loads(done.stdout)["env"]
    assert settings["CLAUDE_CODE_MAX_CONTEXT_TOKENS"] == str(CONTEXT)
    assert settings["ANTHROPIC_DEFAULT_OPUS_MODEL"] == MODEL
    assert settings["ANTHROPIC_AUTH_TOKEN"] == "any"
    assert f"{CONTEXT:,} tokens ({MODEL}) are too few for Claude Code" in done.stderr


def test_nothing_but_the_address_is_set(llama_url: str, tmp_path: Path) -> None:
    """The server has one model, and lists it: Claude's names get it."""
    unset = dict.fromkeys(NAMED_MODELS, "")
    with live_proxy({"OPENAI_BASE_URL": f"{llama_url}/v1", **unset}) as proxy:
        # The server decides in the request that the command sends.
        written = run(tmp_path, "claude-code", "--url", proxy.url)
        assert json.loads(written.stdout)["env"]["ANTHROPIC_DEFAULT_OPUS_MODEL"] == MODEL
        with anthropic.Anthropic(
            base_url=proxy.url, auth_token="nobody-asks", api_key=None, max_retries=0
        ) as sdk:
            answer = sdk.messages.with_raw_response.create(
                model="claude-sonnet-5", max_tokens=8, messages=HELLO
            )
            count = sdk.messages.count_tokens(model="claude-opus-4-8", messages=HELLO)
        assert answer.parse().model == "claude-sonnet-5"
        assert answer.headers["x-claude-proxy-route"] == f"127.0.0.1/{MODEL};reason=tier"
        assert count.input_tokens > 0
        assert proxy.logged(f"{MODEL!r}, the only model that 127.0.0.1 lists, is used")
