"""POST /v1/messages/test_conversion."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from config.registry.values import Model, Provider, Registry
from proxy.api.dry_run import hidden, shown_url, unsent_headers
from proxy.providers.profiles import PROFILES, UNKNOWN
from tests.api.conftest import Connect, message_request
from tests.upstream_stub import UpstreamStub, completion, json_answer

PATH = "/v1/messages/test_conversion"
PNG = {"type": "base64", "media_type": "image/png", "data": "QQ=="}


def dry(proxy: FlaskClient, headers: dict[str, str] | None = None, **fields: Any) -> Any:
    response = proxy.post(PATH, json=message_request(**fields), headers=headers)
    assert response.status_code == 200, response.json
    return response.json


def test_nobody_is_called(client: FlaskClient, upstream: UpstreamStub) -> None:
    shown = dry(client, top_k=3, stream=True, metadata={"user_id": "u"})
    assert upstream.requests == []
    assert shown == {
        "route": {
            "provider": "localhost",
            "model": "middle-model",
            "client_model": "claude-sonnet-5",
            "reason": "tier",
            "direct": False,
            "fallbacks": [],
            "profile": "default",
            "profile_flags": {},
        },
        "request": {
            "model": "middle-model",
            "messages": [{"role": "user", "content": "Hi"}],
            "max_tokens": 100,
            "stream": True,
            "stream_options": {"include_usage": True},
        },
        "url": upstream.url,
        "dropped": [
            {"name": "top_k", "became": None, "count": 1, "routine": False},
            {"name": "metadata", "became": None, "count": 1, "routine": True},
        ],
    }


def test_it_shows_what_a_real_request_sends(client: FlaskClient, upstream: UpstreamStub) -> None:
    content = [{"type": "image", "source": PNG}, {"type": "text", "text": "See?"}]
    body = message_request(messages=[{"role": "user", "content": content}], top_k=1)
    shown = client.post(PATH, json=body).json
    upstream.answer(json_answer(completion()))
    answer = client.post("/v1/messages", json=body)
    assert shown is not None
    assert shown["request"] == upstream.requests[0].json
    assert answer.headers["x-claude-proxy-dropped"] == "top_k"
    assert [row["name"] for row in shown["dropped"]] == ["top_k"]


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"messages": []}, id="no message"),
        pytest.param({"max_tokens": None}, id="no limit"),
        pytest.param({"mcp_servers": [{"type": "url", "url": "u", "name": "n"}]}, id="mcp"),
        pytest.param({"tool_choice": {"type": "tool", "name": "x"}}, id="no such tool"),
        pytest.param({"model": 1}, id="model"),
    ],
)
def test_it_refuses_in_the_same_words(fields: dict[str, Any], client: FlaskClient) -> None:
    body = message_request(**fields)
    refused, real = client.post(PATH, json=body), client.post("/v1/messages", json=body)
    assert refused.status_code == real.status_code == 400
    assert refused.json is not None
    assert real.json is not None
    assert refused.json["error"] == real.json["error"]


def test_it_needs_the_same_keys(connect: Connect) -> None:
    locked = connect(auth_keys=("secret",))
    assert locked.post(PATH, json=message_request()).status_code == 401
    assert dry(locked, {"x-api-key": "secret"})["route"]["model"] == "middle-model"
    passthrough = connect(openai_api_key=None)
    assert passthrough.post(PATH, json=message_request()).status_code == 401


def test_headers_that_do_not_go_up_are_named(client: FlaskClient) -> None:
    headers = {"anthropic-beta": "a", "X-Stainless-Lang": "js", "anthropic-version": "2023-06-01"}
    assert dry(client, headers)["dropped"] == [
        {"name": name, "became": None, "count": 1, "routine": True}
        for name in ("anthropic-beta", "x-stainless-*")
    ]


def test_a_cache_pre_warm_goes_nowhere(client: FlaskClient) -> None:
    shown = dry(client, max_tokens=0)
    assert (shown["request"], shown["url"]) == (None, None)


def registry(base_url: str, *, direct: bool = False, **model: Any) -> Registry:
    provider = Provider(
        "up",
        base_url,
        api_keys=("sk-server",),
        native=direct,
        extra_headers={"x-team": "sk-team"},
        profile={} if direct else {"top_k": True},
    )
    return Registry(
        (provider,), provider, (Model("mine", "theirs", provider, **model),), from_file=True
    )


def test_no_secret_is_shown(connect: Connect) -> None:
    body = {"plugin": {"api_key": "sk-plugin", "n": 1}, "Tokens": ["sk-x"]}
    proxy = connect(registry=registry("http://u:sk-pw@h.test/v1?key=sk-q", extra_body=body))
    response = proxy.post(PATH, json=message_request(model="mine", top_k=2))
    assert response.json is not None
    assert "sk-" not in response.text
    assert response.json["url"] == "http://h.test/v1/chat/completions?key=***"
    assert response.json["request"]["plugin"] == {"api_key": "***", "n": 1}
    assert response.json["request"]["top_k"] == 2
    route = response.json["route"]
    assert (route["provider"], route["model"], route["reason"]) == ("up", "theirs", "registered")
    assert route["profile_flags"] == {"top_k": True}


def test_a_native_upstream_gets_the_body_as_it_goes(
    connect: Connect, upstream: UpstreamStub
) -> None:
    proxy = connect(registry=registry(upstream.origin, direct=True))
    own = {"type": "thinking", "thinking": "t", "signature": "cp1.x"}
    turns: list[dict[str, Any]] = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": [own, {"type": "text", "text": "a"}]},
        {"role": "user", "content": "go"},
    ]
    shown = dry(proxy, model="mine", messages=turns, top_k=1)
    assert upstream.requests == []
    assert shown["url"] == f"{upstream.origin}/v1/messages"
    assert shown["route"]["direct"] is True
    turns[1]["content"] = [{"type": "text", "text": "a"}]
    assert shown["request"] == {
        **message_request(messages=turns, top_k=1),
        "model": "theirs",
    }
    assert [row["name"] for row in shown["dropped"]] == ["thinking"]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://h/v1/chat/completions", "https://h/v1/chat/completions"),
        ("https://u:p@h:1/x", "https://h:1/x"),
        (
            "https://h/x?api-version=2024-10-21&k=s&code=",
            "https://h/x?api-version=2024-10-21&k=***&code=***",
        ),
    ],
)
def test_shown_url(url: str, shown: str) -> None:
    assert shown_url(url) == shown


def test_hidden_keeps_what_is_no_text() -> None:
    assert hidden({"max_tokens": 3, "a": {"b": [{"password": "x"}]}}) == {
        "max_tokens": 3,
        "a": {"b": [{"password": "***"}]},
    }


def test_no_header_is_named_twice() -> None:
    assert unsent_headers(["X-Stainless-A", "x-stainless-b", "accept"]) == ["x-stainless-*"]


EVERYTHING: dict[str, Any] = {
    "messages": [
        {"role": "user", "content": "q"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "t", "signature": "s"},
                {"type": "redacted_thinking", "data": "d"},
                {"type": "server_tool_use", "id": "srvtoolu_1", "name": "s", "input": {}},
                {"type": "text", "text": "a"},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "image", "source": PNG},
                {
                    "type": "document",
                    "source": {"type": "url", "url": "https://x.test/a.pdf"},
                    "citations": {"enabled": True},
                },
                {"type": "container_upload", "file_id": "f"},
                {"type": "text", "text": "q"},
            ],
        },
    ],
    "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
    "temperature": 0.5,
    "top_p": 0.5,
    "top_k": 5,
    "stop_sequences": [f"stop-{number}" for number in range(20)],
    "service_tier": "standard_only",
    "metadata": {"user_id": "u"},
    "thinking": {"type": "enabled", "budget_tokens": 2000},
    "output_config": {
        "effort": "max",
        "format": {"type": "json_schema", "schema": {"type": "object", "properties": {}}},
    },
    "tools": [
        {
            "name": "look",
            "input_schema": {"type": "object", "patternProperties": {"x": {}}},
            "strict": True,
        },
        {"type": "web_search_20250305", "name": "web_search"},
    ],
    "tool_choice": {"type": "tool", "name": "look", "disable_parallel_tool_use": True},
    "speed": "fast",
}


@pytest.mark.parametrize("provider", [*PROFILES, UNKNOWN], ids=lambda provider: str(provider.name))
def test_the_header_and_the_dry_run_agree(
    provider: Any, connect: Connect, upstream: UpstreamStub
) -> None:
    """For every profile: what the header of a real answer names, and what was really sent."""
    flags = {name: list(v) if isinstance(v, tuple) else v for name, v in provider.flags.items()}
    up = Provider("up", upstream.base_url, api_keys=("k",), profile=flags)
    proxy = connect(registry=Registry((up,), up, (Model("mine", "m", up),), from_file=True))
    body = message_request(model="mine", **EVERYTHING)
    shown = proxy.post(PATH, json=body).json
    assert shown is not None
    assert upstream.requests == []
    upstream.answer(json_answer(completion()))
    answer = proxy.post("/v1/messages", json=body)
    assert answer.status_code == 200, answer.json
    assert upstream.requests[0].json == shown["request"]
    entries = [
        row["name"]
        + (f";n={row['count']}" if row["count"] > 1 else "")
        + (f"={row['became']}" if row["became"] else "")
        for row in shown["dropped"]
        if not row["routine"]
    ]
    assert answer.headers["x-claude-proxy-dropped"] == ", ".join(entries)
    assert {"container_upload", "document=url", "document.citations", "speed"} <= set(entries)
