"""One client's refusal takes no key and no provider from the others, through the whole application."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from config.registry.values import Model, Provider, Registry
from config.settings import Settings
from proxy.api.context import EXTENSION
from proxy.app import create_app
from tests.api.conftest import message_request
from tests.upstream_stub import Recorded, Script, UpstreamStub, completion, json_answer

ROUTE = "x-claude-proxy-route"
FIRST, SECOND = "first/model-a;reason=registered", "second/model-b;reason=fallback"
DAY = {"retry-after": "86400"}
HOSTILE = "hostile words"

Start = Callable[..., FlaskClient]


@pytest.fixture
def start(upstream: UpstreamStub) -> Iterator[Start]:
    """A proxy with the model ``a`` at the scripted upstream, and its fallback at a second one."""
    second, apps = UpstreamStub(default=json_answer(completion("Hello"))), list[Flask]()

    def started(keys: tuple[str, ...], *, native: bool = False) -> FlaskClient:
        first = Provider("first", upstream.base_url, keys, native=native)
        other = Provider("second", second.base_url, ("key-b",))
        models = (
            Model("a", "model-a", first, fallbacks=("b",)),
            Model("b", "model-b", other),
        )
        apps.append(create_app(Settings(), Registry((first, other), first, models, from_file=True)))
        return apps[-1].test_client()

    yield started
    for app in apps:
        app.extensions[EXTENSION].close()
    second.close()


def refusing(
    status: int, message: str, headers: dict[str, str], **members: Any
) -> Callable[[Recorded], Script]:
    """An upstream that refuses requests with ``HOSTILE`` and answers all others."""
    refused = json_answer({"error": {"message": message, **members}}, status, headers)
    answered = json_answer(completion("Hello"))

    def answer(sent: Recorded) -> Script:
        return refused if HOSTILE.encode() in sent.body else answered

    return answer


def ask(client: FlaskClient, text: str = "Hi", key: str = "client") -> tuple[int, str | None]:
    body = message_request(text, model="a")
    response = client.post("/v1/messages", json=body, headers={"x-api-key": key})
    return response.status_code, response.headers.get(ROUTE)


REFUSALS = [
    pytest.param(403, "This text is not allowed", DAY, id="403 with a day"),
    pytest.param(429, "Request too large", {}, id="429 too large"),
    pytest.param(429, "Request too large", DAY, id="429 too large with a day"),
    pytest.param(401, "no access to this model: not allowed", DAY, id="401 about a model"),
    pytest.param(400, "no", DAY, id="400"),
    pytest.param(413, "no", DAY, id="413"),
    pytest.param(422, "no", DAY, id="422"),
    pytest.param(404, "The model `a` does not exist", DAY, id="404"),
    pytest.param(500, "cannot identify image file", DAY, id="500 about an image"),
    pytest.param(
        400, f"{HOSTILE}: your credit balance is too low to access this", {}, id="quoted words"
    ),
]


@pytest.mark.parametrize("native", [False, True], ids=["converted", "native"])
@pytest.mark.parametrize(("status", "message", "headers"), REFUSALS)
def test_others_keep_the_keys_of_the_server(
    start: Start,
    upstream: UpstreamStub,
    status: int,
    message: str,
    headers: dict[str, str],
    native: bool,
) -> None:
    upstream.default = refusing(status, message, headers)
    client = start(("k1", "k2"), native=native)
    for _ in range(6):
        ask(client, f"{HOSTILE}: your credit balance is too low to access this")
    before = len(upstream.requests)
    assert ask(client) == (200, FIRST)
    after = upstream.requests[before:]
    header, value = ("x-api-key", "k1") if native else ("authorization", "Bearer k1")
    assert [sent.headers[header] for sent in after] == [value]


@pytest.mark.parametrize("status", [401, 402, 403, 429])
def test_a_clients_own_key_says_nothing_about_anothers(
    start: Start, upstream: UpstreamStub, status: int
) -> None:
    upstream.default = refusing(status, "your budget is spent", DAY, code="insufficient_quota")
    client = start(())
    for _ in range(6):
        assert ask(client, HOSTILE, key="spent")[0] == 402
    assert ask(client, key="other") == (200, FIRST)
    assert ask(client, key="spent") == (200, FIRST)
    sent = [request.headers["authorization"] for request in upstream.requests]
    assert sent == ["Bearer spent"] * 6 + ["Bearer other", "Bearer spent"]


@pytest.mark.parametrize("status", [401, 402, 429])
def test_what_concerns_the_key_still_rests_it(
    start: Start, upstream: UpstreamStub, status: int
) -> None:
    upstream.default = refusing(status, "no", DAY)
    client = start(("k1", "k2"))
    assert ask(client, HOSTILE) == (200, SECOND)
    assert ask(client) == (200, SECOND)
    assert len(upstream.requests) == 2
