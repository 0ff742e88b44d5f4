"""A refusal carries a credit token where the client's betas ask for one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.api.conftest import message_request
from tests.upstream_stub import Script, UpstreamStub, chunk, completion, json_answer, sse

BETA = "fallback-credit-2026-07-01"
REFUSED = [
    pytest.param(lambda: completion(None, "content_filter"), None, id="a finish reason"),
    pytest.param(lambda: completion(None, refusal="I must not."), "I must not.", id="in words"),
    pytest.param(lambda: completion("Well", "PROHIBITED_CONTENT"), None, id="after some text"),
]
REFUSED_STREAMS = [
    pytest.param(lambda: sse(chunk("content_filter")), id="before any text"),
    pytest.param(lambda: sse(chunk(content="x"), chunk("content_filter")), id="after some text"),
    pytest.param(lambda: sse(chunk(refusal="no"), chunk("stop")), id="in words"),
    pytest.param(lambda: json_answer(completion(None, "SAFETY")), id="an answer that is whole"),
]


def asked(client: FlaskClient, betas: str | None, **fields: Any) -> Any:
    headers = {} if betas is None else {"anthropic-beta": betas}
    return client.post("/v1/messages", json=message_request(**fields), headers=headers)


def stop_in(body: bytes) -> dict[str, Any]:
    """The delta with which a stream ends."""
    for line in body.decode().splitlines():
        if line.startswith('data: {"type":"message_delta"'):
            delta: dict[str, Any] = json.loads(line.removeprefix("data: "))["delta"]
            return delta
    raise AssertionError(body)


def check_credit(details: dict[str, Any]) -> None:
    assert details.pop("fallback_credit_token").startswith("fct_")
    assert details.pop("fallback_has_prefill_claim") is False


@pytest.mark.parametrize(("refused", "explanation"), REFUSED)
def test_a_whole_refusal(
    client: FlaskClient, upstream: UpstreamStub, refused: Any, explanation: str | None
) -> None:
    upstream.answer(json_answer(refused()))
    message = asked(client, BETA).json
    assert message["stop_reason"] == "refusal"
    check_credit(message["stop_details"])
    assert message["stop_details"] == {
        "type": "refusal",
        "category": None,
        "explanation": explanation,
    }


@pytest.mark.parametrize("script", REFUSED_STREAMS)
def test_a_streamed_refusal(client: FlaskClient, upstream: UpstreamStub, script: Any) -> None:
    upstream.answer(script())
    delta = stop_in(asked(client, BETA, stream=True).data)
    assert delta["stop_reason"] == "refusal"
    check_credit(delta["stop_details"])


@pytest.mark.parametrize(
    ("betas", "credited"),
    [
        (BETA, True),
        ("fallback-credit-2027-01-01", True),
        (f"context-1m-2025-08-07,{BETA}", True),
        (f"{BETA} , context-1m-2025-08-07", True),
        (f"context-1m-2025-08-07,\t{BETA}", True),
        (None, False),
        ("", False),
        ("context-1m-2025-08-07", False),
        ("no-fallback-credit-2026-07-01", False),
        ("server-side-fallback-2026-07-01", False),
    ],
)
def test_who_gets_one(
    client: FlaskClient, upstream: UpstreamStub, betas: str | None, credited: bool
) -> None:
    upstream.answer(json_answer(completion(None, "content_filter")))
    details = asked(client, betas).json["stop_details"]
    assert ("fallback_credit_token" in details) is credited
    assert ("fallback_has_prefill_claim" in details) is credited


@pytest.mark.parametrize("finish", ["stop", "length", "tool_calls", "model_length", "whatever"])
def test_no_other_stop_has_one(client: FlaskClient, upstream: UpstreamStub, finish: str) -> None:
    upstream.answer(json_answer(completion("Hello", finish)))
    assert asked(client, BETA).json["stop_details"] is None


def test_every_token_is_another(client: FlaskClient, upstream: UpstreamStub) -> None:
    refused: Script = json_answer(completion(None, "content_filter"))
    upstream.answer(refused, refused)
    tokens = {asked(client, BETA).json["stop_details"]["fallback_credit_token"] for _ in range(2)}
    assert len(tokens) == 2


@pytest.mark.parametrize("token", ["fct_x", {"token": "fct_x", "mode": "best_effort"}])
def test_a_presented_token_is_not_sent_on(
    client: FlaskClient, upstream: UpstreamStub, token: Any
) -> None:
    upstream.answer(json_answer(completion()))
    assert asked(client, BETA, fallback_credit_token=token).status_code == 200
    assert b"fct_x" not in upstream.requests[0].body
