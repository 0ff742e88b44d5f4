"""The program started in other ways: TLS upstream, preload, no upstream at all; and its log."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import anthropic
import pytest
from anthropic.types import MessageParam

from tests.live import LiveProxy, free_port, live_proxy
from tests.sdk.clients import CLIENT_KEY, UPSTREAM_KEY, sdk_client
from tests.upstream_stub import UpstreamStub, completion, json_answer, text_stream

CERTIFICATE = Path(__file__).with_name("loopback.pem")
"""Key and self-signed certificate for the loopback address; it guards nothing."""
HELLO: list[MessageParam] = [{"role": "user", "content": "hello"}]
PROMPT = "canary-prompt-text-42"
ANSWER = "canary-answer-text-43"


@pytest.fixture(scope="module")
def tls_upstream() -> Iterator[UpstreamStub]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE)
    server = UpstreamStub(tls=context)
    yield server
    server.close()


def environment(base_url: str, **more: str) -> dict[str, str]:
    return {"OPENAI_BASE_URL": base_url, "OPENAI_API_KEY": UPSTREAM_KEY} | {
        f"CLAUDE_PROXY_{name}": value for name, value in more.items()
    }


def say(client: anthropic.Anthropic, text: str = "hello") -> str:
    message = client.messages.create(
        model="some-model", max_tokens=9, messages=[{"role": "user", "content": text}]
    )
    assert message.content[0].type == "text"
    return message.content[0].text


@pytest.mark.parametrize("options", [(), ("--preload",)], ids=["tables in the master", "preload"])
@pytest.mark.long(except_every=2)
def test_tls_upstream(options: tuple[str, ...], tls_upstream: UpstreamStub) -> None:
    tls_upstream.default = json_answer(completion("over TLS"))
    environ = environment(tls_upstream.base_url, AUTH_KEY=CLIENT_KEY, CA_BUNDLE=str(CERTIFICATE))
    with (
        live_proxy(environ, options=options) as proxy,
        sdk_client(proxy) as client,
        ThreadPoolExecutor(6) as pool,
    ):
        assert list(pool.map(lambda _: say(client), range(6))) == ["over TLS"] * 6
        counted = client.messages.with_raw_response.count_tokens(model="gpt-4o", messages=HELLO)
        assert counted.headers["x-token-counting"] == "tiktoken"
        tls_upstream.default = text_stream("streamed")
        with client.messages.stream(model="m", max_tokens=9, messages=HELLO) as stream:
            assert stream.get_final_text() == "streamed"
        assert "RecursionError" not in proxy.log()


def test_a_certificate_nobody_vouches_for(tls_upstream: UpstreamStub) -> None:
    environ = environment(tls_upstream.base_url, AUTH_KEY=CLIENT_KEY)
    with (
        live_proxy(environ) as proxy,
        sdk_client(proxy) as client,
        pytest.raises(anthropic.InternalServerError) as caught,
    ):
        say(client)
    assert caught.value.status_code == 502
    assert caught.value.response.headers["x-should-retry"] == "false"


def test_nobody_listens() -> None:
    environ = environment(f"http://127.0.0.1:{free_port()}/v1", AUTH_KEY=CLIENT_KEY)
    with (
        live_proxy(environ) as proxy,
        sdk_client(proxy) as client,
        pytest.raises(anthropic.InternalServerError) as caught,
    ):
        say(client)
    assert caught.value.status_code == 502
    assert UPSTREAM_KEY not in caught.value.response.text


def test_passthrough_sends_the_clients_own_key(upstream: UpstreamStub) -> None:
    upstream.default = json_answer(completion("yours"))
    with (
        live_proxy({"OPENAI_BASE_URL": upstream.base_url}) as proxy,
        sdk_client(proxy, "sk-my-own-key-987654321") as client,
    ):
        assert say(client) == "yours"
        log = proxy.log()
    assert upstream.requests[0].headers["authorization"] == "Bearer sk-my-own-key-987654321"
    assert "sk-my-own-key" not in log


@pytest.fixture
def talkative(upstream: UpstreamStub) -> Iterator[LiveProxy]:
    environ = environment(upstream.base_url, AUTH_KEY=CLIENT_KEY, LOG_LEVEL="DEBUG")
    with live_proxy(environ) as proxy:
        yield proxy


def _exercise(client: anthropic.Anthropic, upstream: UpstreamStub) -> None:
    """A whole answer, a stream, a refusal that repeats everything, a bad request."""
    upstream.default = json_answer(completion(ANSWER))
    say(client, PROMPT)
    upstream.default = text_stream(ANSWER)
    prompt: list[MessageParam] = [{"role": "user", "content": PROMPT}]
    with client.messages.stream(model="m", max_tokens=9, messages=prompt) as stream:
        stream.until_done()
    client.messages.count_tokens(model="m", messages=prompt)
    refusal = {"error": {"message": f"key {UPSTREAM_KEY} said {PROMPT}"}}
    upstream.default = json_answer(refusal, 500)
    with pytest.raises(anthropic.InternalServerError):
        say(client, PROMPT)
    with pytest.raises(anthropic.BadRequestError):
        client.messages.create(model="m", max_tokens=-1, messages=prompt)


def test_no_key_in_the_log_at_any_level(talkative: LiveProxy, upstream: UpstreamStub) -> None:
    with sdk_client(talkative) as client:
        _exercise(client, upstream)
    with (
        sdk_client(talkative, "wrong-canary-key-13579") as client,
        pytest.raises(anthropic.AuthenticationError),
    ):
        say(client)
    log = talkative.logged("POST /v1/messages 401")
    for secret in (UPSTREAM_KEY, CLIENT_KEY, "wrong-canary-key"):
        assert secret not in log


def test_no_prompt_in_the_log_at_info(
    proxy: LiveProxy, client: anthropic.Anthropic, upstream: UpstreamStub
) -> None:
    _exercise(client, upstream)
    proxy.logged("Token Usage | Model: some-model → some-model | Input: 10 | Output: 5 | Total: 15")
    log = proxy.logged("Token Usage [Stream] | Model: m → m | Input: 10 | Output: 5 | Total: 15")
    for secret in (PROMPT, ANSWER, UPSTREAM_KEY, CLIENT_KEY):
        assert secret not in log
