"""What the 404 of a path under ``/v1`` says (docs/protocol.md 10.12)."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from proxy.api.not_offered import not_offered
from tests.upstream_stub import UpstreamStub


@pytest.mark.parametrize(
    ("path", "name", "instead"),
    [
        ("/v1/messages/batches", "message batches", "POST /v1/messages"),
        ("/v1/messages/batches/b1/results", "message batches", "POST /v1/messages"),
        ("/v1/files", "files", "base64"),
        ("/v1/files/file_1/content", "files", "base64"),
        ("/v1/skills/", "skills", "POST /v1/messages"),
        ("/v1/agents/a/versions", "agents", "POST /v1/messages"),
        ("/v1/sessions/s/events", "sessions", "POST /v1/messages"),
        ("/v1/memory_stores", "memory stores", "memory tool"),
        ("/v1/organizations/api_keys", "organizations", "Anthropic"),
        ("/v1/complete", "text completions", "POST /v1/messages"),
        ("/v1/chat/completions", "OpenAI's Chat Completions", "POST /v1/messages"),
        ("/v1/responses", "OpenAI's Responses", "POST /v1/messages"),
        ("/v1/v1/files", "files", "base64"),
        ("/anthropic/v1/messages/batches", "message batches", "POST /v1/messages"),
        ("/v1/filesystem", "this path", "GET /v1/models"),
        ("/v1/new/thing", "this path", "count_tokens"),
    ],
)
def test_the_text_names_it_and_what_to_use(path: str, name: str, instead: str) -> None:
    words = not_offered(path)
    assert words.startswith(f": this proxy does not offer {name}; ")
    assert instead in words


@pytest.mark.parametrize("path", ["/nowhere", "/files", "/v2/files", "/v1x/files", "/"])
def test_no_words_about_other_paths(path: str) -> None:
    assert not_offered(path) == ""


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_the_answer(client: FlaskClient, upstream: UpstreamStub, method: str) -> None:
    response = client.open("/v1/files/f1", method=method)
    assert response.status_code == 404
    assert response.json is not None
    assert response.json["error"] == {
        "type": "not_found_error",
        "message": f"Not found: {method} /v1/files/f1: this proxy does not offer files;"
        " send images and documents inside POST /v1/messages, as base64 or text sources",
    }
    assert upstream.requests == []
