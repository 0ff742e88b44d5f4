"""Room to answer where a model cannot stop reasoning: over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Connect, message_request
from tests.upstream_stub import UpstreamStub, completion, json_answer, usage

PATH = "/v1/messages"
OFF: dict[str, Any] = {"thinking": {"type": "disabled"}}
TOO_LARGE: Any = {
    "error": {"message": "max_tokens is too large: this model supports at most 1000 output tokens"}
}


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        pytest.param({"model": "gpt-oss-120b", **OFF}, 2112, id="disabled"),
        pytest.param({"model": "gpt-oss-120b"}, 2112, id="absent"),
        pytest.param(
            {"model": "gpt-oss-120b", "thinking": {"type": "adaptive"}}, 64, id="adaptive"
        ),
        pytest.param({"model": "gpt-4o", **OFF}, 64, id="a model that does not reason"),
    ],
)
def test_headroom(
    connect: Connect, upstream: UpstreamStub, fields: dict[str, Any], sent: int
) -> None:
    text = "word " * 100
    upstream.answer(json_answer({**completion(text), "usage": usage(9, 600)}))
    client = connect()
    body = message_request(max_tokens=64, **fields)
    shown = client.post("/v1/messages/test_conversion", json=body).json
    answer = client.post(PATH, json=body)
    assert shown is not None
    assert answer.json is not None
    assert upstream.requests[0].json["max_tokens"] == shown["request"]["max_tokens"] == sent
    # The text is not cut, and what was counted is told, though it is above the client's limit.
    assert answer.json["content"] == [{"type": "text", "text": text}]
    assert answer.json["stop_reason"] == "end_turn"
    assert answer.json["usage"]["output_tokens"] == 600
    told = [row["became"] for row in shown["dropped"] if row["name"] == "max_tokens"]
    assert told == ([] if sent == 64 else [str(sent)])
    dropped = answer.headers.get("x-claude-proxy-dropped", "")
    assert ("max_tokens=2112" in dropped) is (sent == 2112)


def test_a_learned_limit_bounds_it(connect: Connect, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(TOO_LARGE, 400), json_answer(completion("yes")))
    answer = connect().post(PATH, json=message_request(model="o3", max_tokens=64, **OFF))
    assert answer.status_code == 200
    sent = [request.json["max_completion_tokens"] for request in upstream.requests]
    assert sent == [2112, 1000]
