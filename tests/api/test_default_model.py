"""Which model Claude's names get where BIG_MODEL is not set (docs/features.md "Model choice")."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest
from flask.testing import FlaskClient

from config.settings import MODEL_SETTINGS
from proxy.relay import list_call, model_list
from tests.api.conftest import KEY, Connect, message_request
from tests.upstream_stub import (
    Close,
    Recorded,
    Script,
    Sleep,
    UpstreamStub,
    completion,
    json_answer,
    text_stream,
)

DEFAULTS = {"big_model": "gpt-4o", "middle_model": "gpt-4o", "small_model": "gpt-4o-mini"}
UNSET: dict[str, Any] = {**DEFAULTS, "unset_models": MODEL_SETTINGS}


def listing(*ids: str) -> Script:
    return json_answer({"object": "list", "data": [{"id": each} for each in ids]})


def serving(upstream: UpstreamStub, *ids: str) -> None:
    """Let ``upstream`` list ``ids`` and answer every message."""

    def answered(sent: Recorded) -> Script:
        return listing(*ids) if sent.method == "GET" else json_answer(completion("Hello"))

    upstream.default = answered


def ask(
    client: FlaskClient, model: str = "claude-sonnet-5", key: str = "client", **more: Any
) -> Any:
    body = message_request(model=model, **more)
    return client.post("/v1/messages", json=body, headers={"x-api-key": key})


def models(upstream: UpstreamStub) -> list[str]:
    """The models of the messages that were sent."""
    return [each.json["model"] for each in upstream.requests if each.method == "POST"]


def lists(upstream: UpstreamStub) -> list[str]:
    """The keys with which the list was asked for."""
    asked = (each for each in upstream.requests if each.method == "GET")
    return [each.headers.get("authorization", "") for each in asked]


@pytest.mark.parametrize("name", ["claude-sonnet-5", "claude-opus-4-8", "haiku", "claude-x[1m]"])
def test_the_only_model_answers(connect: Connect, upstream: UpstreamStub, name: str) -> None:
    serving(upstream, "qwen3:latest")
    client = connect(**UNSET)
    response = ask(client, name)
    assert response.status_code == 200
    assert response.json["model"] == name
    assert response.headers["x-claude-proxy-route"] == "localhost/qwen3:latest;reason=tier"
    assert ask(client, name).status_code == 200
    assert models(upstream) == ["qwen3:latest"] * 2
    assert lists(upstream) == ["Bearer sk-server"], "the list is remembered"


def test_a_stream_too(connect: Connect, upstream: UpstreamStub) -> None:
    upstream.answer(listing("only"), text_stream("Hello"))
    response = ask(connect(**UNSET), stream=True)
    assert b"message_stop" in response.data
    assert models(upstream) == ["only"]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"unset_models": ()}, id="all set"),
        pytest.param({"unset_models": ("middle_model", "small_model")}, id="BIG_MODEL is set"),
    ],
)
def test_a_set_model_asks_nobody(
    connect: Connect, upstream: UpstreamStub, changes: dict[str, Any]
) -> None:
    serving(upstream, "only")
    assert ask(connect(**UNSET | changes)).status_code == 200
    assert models(upstream) == ["gpt-4o"]
    assert lists(upstream) == []


def test_an_explicit_name_asks_nobody(connect: Connect, upstream: UpstreamStub) -> None:
    serving(upstream, "only")
    ask(connect(**UNSET), "mistral")
    assert (models(upstream), lists(upstream)) == (["mistral"], [])


@pytest.mark.parametrize(
    ("unset", "sent"),
    [
        pytest.param(("middle_model", "small_model"), ["big", "big", "big"], id="BIG alone"),
        pytest.param(("small_model",), ["big", "middle", "big"], id="BIG and MIDDLE"),
    ],
)
def test_a_class_that_is_not_set_gets_what_is(
    connect: Connect, upstream: UpstreamStub, unset: tuple[str, ...], sent: list[str]
) -> None:
    middle = "big" if "middle_model" in unset else "middle"
    client = connect(
        big_model="big", middle_model=middle, small_model="gpt-4o-mini", unset_models=unset
    )
    serving(upstream, "only")
    for name in ("opus", "sonnet", "haiku"):
        ask(client, name)
    assert (models(upstream), lists(upstream)) == (sent, [])


@pytest.mark.parametrize(("listed", "big"), [(["only"], "only"), (["a", "b"], "mine")])
def test_middle_set_without_big(
    connect: Connect, upstream: UpstreamStub, listed: list[str], big: str
) -> None:
    """The list decides about what is not set; where it does not, the model that is set is used."""
    serving(upstream, *listed)
    unset = ("big_model", "small_model")
    client = connect(**UNSET | {"middle_model": "mine", "unset_models": unset})
    for name in ("opus", "sonnet", "haiku"):
        ask(client, name)
    assert models(upstream) == [big, "mine", big]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(listing("a", "b"), id="several"),
        pytest.param(listing(), id="none"),
        pytest.param(json_answer({"error": {"message": "no"}}, 401), id="refused"),
        pytest.param(json_answer({"error": {"message": "no"}}, 500), id="broken"),
        pytest.param(json_answer("nonsense"), id="no list"),
        pytest.param((Close(),), id="cut"),
    ],
)
def test_otherwise_the_default_is_sent(
    connect: Connect, upstream: UpstreamStub, answer: Script, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    client = connect(**UNSET)
    upstream.answer(answer)
    upstream.default = json_answer(completion("Hello"))
    assert [ask(client).status_code for _ in range(3)] == [200] * 3
    assert models(upstream) == ["gpt-4o"] * 3
    assert len(lists(upstream)) <= 2, "a failure is remembered for a while"
    assert caplog.text.count("CLAUDE_PROXY_BIG_MODEL is not set, and the list of models of") == 1


def test_a_list_that_hangs_delays_once(
    connect: Connect, upstream: UpstreamStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_call, "ASK_SECONDS", 0.3)
    client = connect(**UNSET)
    upstream.answer((Sleep(5.0), *listing("only")))
    upstream.default = json_answer(completion("Hello"))
    assert [ask(client).status_code for _ in range(2)] == [200] * 2
    assert models(upstream) == ["gpt-4o"] * 2
    assert len(lists(upstream)) == 1


def test_the_whole_requests_time_is_not_extended(connect: Connect, upstream: UpstreamStub) -> None:
    client = connect(**UNSET, total_timeout=0.4)
    upstream.answer((Sleep(5.0), *listing("only")))
    response = ask(client)
    assert response.status_code == 504
    assert models(upstream) == []


def test_each_clients_key_decides_for_itself(connect: Connect, upstream: UpstreamStub) -> None:
    """What one client's key is shown must not choose the model of another's requests."""

    def answered(sent: Recorded) -> Script:
        if sent.method == "POST":
            return json_answer(completion("Hello"))
        return listing("odd") if sent.headers["authorization"] == "Bearer odd" else listing("usual")

    upstream.default = answered
    client = connect(**UNSET, openai_api_key=None)
    for key in ("odd", "other", "odd"):
        assert ask(client, key=key).status_code == 200
    assert models(upstream) == ["odd", "usual", "odd"]
    assert lists(upstream) == ["Bearer odd", "Bearer other"]


def test_concurrent_requests_ask_once(connect: Connect, upstream: UpstreamStub) -> None:
    client = connect(**UNSET)

    def answered(sent: Recorded) -> Script:
        if sent.method == "GET":
            return (Sleep(0.2), *listing("only"))
        return json_answer(completion("Hello"))

    upstream.default = answered
    answers: list[int] = []

    def one() -> None:
        answers.append(ask(client.application.test_client()).status_code)

    threads = [threading.Thread(target=one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 6
    assert models(upstream) == ["only"] * 6
    assert len(lists(upstream)) == 1


def test_a_list_that_fails_later_leaves_the_decision(
    connect: Connect, upstream: UpstreamStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(model_list, "monotonic", lambda: now)
    client = connect(**UNSET)
    serving(upstream, "only")
    ask(client)
    now += model_list.CACHE_SECONDS
    upstream.default = lambda sent: (
        json_answer({}, 503) if sent.method == "GET" else json_answer(completion("Hello"))
    )
    ask(client)
    now += model_list.FAILURE_SECONDS
    serving(upstream, "another")
    ask(client)
    assert models(upstream) == ["only", "only", "another"]


@pytest.fixture
def only(connect: Connect, upstream: UpstreamStub) -> FlaskClient:
    serving(upstream, "only")
    return connect(**UNSET)


def shown(client: FlaskClient, path: str) -> Any:
    return client.get(path, headers=KEY).json


def test_the_dry_run_asks_nobody_and_says_what_is_known(
    only: FlaskClient, upstream: UpstreamStub
) -> None:
    def route() -> Any:
        path = "/v1/messages/test_conversion"
        shown: Any = only.post(path, json=message_request(), headers=KEY).json
        return shown["route"]

    before = route()
    assert (before["model"], upstream.requests) == ("gpt-4o", [])
    assert before["model_choice"] == (
        "CLAUDE_PROXY_BIG_MODEL is not set: the first request asks the upstream for its list; "
        "a single model in it is used instead"
    )
    ask(only)
    after = route()
    assert (after["model"], after["model_choice"]) == (
        "only",
        "it is the only model in the upstream's list",
    )


def test_the_start_page_says_what_is_known(only: FlaskClient) -> None:
    before = shown(only, "/")["configuration"]
    assert (before["big_model"], before["small_model"]) == ("gpt-4o", "gpt-4o-mini")
    assert "is not set" in before["model_choice"]
    ask(only)
    after = shown(only, "/")["configuration"]
    assert {after[f"{tier}_model"] for tier in ("big", "middle", "small")} == {"only"}
    assert after["model_choice"] == "it is the only model in the upstream's list"


def test_a_count_of_tokens_is_that_of_the_model(only: FlaskClient, upstream: UpstreamStub) -> None:
    body = message_request()
    del body["max_tokens"]
    assert only.post("/v1/messages/count_tokens", json=body, headers=KEY).status_code == 200
    ask(only)
    assert len(lists(upstream)) == 1


def test_a_count_needs_no_key(connect: Connect, upstream: UpstreamStub) -> None:
    client = connect(**UNSET, openai_api_key=None)
    body = message_request()
    del body["max_tokens"]
    assert client.post("/v1/messages/count_tokens", json=body).status_code == 200
    assert upstream.requests == []


def test_the_entry_of_a_mapped_name_is_the_only_models(
    connect: Connect, upstream: UpstreamStub
) -> None:
    entry = {"id": "only", "created": 1700000000, "max_model_len": 4096}
    upstream.answer(json_answer({"data": [entry]}))
    found = shown(connect(**UNSET), "/v1/models/claude-opus-4-8")
    assert (found["id"], found["max_input_tokens"]) == ("claude-opus-4-8", 4096)
    assert found["created_at"] == "2023-11-14T22:13:20Z"


def test_the_connection_test_uses_it(only: FlaskClient, upstream: UpstreamStub) -> None:
    one = shown(only, "/test-connection")
    assert (one["status"], one["model"], one["model_used"]) == ("success", "haiku", "only")
    every = shown(only, "/test-connection?all=1")
    assert [row["model_used"] for row in every["models"]] == ["only"] * 3
    assert len(lists(upstream)) == 1
