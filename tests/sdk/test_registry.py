"""A model of each kind of provider, from a registry file of each shape, through the official SDK."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import pytest
import yaml

from tests.live import LiveProxy, live_proxy
from tests.sdk.clients import CLIENT_KEY, UPSTREAM_KEY, sdk_client
from tests.sdk.test_native import EVENTS, MESSAGE, streamed
from tests.upstream_stub import Recorded, Script, UpstreamStub, completion, json_answer, text_stream

DEPLOYMENT = "/openai/deployments/gpt-at-azure"
MODELS = ("chat-model", "native-model", "azure-model")


def canonical(stub: UpstreamStub) -> dict[str, Any]:
    return {
        "ak": CLIENT_KEY,
        "providers": [
            {"name": "chat", "base_url": stub.base_url, "models": [{"id": "chat-model"}]},
            {
                "name": "native",
                "base_url": stub.origin,
                "direct": True,
                "models": [{"id": "native-model", "remote_id": "claude-up"}],
            },
            {
                "name": "azure",
                "base_url": stub.origin + DEPLOYMENT,
                "models": [{"id": "azure-model"}],
            },
        ],
    }


def with_keys(registry: dict[str, Any]) -> dict[str, Any]:
    for provider in registry["providers"]:
        provider["api_key"] = UPSTREAM_KEY
    return registry


def by_id(stub: UpstreamStub) -> dict[str, Any]:
    return {"ak": CLIENT_KEY, "models": {row.pop("model_id"): row for row in _flat(stub)}}


def in_a_list(stub: UpstreamStub) -> dict[str, Any]:
    return {"ak": CLIENT_KEY, "models": _flat(stub)}


def _flat(stub: UpstreamStub) -> list[dict[str, Any]]:
    shared = {"api_key_name": "SOME_UPSTREAM_KEY"}
    return [
        {"model_id": "chat-model", "api_base": stub.base_url, **shared},
        {
            "model_id": "native-model",
            "model_name": "claude-up",
            "api_base": stub.origin,
            "direct": True,
            **shared,
        },
        {"model_id": "azure-model", "api_base": stub.origin + DEPLOYMENT, **shared},
    ]


SHAPES = {
    "providers": lambda stub: with_keys(canonical(stub)),
    "models by id": by_id,
    "models in a list": in_a_list,
}


@pytest.fixture(scope="module", params=sorted(SHAPES))
def registered(
    request: pytest.FixtureRequest, stub: UpstreamStub, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveProxy]:
    file: Path = tmp_path_factory.mktemp("registry") / "providers.yaml"
    file.write_text(yaml.safe_dump(SHAPES[request.param](stub), sort_keys=False), "utf-8")
    environ = {"CLAUDE_PROXY_CONFIG": str(file), "SOME_UPSTREAM_KEY": UPSTREAM_KEY}
    with live_proxy(environ) as running:
        yield running


@pytest.fixture
def sdk(registered: LiveProxy) -> Iterator[anthropic.Anthropic]:
    with sdk_client(registered) as client:
        yield client


def answering(sent: Recorded) -> Script:
    """What the upstream of the path says, whole or streamed as it was asked."""
    stream = json.loads(sent.body).get("stream") is True
    if sent.target == "/v1/messages":
        return streamed(*EVENTS) if stream else json_answer(MESSAGE)
    return text_stream("Hel", "lo") if stream else json_answer(completion("Hello"))


TARGETS = {
    "chat-model": "/v1/chat/completions",
    "native-model": "/v1/messages",
    "azure-model": f"{DEPLOYMENT}/chat/completions?api-version=2024-10-21",
}
KEYS = {
    "chat-model": ("authorization", f"Bearer {UPSTREAM_KEY}"),
    "native-model": ("x-api-key", UPSTREAM_KEY),
    "azure-model": ("api-key", UPSTREAM_KEY),
}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_each_kind_answers(
    sdk: anthropic.Anthropic, upstream: UpstreamStub, model: str, stream: bool
) -> None:
    upstream.default = answering
    asked: dict[str, Any] = {
        "model": model,
        "max_tokens": 50,
        "messages": [{"role": "user", "content": "Hi"}],
    }
    if stream:
        with sdk.messages.stream(**asked) as events:
            message = events.get_final_message()
    else:
        message = sdk.messages.create(**asked)
    assert [block.to_dict() for block in message.content] == [{"type": "text", "text": "Hello"}]
    assert message.model == model
    assert message.stop_reason == "end_turn"
    [sent] = upstream.requests
    name, value = KEYS[model]
    assert sent.target == TARGETS[model]
    assert sent.headers[name] == value
    assert {"authorization", "x-api-key", "api-key"} & set(sent.headers) == {name}


def test_the_list_is_that_of_the_file(sdk: anthropic.Anthropic, upstream: UpstreamStub) -> None:
    assert [model.id for model in sdk.models.list()] == list(MODELS)
    assert upstream.requests == []
