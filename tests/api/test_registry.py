"""The proxy over a registry file: two providers behind it, two stubs (docs/features.md)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from config.settings import load_settings
from proxy.api.context import EXTENSION
from proxy.app import create_app
from tests.api.conftest import KEY, message_request
from tests.upstream_stub import (
    UpstreamStub,
    completion,
    json_answer,
    server_tls,
    text_stream,
)

Serve = Callable[..., FlaskClient]
NATIVE_MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-opus-4-8",
    "content": [{"type": "text", "text": "Hello"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 2},
}
FILE = """
models_from_upstream: MODELS_FROM_UPSTREAM
router: {think: second-model}
providers:
  - name: one
    base_url: FIRST
    api_key: key-one
    models:
      - id: first-model
        remote_id: first-remote
        aliases: [claude-first]
        display_name: The First
        max_tokens: 50
        max_input_tokens: 1k
        temperature: 0.5
        reasoning_effort: high
        extra_body: {store: false}
  - name: two
    base_url: SECOND
    extra_headers: {X-Team: platform}
    profile: {token_field: max_completion_tokens}
    models:
      - id: second-model
        profile: {unsupported: [max_completion_tokens]}
      - id: third-model
"""


@pytest.fixture
def second() -> Iterator[UpstreamStub]:
    stub = UpstreamStub()
    yield stub
    stub.close()


@pytest.fixture
def serve(tmp_path: Path, upstream: UpstreamStub, second: UpstreamStub) -> Iterator[Serve]:
    """A client of a proxy whose registry is ``text``, FIRST and SECOND being the stubs."""
    apps: list[Flask] = []

    def served(text: str = FILE, *, from_upstream: bool = False, **environ: str) -> FlaskClient:
        path = tmp_path / f"{len(apps)}.yaml"
        text = text.replace("FIRST", upstream.origin).replace("SECOND", second.origin)
        path.write_text(text.replace("MODELS_FROM_UPSTREAM", str(from_upstream).lower()))
        apps.append(create_app(load_settings({"CLAUDE_PROXY_CONFIG": str(path), **environ})))
        return apps[-1].test_client()

    yield served
    for app in apps:
        app.extensions[EXTENSION].close()


def ask(client: FlaskClient, model: str, **fields: Any) -> Any:
    return client.post("/v1/messages", json=message_request(model=model, **fields), headers=KEY)


def test_each_model_goes_to_its_own_provider(
    serve: Serve, upstream: UpstreamStub, second: UpstreamStub
) -> None:
    upstream.answer(json_answer(completion("from one")))
    second.answer(json_answer(completion("from two")))
    client = serve()
    one, two = ask(client, "first-model"), ask(client, "second-model")
    assert [answer.json["content"][0]["text"] for answer in (one, two)] == ["from one", "from two"]
    assert [answer.json["model"] for answer in (one, two)] == ["first-model", "second-model"]
    assert one.headers["x-claude-proxy-route"] == "one/first-remote;reason=registered"
    assert two.headers["x-claude-proxy-route"] == "two/second-model;reason=registered"
    sent_one, sent_two = upstream.requests[0], second.requests[0]
    assert sent_one.target == "/v1/chat/completions"
    assert sent_one.headers["authorization"] == "Bearer key-one"
    assert "x-team" not in sent_one.headers
    # A provider without a key of its own: the client's goes through.
    assert sent_two.headers["authorization"] == "Bearer client-key"
    assert sent_two.headers["x-team"] == "platform"


def test_what_is_registered_of_a_model_is_sent(serve: Serve, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(completion()))
    answer = ask(serve(), "claude-first", temperature=1, max_tokens=4000)
    assert upstream.requests[0].json == {
        "model": "first-remote",
        "messages": [{"role": "user", "content": "Hi"}],
        "max_tokens": 50,
        "temperature": 0.5,
        "reasoning_effort": "high",
        "store": False,
    }
    assert answer.headers["x-claude-proxy-dropped"] == "max_tokens=50, temperature=0.5"


def test_profile_flags_of_the_provider_and_of_the_model(serve: Serve, second: UpstreamStub) -> None:
    second.answer(json_answer(completion()), json_answer(completion()))
    client = serve()
    ask(client, "second-model")
    ask(client, "third-model")
    named, unnamed = second.requests[1].json, second.requests[0].json
    assert (named["max_completion_tokens"], "max_tokens" in named) == (100, False)
    assert "max_completion_tokens" not in unnamed


def test_10_7_a_prompt_above_the_models_limit_is_not_sent(
    serve: Serve, upstream: UpstreamStub
) -> None:
    answer = ask(serve(), "first-model", messages=[{"role": "user", "content": " word" * 1000}])
    assert answer.status_code == 400
    assert answer.json["error"] == {
        "type": "invalid_request_error",
        "message": "prompt is too long: 1007 tokens > 1000 maximum",
    }
    assert upstream.requests == []


def test_smart_routing_in_a_stream(serve: Serve, second: UpstreamStub) -> None:
    second.answer(text_stream("Hello"))
    answer = ask(
        serve(),
        "claude-sonnet-5",
        stream=True,
        max_tokens=4000,
        thinking={"type": "enabled", "budget_tokens": 2000},
    )
    assert answer.headers["x-claude-proxy-route"] == "two/second-model;reason=think"
    assert b'"model":"claude-sonnet-5"' in answer.data
    assert b"Hello" in answer.data


def test_a_prompt_above_the_threshold(serve: Serve, second: UpstreamStub) -> None:
    second.answer(json_answer(completion()))
    client = serve(ROUTER_LONG_CONTEXT="two/third-model", LONG_CONTEXT_THRESHOLD="1k")
    answer = ask(client, "claude-sonnet-5", messages=[{"role": "user", "content": "word " * 1000}])
    assert answer.headers["x-claude-proxy-route"] == "two/third-model;reason=long_context"


def test_5_strict_models(serve: Serve, upstream: UpstreamStub) -> None:
    client = serve(CLAUDE_PROXY_STRICT_MODELS="true")
    answer = ask(client, "unheard-of")
    assert (answer.status_code, answer.json["error"]) == (
        404,
        {"type": "not_found_error", "message": "model: unheard-of"},
    )
    assert upstream.requests == []


def test_mode_and_the_registrys_own_keys(serve: Serve, upstream: UpstreamStub) -> None:
    client = serve("ak: [alice, bob]\n" + FILE)
    body = client.get("/health").json
    assert body is not None
    assert (body["mode"], body["client_api_key_validation"]) == ("mixed", True)
    assert ask(client, "first-model").status_code == 401
    upstream.answer(json_answer(completion()))
    sent = message_request(model="first-model")
    assert client.post("/v1/messages", json=sent, headers={"x-api-key": "bob"}).status_code == 200
    other = serve("ak: alice\n" + FILE, CLAUDE_PROXY_AUTH_KEY="carol")
    assert other.post("/v1/messages", json=sent, headers={"x-api-key": "alice"}).status_code == 401


def test_an_auth_key_never_goes_to_a_keyless_provider(serve: Serve, second: UpstreamStub) -> None:
    second.answer(json_answer(completion()))
    client = serve("ak: client-key\n" + FILE)
    assert ask(client, "second-model").status_code == 200
    assert "authorization" not in second.requests[0].headers


UPSTREAMS = {"data": [{"id": "first-remote"}, {"id": "first-model"}]}


def listed(client: FlaskClient, **headers: str) -> list[str]:
    body = client.get("/v1/models", headers=KEY | headers).json
    assert body is not None
    return [entry["id"] for entry in body["data"]]


def test_7_the_registry_in_file_order(serve: Serve, upstream: UpstreamStub) -> None:
    client = serve()
    assert listed(client) == ["first-model", "claude-first", "second-model", "third-model"]
    assert listed(client, **{"user-agent": "claude-code/2.1"})[:3] == [
        "anthropic/first-model",
        "claude-first",
        "anthropic/second-model",
    ]
    body = client.get("/v1/models/first-model", headers=KEY).json
    assert body is not None
    assert {name: body[name] for name in ("display_name", "max_tokens", "max_input_tokens")} == {
        "display_name": "The First",
        "max_tokens": 50,
        "max_input_tokens": 1000,
    }
    assert body["owned_by"] == "one"
    assert upstream.requests == []


def test_7_then_the_upstreams_own_without_duplicates(serve: Serve, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(UPSTREAMS))
    assert listed(serve(from_upstream=True)) == [
        "first-model",
        "claude-first",
        "second-model",
        "third-model",
        "first-remote",
    ]


def test_7_an_upstream_that_fails_leaves_the_registry(serve: Serve, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer({"error": {"message": "down"}}, 500))
    assert listed(serve(from_upstream=True))[-1] == "third-model"


def test_all_registered_models_are_probed(
    serve: Serve, upstream: UpstreamStub, second: UpstreamStub
) -> None:
    upstream.answer(json_answer(completion()))
    second.answer(json_answer(completion()), json_answer({"error": {"message": "none"}}, 404))
    body = serve().get("/test-connection?all=1", headers=KEY).json
    assert body is not None
    assert [(row["model"], row["status"]) for row in body["models"]] == [
        ("first-model", "success"),
        ("second-model", "success"),
        ("third-model", "failed"),
    ]


NATIVE = """
providers:
  - {name: native, base_url: FIRST, direct: true, api_key: key, models: [{id: opus, remote_id: claude-opus-4-8}]}
models_from_upstream: MODELS_FROM_UPSTREAM
"""


def test_a_native_model_is_probed_and_listed_natively(serve: Serve, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(NATIVE_MESSAGE), json_answer(UPSTREAMS))
    client = serve(NATIVE, from_upstream=True)
    body = client.get("/test-connection?all=1", headers=KEY).json
    assert body is not None
    assert (body["status"], body["model_used"]) == ("success", "claude-opus-4-8")
    assert body["usage"]["output_tokens"] == 2
    assert listed(client) == ["opus", "first-remote", "first-model"]
    probe, listing = upstream.requests
    assert (probe.method, probe.target) == ("POST", "/v1/messages")
    assert probe.json["model"] == "claude-opus-4-8"
    assert (listing.method, listing.target) == ("GET", "/v1/models")
    for sent in (probe, listing):
        assert sent.headers["x-api-key"] == "key"
        assert sent.headers["anthropic-version"] == "2023-06-01"
        assert "authorization" not in sent.headers


def test_a_provider_with_certificates_of_its_own(tmp_path: Path, serve: Serve) -> None:
    context, authority = server_tls(tmp_path)
    secured = UpstreamStub(tls=context)
    try:
        secured.answer(json_answer(completion("secured")), json_answer(completion("secured")))
        text = f"providers: [{{base_url: '{secured.origin}', api_key: k, ca_bundle: AUTHORITY}}]"
        refused = ask(serve(text.replace(", ca_bundle: AUTHORITY", "")), "m")
        assert refused.status_code == 502
        answer = ask(serve(text.replace("AUTHORITY", authority)), "m")
        assert answer.json["content"][0]["text"] == "secured"
    finally:
        secured.close()


def test_a_provider_behind_a_proxy_of_its_own(
    serve: Serve, upstream: UpstreamStub, second: UpstreamStub
) -> None:
    second.answer(json_answer(completion("by proxy")))
    text = "providers: [{base_url: 'http://far.test/v1', api_key: k, proxy: SECOND}]"
    answer = ask(serve(text, NO_PROXY="far.test"), "m")
    assert answer.json["content"][0]["text"] == "by proxy"
    assert second.requests[0].target == "http://far.test/v1/chat/completions"
    assert upstream.requests == []


def test_a_provider_with_a_timeout_of_its_own(serve: Serve, second: UpstreamStub) -> None:
    text = "providers: [{base_url: SECOND, api_key: k, upstream_timeout_seconds: 0.5}]"
    second.answer(())
    answer = ask(serve(text), "m")
    assert answer.status_code == 504
    assert answer.json["error"]["message"] == "the upstream did not answer within 0.5 s"


def created_at(client: FlaskClient) -> dict[str, str]:
    body: Any = client.get("/v1/models", headers=KEY).json
    return {entry["id"]: entry["created_at"] for entry in body["data"]}


def test_7_a_registered_model_says_when_it_was_made(
    serve: Serve, upstream: UpstreamStub, tmp_path: Path
) -> None:
    """What the upstream says where its list is read, else when the file was changed."""
    before = int(time.time())
    listed = [{"id": "first-remote", "created": 1700000000}, {"id": "second-model", "created": 1}]
    upstream.answer(json_answer({"data": listed}))
    client = serve(from_upstream=True)
    theirs = "2023-11-14T22:13:20Z"
    made = created_at(client)
    assert {made[each] for each in ("first-model", "claude-first", "first-remote")} == {theirs}
    changed = int((tmp_path / "0.yaml").stat().st_mtime)
    assert changed >= before - 1
    one: Any = client.get("/v1/models/second-model", headers=KEY).json
    assert (one["created"], one["created_at"]) == (changed, made["third-model"])
    assert made["second-model"] == made["third-model"], "the list is that of another provider"
    known: Any = client.get("/v1/models/claude-first", headers=KEY).json
    assert known["created_at"] == theirs
    assert len(set(created_at(serve()).values())) == 1, "no list was read"
