"""Direct mode in front of llama.cpp's own Messages API (docs/protocol.md section 8)."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import anthropic
import pytest
from anthropic.types import MessageParam

from tests.live import LiveProxy, live_proxy
from tests.real_upstream.wiretap import Wiretap, tapped
from tests.sdk.clients import dechunked

MODEL = "my-own-name"
NAMED, RENAMED = b'"model":"tiny-random"', b'"model":"my-own-name"'
HELLO: list[MessageParam] = [{"role": "user", "content": "Say hello \u00e9"}]


@pytest.fixture(scope="module")
def wire(llama_url: str) -> Iterator[Wiretap]:
    port = urlsplit(llama_url).port
    assert port is not None
    with tapped(port) as tap:
        yield tap


@pytest.fixture(scope="module")
def native(wire: Wiretap, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveProxy]:
    registry: Path = tmp_path_factory.mktemp("native") / "providers.json"
    provider = {
        "name": "llama",
        "base_url": f"http://127.0.0.1:{wire.port}",
        "direct": True,
        "models": [{"id": MODEL, "remote_id": "tiny-random"}],
    }
    registry.write_text(json.dumps({"providers": [provider]}), "utf-8")
    with live_proxy({"CLAUDE_PROXY_CONFIG": str(registry)}) as running:
        yield running


@pytest.fixture
def sdk(native: LiveProxy) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(
        base_url=native.url, auth_token="nobody-asks", api_key=None, max_retries=0
    ) as client:
        yield client


def posted(url: str, **fields: object) -> bytes:
    body = {"model": MODEL, "max_tokens": 60, "messages": HELLO, **fields}
    request = urllib.request.Request(
        f"{url}/v1/messages",
        data=json.dumps(body).encode(),
        headers={"content-type": "application/json", "x-api-key": "nobody-asks"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        data: bytes = response.read()
    return data


def heard(wire: Wiretap) -> bytes:
    """The body of the last answer on the wire."""
    *_, last = (answer for answer in wire.answers if answer)
    head, _, body = bytes(last).rpartition(b"HTTP/1.1 200 OK")[2].partition(b"\r\n\r\n")
    return dechunked(body) if b"chunked" in head.lower() else body


def test_the_events_are_the_same_bytes(native: LiveProxy, wire: Wiretap) -> None:
    renamed = 0
    for seed in range(8):
        received = posted(native.url, stream=True, temperature=1.0, seed=seed)
        said = heard(wire)
        start, blank, rest = said.partition(b"\n\n")
        # Where the first token is half a character, this server leaves message_start out.
        renamed += start.count(NAMED)
        assert received == start.replace(NAMED, RENAMED) + blank + rest
        assert rest.endswith(b'data: {"type":"message_stop"}\n\n')
    assert renamed > 0


def test_a_whole_answer_is_the_same_bytes(native: LiveProxy, wire: Wiretap) -> None:
    received = posted(native.url)
    said = heard(wire)
    assert said.count(NAMED) == 1
    assert received == said.replace(NAMED, RENAMED)


def test_the_official_client_streams(sdk: anthropic.Anthropic) -> None:
    with sdk.messages.stream(
        model=MODEL, max_tokens=24, messages=HELLO, extra_body={"top_k": 1}
    ) as stream:
        text = stream.get_final_text()
        message = stream.get_final_message()
    assert message.model == MODEL
    assert message.content[0].type == "text"
    assert message.content[0].text == text
    assert message.stop_reason in ("max_tokens", "end_turn")


def test_the_official_client_gets_a_whole_answer(sdk: anthropic.Anthropic) -> None:
    message = sdk.messages.create(model=MODEL, max_tokens=24, messages=HELLO)
    assert (message.model, message.role) == (MODEL, "assistant")
    assert 1 <= message.usage.output_tokens <= 24


def test_its_own_count_is_told(sdk: anthropic.Anthropic) -> None:
    answer = sdk.messages.with_raw_response.count_tokens(model=MODEL, messages=HELLO)
    assert answer.headers["x-token-counting"] == "upstream"
    assert answer.parse().input_tokens > 20


def test_its_own_refusal_is_told(sdk: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.APIStatusError) as refused:
        sdk.messages.create(
            model=MODEL, max_tokens=16, messages=[{"role": "user", "content": "word " * 9000}]
        )
    assert isinstance(refused.value.body, dict)
    assert refused.value.body["error"]["message"]
