"""A refusal that names the other protocol: one switch, remembered; the first refusal is told."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient

from tests.api.conftest import message_request
from tests.convert.response_builders import message, response
from tests.upstream_stub import UpstreamStub, json_answer

PATH = "/v1/messages"
RESPONSES_ONLY = "This model is only supported in v1/responses and not in v1/chat/completions."


def refusal(text: str) -> dict[str, Any]:
    return {"error": {"message": text, "type": "invalid_request_error"}}


def targets(upstream: UpstreamStub) -> list[str]:
    return [request.target for request in upstream.requests]


def test_12_1_a_switch_is_remembered(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(refusal(RESPONSES_ONLY), 404))
    upstream.answer(json_answer(response(message("Hi"))), json_answer(response(message("Ho"))))
    for text in ("Hi", "Ho"):
        answer = client.post(PATH, json=message_request()).get_json()
        assert answer["content"] == [{"type": "text", "text": text}]
    assert targets(upstream) == ["/v1/chat/completions", "/v1/responses", "/v1/responses"]


def test_12_1_where_both_protocols_are_refused_the_first_refusal_is_told(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    second = refusal("Invalid URL (POST /v1/responses)")
    upstream.answer(json_answer(refusal(RESPONSES_ONLY), 404), json_answer(second, 404))
    answer = client.post(PATH, json=message_request())
    assert answer.status_code == 404
    assert RESPONSES_ONLY in answer.get_json()["error"]["message"]
    assert targets(upstream) == ["/v1/chat/completions", "/v1/responses"]
