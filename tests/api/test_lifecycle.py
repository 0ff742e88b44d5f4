"""Authentication, ids, CORS and errors around every view."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.api.conftest import Connect, message_request
from tests.upstream_stub import UpstreamStub, completion, json_answer

AUTH = {"auth_keys": ("front-key", "second-key")}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/messages"),
        ("POST", "/v1/messages/count_tokens"),
        ("GET", "/v1/models"),
        ("GET", "/v1/models/x"),
        ("GET", "/test-connection"),
    ],
)
def test_what_spends_the_key_needs_one(
    connect: Connect, upstream: UpstreamStub, method: str, path: str
) -> None:
    response = connect(**AUTH).open(
        path, method=method, data=b"{not json", headers={"x-api-key": "no"}
    )
    assert response.status_code == 401
    assert response.json is not None
    assert response.json["error"] == {
        "type": "authentication_error",
        "message": "invalid x-api-key",
    }
    assert response.headers["x-should-retry"] == "false"
    assert upstream.requests == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("HEAD", "/", 200),
        ("GET", "/status", 200),
        ("GET", "/health", 200),
        ("GET", "/healthz", 200),
        ("GET", "/livez", 200),
        ("GET", "/readyz", 200),
        ("GET", "/favicon.ico", 204),
        ("OPTIONS", "/v1/messages", 204),
        ("OPTIONS", "/whatever", 204),
        ("POST", "/api/event_logging/batch", 200),
        ("POST", "/api/event_logging/v2/batch", 200),
        ("POST", "/api/event_logging/v3/a/b", 200),
    ],
)
@pytest.mark.parametrize("slash", ["", "/"])
def test_what_is_open_to_all(
    connect: Connect, method: str, path: str, status: int, slash: str
) -> None:
    address = path if path == "/" else path + slash
    response = connect(**AUTH).open(address, method=method)
    assert response.status_code == status
    assert ("content-type" in response.headers) == (status != 204)


@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": "front-key"},
        {"authorization": "Bearer second-key"},
        {"x-api-key": "Bearer front-key"},
        {"x-api-key": "wrong", "authorization": "Bearer front-key"},
    ],
)
def test_either_key_passes_and_the_servers_goes_upstream(
    connect: Connect, upstream: UpstreamStub, headers: dict[str, str]
) -> None:
    upstream.answer(json_answer(completion()))
    response = connect(**AUTH).post("/v1/messages", json=message_request(), headers=headers)
    assert response.status_code == 200
    assert upstream.requests[0].headers["authorization"] == "Bearer sk-server"


def test_passthrough_sends_the_clients_own_key(connect: Connect, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(completion()))
    headers = {"x-api-key": "own", "authorization": "Bearer other"}
    proxy = connect(openai_api_key=None)
    assert proxy.post("/v1/messages", json=message_request(), headers=headers).status_code == 200
    assert upstream.requests[0].headers["authorization"] == "Bearer own"
    refused = proxy.post("/v1/messages", json=message_request())
    assert refused.status_code == 401


def test_passthrough_never_sends_the_auth_key(connect: Connect, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(completion()))
    proxy = connect(openai_api_key=None, **AUTH)
    headers = {"x-api-key": "front-key"}
    assert proxy.post("/v1/messages", json=message_request(), headers=headers).status_code == 200
    assert "authorization" not in upstream.requests[0].headers


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/nowhere", 404, "not_found_error"),
        ("GET", "/v1//models", 404, "not_found_error"),
        ("POST", "/v1/messages/batches", 404, "not_found_error"),
        ("GET", "/v1/files", 404, "not_found_error"),
        ("GET", "/v1/messages", 405, "invalid_request_error"),
        ("POST", "/health", 405, "invalid_request_error"),
    ],
)
def test_routing_failures_have_the_apis_form(
    client: FlaskClient, method: str, path: str, status: int, kind: str
) -> None:
    response = client.open(path, method=method)
    assert response.status_code == status
    assert response.content_type == "application/json"
    assert response.json is not None
    assert response.json["type"] == "error"
    assert response.json["error"]["type"] == kind
    assert response.json["request_id"] == response.headers["request-id"]
    assert path in response.json["error"]["message"]


def test_405_says_what_is_allowed(client: FlaskClient) -> None:
    assert "POST" in client.get("/v1/messages").headers["allow"]


def test_an_own_bug_tells_nothing(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: bytes) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("proxy.api.messages.json_body", broken)
    response = client.post("/v1/messages", json=message_request())
    assert response.status_code == 500
    assert response.json is not None
    assert response.json["error"] == {"type": "api_error", "message": "Internal server error"}
    assert response.json["request_id"] in caplog.text
    assert "Traceback" in caplog.text


def test_an_inbound_request_id_is_passed_on(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(completion()))
    response = client.post(
        "/v1/messages", json=message_request(), headers={"x-request-id": "nginx-12345678"}
    )
    assert response.headers["x-request-id"] == "nginx-12345678"
    assert response.headers["request-id"].startswith("req_")
    assert upstream.requests[0].headers["x-request-id"] == "nginx-12345678"


@pytest.mark.parametrize(
    ("allowed", "origin", "answered"),
    [
        pytest.param((), "https://a.test", None, id="off by default"),
        pytest.param(("https://a.test",), "https://a.test", "https://a.test", id="listed"),
        pytest.param(("https://a.test",), "https://b.test", None, id="not listed"),
        pytest.param(("*",), "https://b.test", "https://b.test", id="any"),
    ],
)
def test_cors_only_as_configured(
    connect: Connect, allowed: tuple[str, ...], origin: str, answered: str | None
) -> None:
    proxy = connect(allowed_origins=allowed)
    headers = {"origin": origin, "access-control-request-headers": "x-api-key"}
    preflight = proxy.options("/v1/messages", headers=headers)
    assert preflight.status_code == 204
    assert preflight.headers.get("access-control-allow-origin") == answered
    assert preflight.headers.get("access-control-allow-headers") == (answered and "x-api-key")
    assert (
        proxy.get("/health", headers=headers).headers.get("access-control-allow-origin") == answered
    )


def test_configuration_is_shown_to_who_holds_the_key(connect: Connect) -> None:
    proxy = connect(**AUTH)
    stranger, friend = proxy.get("/").json, proxy.get("/", headers={"x-api-key": "front-key"}).json
    assert stranger is not None
    assert friend is not None
    assert "configuration" not in stranger
    assert friend["configuration"]["big_model"] == "big-model"
    assert friend["configuration"]["tiers"]["sonnet"] == {
        "asked": "sonnet",
        "provider": "localhost",
        "model": "middle-model",
        "name": "middle-model",
        "max_input_tokens": None,
        "takes_client_key": False,
        "known_to_client": False,
        "undecided": False,
    }
    assert stranger["status"] == "running"
    assert (stranger["message"], stranger["health"]) == ("claude-proxy", "ok")
    assert "sk-server" not in str(friend)


def test_health(connect: Connect) -> None:
    body = connect(**AUTH).get("/health").json
    assert body is not None
    assert body["status"] == "healthy"
    assert body["mode"] == "fixed"
    assert body["client_api_key_validation"] is True
    body = connect(openai_api_key=None).get("/health").json
    assert body is not None
    assert (body["mode"], body["openai_api_configured"]) == ("passthrough", False)
