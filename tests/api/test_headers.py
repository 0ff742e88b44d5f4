"""What of a request's head reaches the upstream, and what of the upstream's head the client."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from proxy import __version__
from tests.api.conftest import message_request
from tests.upstream_stub import UpstreamStub, completion, json_answer, text_stream

PATH = "/v1/messages?beta=true&x=1"
CLIENT_HEAD = {
    "x-api-key": "client-key",
    "accept": "*/*",
    "anthropic-beta": "context-1m-2025-08-07,fine-grained-tool-streaming-2025-05-14",
    "anthropic-user-profile-id": "p1",
    "anthropic-workspace-id": "w1",
    "cookie": "sid=1",
    "idempotency-key": "i1",
    "user-agent": "claude-cli/2.1.197",
    "x-forwarded-for": "10.1.2.3",
    "x-stainless-lang": "js",
    "x-stainless-retry-count": "1",
}
VERSIONS = [None, "2023-06-01", "2026-10-21", "tomorrow"]


@pytest.mark.parametrize("version", VERSIONS, ids=str)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_1_1_nothing_of_the_clients_own_head_goes_upstream(
    client: FlaskClient, upstream: UpstreamStub, stream: bool, version: str | None
) -> None:
    upstream.answer(text_stream("ok") if stream else json_answer(completion("ok")))
    head = CLIENT_HEAD | ({"anthropic-version": version} if version else {})
    response = client.post(PATH, json=message_request(stream=stream), headers=head)
    assert response.status_code == 200
    assert b"ok" in response.data
    (sent,) = upstream.requests
    assert sent.target == "/v1/chat/completions"
    assert sent.headers == {
        "host": f"localhost:{upstream.port}",
        "content-type": "application/json",
        "content-length": str(len(sent.body)),
        "accept": "text/event-stream" if stream else "application/json",
        "accept-encoding": "identity" if stream else "gzip, deflate",
        "user-agent": f"claude-proxy/{__version__}",
        "authorization": "Bearer sk-server",
        "x-request-id": response.headers["x-request-id"],
    }


UPSTREAM_HEAD = {
    "anthropic-organization-id": "o1",
    "cf-ray": "r1",
    "openai-organization": "o2",
    "openai-processing-ms": "12",
    "server": "nginx",
    "set-cookie": "sid=1",
    "strict-transport-security": "max-age=1",
    "x-ratelimit-limit-tokens": "100",
    "x-request-id": "u1",
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("refused", [False, True], ids=["answered", "refused"])
def test_5_nothing_else_of_the_upstreams_head_reaches_the_client(
    client: FlaskClient, upstream: UpstreamStub, stream: bool, refused: bool
) -> None:
    if refused:
        upstream.answer(json_answer({"error": {"message": "no"}}, 400, UPSTREAM_HEAD))
    elif stream:
        upstream.answer(text_stream("ok", headers=UPSTREAM_HEAD))
    else:
        upstream.answer(json_answer(completion("ok"), 200, UPSTREAM_HEAD))
    response = client.post(PATH, json=message_request(stream=stream))
    assert response.status_code == (400 if refused else 200)
    streamed = {"cache-control", "x-accel-buffering"} if stream and not refused else set()
    assert {name.lower() for name, _ in response.headers} - {"content-length"} == {
        "anthropic-ratelimit-tokens-limit",
        "content-type",
        "request-id",
        "x-request-id",
        "x-upstream-request-id",
        *streamed,
        *(() if refused else ("x-claude-proxy-route",)),
    }
    response.close()


@pytest.mark.parametrize("path", ["/v1/messages/batches", "/v1/models/none"])
def test_5_an_own_404_says_not_to_retry(
    client: FlaskClient, upstream: UpstreamStub, path: str
) -> None:
    upstream.answer(json_answer({"data": [{"id": "m"}]}))
    response = client.get(path)
    assert response.status_code == 404
    assert response.headers["x-should-retry"] == "false"
