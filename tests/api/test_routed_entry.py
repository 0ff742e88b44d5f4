"""GET /v1/models/{id} for names that this proxy maps to another model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from config.registry.values import Model, Provider, Registry, RouterRules
from config.settings import Settings
from proxy.api.context import EXTENSION
from proxy.app import create_app
from tests.api.conftest import Connect
from tests.upstream_stub import UpstreamStub, json_answer

LIST = {
    "data": [
        {"id": "big-model", "context_length": 111_000, "max_output_tokens": 1100},
        {"id": "middle-model", "context_length": 222_000},
        {"id": "own/model", "context_length": 333_000},
    ]
}
Registered = Callable[..., FlaskClient]


def limits(client: FlaskClient, name: str, **headers: str) -> tuple[Any, ...]:
    response = client.get(f"/v1/models/{name}", headers=headers)
    assert response.status_code == 200, response.text
    body = response.json
    assert body is not None
    assert {"type", "display_name", "created_at", "lifecycle"} <= body.keys()
    return body["id"], body["max_input_tokens"], body["max_tokens"]


@pytest.mark.parametrize(
    ("name", "shown", "window"),
    [
        ("claude-opus-5", "claude-opus-5", 111_000),
        ("claude-opus-5-20260301", "claude-opus-5-20260301", 111_000),
        ("claude-sonnet-5", "claude-sonnet-5", 222_000),
        ("claude-sonnet-5[1m]", "claude-sonnet-5[1m]", 222_000),
        ("claude-sonnet-5%5B1m%5D", "claude-sonnet-5[1m]", 222_000),
        ("anthropic%2Fclaude-sonnet-5", "claude-sonnet-5", 222_000),
        ("anthropic/claude-opus-5", "claude-opus-5", 111_000),
        ("claude-haiku-4-5", "claude-haiku-4-5", None),
        ("opus", "opus", 111_000),
        ("Sonnet", "Sonnet", 222_000),
        ("haiku", "haiku", None),
        ("opusplan", "opusplan", 111_000),
        ("own/model", "own/model", 333_000),
        ("anthropic/own/model", "own/model", 333_000),
    ],
)
def test_names_of_claudes_lead_to_the_tiers(
    client: FlaskClient, upstream: UpstreamStub, name: str, shown: str, window: int | None
) -> None:
    upstream.answer(json_answer(LIST))
    assert limits(client, name)[:2] == (shown, window)


@pytest.mark.parametrize("name", ["gpt-x", "own", "own/model2", "claud", "sonnets", "%20"])
def test_any_other_name_is_404(client: FlaskClient, upstream: UpstreamStub, name: str) -> None:
    upstream.answer(json_answer(LIST))
    response = client.get(f"/v1/models/{name}")
    assert response.status_code == 404
    assert response.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("status", [401, 404, 500, 200])
def test_an_upstream_that_lists_nothing(
    connect: Connect, upstream: UpstreamStub, status: int
) -> None:
    upstream.answer(json_answer({"error": {"message": "no"}}, status))
    client = connect(big_model="gpt-4o")
    assert limits(client, "claude-opus-5")[0] == "claude-opus-5"


def test_limits_of_the_profile(connect: Connect, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer({"data": [{"id": "gpt-4o"}]}))
    assert limits(connect(big_model="gpt-4o"), "opus")[2] == 16384


@pytest.fixture
def registered(upstream: UpstreamStub) -> Iterator[Registered]:
    apps: list[Flask] = []

    def made(rules: RouterRules | None = None) -> FlaskClient:
        one = Provider("one", upstream.base_url, ("key",))
        models = (
            Model("first", "r1", one, aliases=("short",), max_input_tokens=5000, max_tokens=50),
            Model("anthropic/second", "r2", one, max_input_tokens=7000, display_name="Second"),
        )
        registry = Registry(
            (one,),
            one,
            models,
            from_file=True,
            default_is_registered=True,
            models_from_upstream=False,
            rules=rules or RouterRules(),
        )
        apps.append(create_app(Settings(middle_model="anthropic/second"), registry))
        return apps[-1].test_client()

    yield made
    for app in apps:
        app.extensions[EXTENSION].close()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("first", ("first", 5000, 50)),
        ("short", ("short", 5000, 50)),
        ("first[1m]", ("first[1m]", 5000, 50)),
        ("short-20260101", ("short-20260101", 5000, 50)),
        ("anthropic/first", ("first", 5000, 50)),
        ("one%2Ffirst", ("one/first", 5000, 50)),
        ("anthropic/second", ("anthropic/second", 7000, None)),
        ("claude-sonnet-5", ("claude-sonnet-5", 7000, None)),
        ("claude-opus-5", ("claude-opus-5", 5000, 50)),
        ("haiku", ("haiku", 5000, 50)),
    ],
)
def test_names_that_lead_to_registered_models(
    registered: Registered, upstream: UpstreamStub, name: str, expected: tuple[Any, ...]
) -> None:
    assert limits(registered(), name) == expected
    assert upstream.requests == []


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        pytest.param({}, 90_000, id="as the upstream lists it"),
        pytest.param({"max_input_tokens": 5000}, 5000, id="as registered"),
        pytest.param({"profile": {"max_input": 6000}}, 6000, id="as the profile says"),
    ],
)
def test_the_window_of_a_registered_model(
    upstream: UpstreamStub, stated: dict[str, Any], expected: int
) -> None:
    upstream.answer(json_answer({"data": [{"id": "r1", "max_model_len": 90_000}, {"id": "x"}]}))
    one = Provider("one", upstream.base_url, ("key",))
    other = Provider("other", "http://127.0.0.1:9/v1", ("other-key",))
    registry = Registry(
        (other, one),
        other,
        (Model("first", "r1", one, **stated),),
        from_file=True,
        default_is_registered=True,
        models_from_upstream=False,
    )
    app = create_app(Settings(), registry)
    client = app.test_client()
    assert limits(client, "first")[:2] == ("first", expected)
    # The list is cached.
    assert limits(client, "opus")[:2] == ("opus", expected)
    assert len(upstream.requests) == (not stated)
    assert {r.headers["authorization"] for r in upstream.requests} <= {"Bearer key"}
    assert client.get("/v1/models/x").status_code == 404
    app.extensions[EXTENSION].close()


def test_a_list_that_cannot_be_had_leaves_the_window_unknown(upstream: UpstreamStub) -> None:
    upstream.answer(json_answer({"error": {"message": "no"}}, 500))
    one = Provider("one", upstream.base_url, ("key",))
    registry = Registry((one,), one, (Model("first", "r1", one),), from_file=True)
    app = create_app(Settings(), registry)
    assert limits(app.test_client(), "first")[1] is None
    app.extensions[EXTENSION].close()


def test_smart_routes_count(registered: Registered) -> None:
    rules = RouterRules(default="anthropic/second", background="first")
    client = registered(rules)
    assert limits(client, "claude-opus-5")[1] == 7000
    assert limits(client, "claude-haiku-4-5")[1] == 5000
    assert limits(client, "first")[1] == 5000


@pytest.mark.parametrize("name", ["r1", "second", "one/other", "one,other", "gpt-4o"])
def test_unregistered_names_are_404(registered: Registered, name: str) -> None:
    client = registered()
    assert client.get(f"/v1/models/{name}").status_code == 404


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("claude-opus-5[1m]", "claude-opus-5"),
        ("anthropic/claude-opus-5", "claude-opus-5"),
        ("claude-opus-5-20260301", "claude-opus-5-20260301"),
        ("opus", "opus"),
    ],
)
def test_a_native_default_is_asked_for_the_model(
    upstream: UpstreamStub, name: str, asked: str
) -> None:
    upstream.answer(json_answer({"id": asked, "type": "model"}))
    native = Provider("native", upstream.origin, ("key",), native=True)
    app = create_app(Settings(), Registry((native,), native))
    response = app.test_client().get(f"/v1/models/{name}")
    app.extensions[EXTENSION].close()
    assert response.json == {"id": asked, "type": "model"}
    assert upstream.requests[0].target == f"/v1/models/{asked}"
