"""An upstream that answers 401: whose key it was, and where it is set (docs/protocol.md section 5)."""

from __future__ import annotations

from typing import Any

import pytest

from config.registry.values import Model, Provider, Registry
from config.settings import Settings
from proxy.api.context import EXTENSION
from proxy.app import create_app
from tests.api.conftest import Connect, message_request
from tests.upstream_stub import UpstreamStub, json_answer

PATH = "/v1/messages"
WORDS = "Incorrect API key provided: ***."
SAID = "The proxy's own key was refused, not the client's: its operator sets it by"


def refuse(upstream: UpstreamStub, words: str = WORDS, status: int = 401) -> None:
    upstream.answer(json_answer({"error": {"message": words, "code": "invalid_api_key"}}, status))


def told(response: Any) -> str:
    assert response.json is not None
    message: str = response.json["error"]["message"]
    return message


@pytest.mark.parametrize("stream", [False, True])
def test_the_proxys_own_key(
    connect: Connect, upstream: UpstreamStub, caplog: pytest.LogCaptureFixture, stream: bool
) -> None:
    client = connect(max_retries=0)
    for _ in range(2):
        refuse(upstream)
        response = client.post(PATH, json=message_request(stream=stream))
        assert response.status_code == 401
        assert told(response) == f"{WORDS} {SAID} OPENAI_API_KEY"
    lines = [line.message for line in caplog.records if line.name == "proxy.api.refused_key"]
    assert len(lines) == 1, "told once a minute"
    assert lines[0].endswith("refuses the proxy's key (401): correct OPENAI_API_KEY")


def test_the_key_of_a_registrys_provider(upstream: UpstreamStub) -> None:
    refuse(upstream)
    provider = Provider("one", upstream.base_url, ("server-key",))
    registry = Registry(
        (provider,),
        provider,
        (Model("m", "model-m", provider),),
        from_file=True,
        default_is_registered=True,
    )
    app = create_app(Settings(max_retries=0), registry)
    response = app.test_client().post(PATH, json=message_request(model="m"))
    app.extensions[EXTENSION].close()
    place = "the provider's key in the registry file"
    assert told(response).endswith(f"{SAID} {place}")


@pytest.mark.parametrize(
    ("settings", "words", "status"),
    [
        pytest.param({"openai_api_key": None}, WORDS, 401, id="the client's own"),
        pytest.param({}, "You may not use it", 403, id="not permitted"),
        pytest.param({}, "The model m is not allowed for this key", 401, id="its model"),
    ],
)
def test_other_refusals_are_passed_as_they_are(
    connect: Connect, upstream: UpstreamStub, settings: dict[str, Any], words: str, status: int
) -> None:
    refuse(upstream, words, status)
    client = connect(max_retries=0, **settings)
    response = client.post(PATH, json=message_request(), headers={"x-api-key": "own"})
    assert response.status_code == status
    assert SAID not in told(response)
