"""POST /v1/messages/count_tokens."""

from __future__ import annotations

from flask.testing import FlaskClient

from tests.api.conftest import message_request
from tests.upstream_stub import UpstreamStub

PATH = "/v1/messages/count_tokens"
SCIENTIST = {
    "model": "claude-opus-4-8",
    "system": "You are a scientist",
    "messages": [{"role": "user", "content": "Hello, Claude"}],
}


def test_6_the_documented_example(client: FlaskClient, upstream: UpstreamStub) -> None:
    response = client.post(PATH, json=SCIENTIST)
    assert response.status_code == 200
    assert response.json == {"input_tokens": 14}
    assert response.headers["x-token-counting"] == "tiktoken"
    assert upstream.requests == []


def test_6_max_tokens_and_stream_do_not_count(client: FlaskClient) -> None:
    response = client.post(PATH + "?beta=true", json=SCIENTIST | {"max_tokens": 9, "stream": True})
    assert response.json == {"input_tokens": 14}


def test_6_the_same_validation_as_for_messages(client: FlaskClient) -> None:
    response = client.post(PATH, json=message_request(messages=[{"role": "robot", "content": "x"}]))
    assert response.status_code == 400
    assert response.json is not None
    assert (
        response.json["error"]["message"]
        == "messages.0.role: Input should be 'user', 'assistant' or 'system'"
    )


def test_6_the_converted_request_is_what_is_counted(client: FlaskClient) -> None:
    answered = [{"type": "text", "text": "b"}]
    thought = [{"type": "thinking", "thinking": "long thoughts " * 9, "signature": "s"}, *answered]

    def counted(answer: list[dict[str, str]]) -> object:
        turns = [*message_request("a")["messages"], {"role": "assistant", "content": answer}]
        return client.post(PATH, json=message_request(messages=turns)).json

    assert counted(thought) == counted(answered) == {"input_tokens": 3 + 4 + 1 + 4 + 1}


def test_6_what_the_real_service_refuses_is_counted_as_converted(client: FlaskClient) -> None:
    image = {"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}}
    search = {"type": "web_search_20250305", "name": "web_search"}
    request = message_request(messages=[{"role": "user", "content": [image]}], tools=[search])
    assert client.post(PATH, json=request).json == {"input_tokens": 3 + 4 + 1600}
