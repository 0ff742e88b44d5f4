"""What clients and the log are told about a model that the upstream does not have (edge case 106)."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from config.registry.values import Model, Provider, Registry
from config.settings import MODEL_SETTINGS
from proxy.relay import list_call, model_list
from tests.api.conftest import Connect, message_request
from tests.api.test_default_model import UNSET, listing, lists, models
from tests.upstream_stub import Close, Recorded, Script, Sleep, UpstreamStub, json_answer

NONE = json_answer(
    {"error": {"message": "The model does not exist", "code": "model_not_found"}}, 404
)
IDS = ("whisper", "qwen3:8b", "big-models-xl", "llama3", "phi4", "gemma3")


def refusing(upstream: UpstreamStub, *ids: str, refusal: Script = NONE) -> None:
    upstream.default = lambda sent: listing(*ids) if sent.method == "GET" else refusal


def told(client: FlaskClient, model: str = "claude-sonnet-5", key: str = "client") -> str:
    """The message of the 404 for a request to ``model``."""
    headers = {"x-api-key": key}
    response = client.post("/v1/messages", json=message_request(model=model), headers=headers)
    assert response.json is not None
    assert (response.status_code, response.json["error"]["type"]) == (404, "not_found_error")
    message: str = response.json["error"]["message"]
    return message


@pytest.mark.parametrize(
    ("name", "sent", "variable"),
    [
        ("claude-opus-4-8", "big-model", "CLAUDE_PROXY_BIG_MODEL"),
        ("claude-sonnet-5", "middle-model", "CLAUDE_PROXY_MIDDLE_MODEL"),
        ("haiku", "small-model", "CLAUDE_PROXY_SMALL_MODEL"),
    ],
)
def test_edge_106_the_variable_and_the_closest_models(
    client: FlaskClient,
    upstream: UpstreamStub,
    caplog: pytest.LogCaptureFixture,
    name: str,
    sent: str,
    variable: str,
) -> None:
    refusing(upstream, *IDS)
    message = told(client, name)
    start = f"model: {sent}: the upstream has no such model; set {variable} to one of its models: "
    assert message.startswith(f"{start}big-models-xl, ")
    assert message.endswith(" and 1 more")
    assert [row.message for row in caplog.records if row.name.endswith("missing_model")] == [
        f"localhost: {message}"
    ]


@pytest.mark.parametrize(
    ("unset", "name", "variables"),
    [
        (MODEL_SETTINGS, "opus", "CLAUDE_PROXY_BIG_MODEL"),
        (MODEL_SETTINGS, "sonnet", "CLAUDE_PROXY_MIDDLE_MODEL or CLAUDE_PROXY_BIG_MODEL"),
        (MODEL_SETTINGS, "haiku", "CLAUDE_PROXY_SMALL_MODEL or CLAUDE_PROXY_BIG_MODEL"),
        (("middle_model",), "haiku", "CLAUDE_PROXY_SMALL_MODEL"),
    ],
)
def test_edge_106_a_class_that_follows_another(
    connect: Connect,
    upstream: UpstreamStub,
    unset: tuple[str, ...],
    name: str,
    variables: str,
) -> None:
    refusing(upstream, "a", "b")
    message = told(connect(**UNSET | {"unset_models": unset}), name)
    assert message.endswith(f"; set {variables} to one of its models: a, b")
    assert len(lists(upstream)) == 1, "the list that did not decide also explains"


@pytest.mark.parametrize(
    "refusal",
    [
        json_answer({"error": "model 'x' not found, try pulling it first"}, 404),
        json_answer(
            {"object": "error", "message": "The model `x` does not exist.", "code": 404}, 404
        ),
        json_answer({"error": {"message": "x is not a valid model ID", "code": 400}}, 400),
        json_answer(
            {"error": {"message": "Model Not Exist", "type": "invalid_request_error"}}, 400
        ),
        json_answer({"error": {"code": "1211", "message": "模型不存在，请检查模型代码。"}}, 400),
        json_answer({"error": {"message": "Invalid model name passed in model=x"}}, 400),
    ],
    ids=["ollama", "vllm", "openrouter", "deepseek", "glm", "litellm"],
)
def test_edge_106_every_wording(
    client: FlaskClient, upstream: UpstreamStub, refusal: Script
) -> None:
    refusing(upstream, "a", refusal=refusal)
    assert told(client) == (
        "model: middle-model: the upstream has no such model; "
        "set CLAUDE_PROXY_MIDDLE_MODEL to one of its models: a"
    )


def test_edge_106_a_name_of_the_client(
    client: FlaskClient, upstream: UpstreamStub, caplog: pytest.LogCaptureFixture
) -> None:
    refusing(upstream, "mistral-small")
    assert told(client, "mistral") == (
        "model: mistral: the upstream has no such model; it lists mistral-small"
    )
    assert "mistral-small" not in caplog.text, "the operator need not act"


def test_edge_106_the_list_is_asked_for_once_a_minute(
    client: FlaskClient, upstream: UpstreamStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(model_list, "monotonic", lambda: now)
    refusing(upstream, "a")
    for _ in range(5):
        told(client)
    assert len(lists(upstream)) == 1
    now += 60
    told(client)
    assert len(lists(upstream)) == 2


@pytest.mark.parametrize(
    "answer",
    [json_answer({}, 500), json_answer({}, 404), json_answer("x"), (Close(),)],
    ids=["500", "404", "no list", "cut"],
)
def test_edge_106_a_list_that_cannot_be_had(
    client: FlaskClient, upstream: UpstreamStub, answer: Script
) -> None:
    upstream.default = lambda sent: answer if sent.method == "GET" else NONE
    for _ in range(3):
        assert told(client) == (
            "model: middle-model: the upstream has no such model; "
            "set CLAUDE_PROXY_MIDDLE_MODEL to one of its models"
        )
    assert len(lists(upstream)) <= 2


def test_edge_106_a_list_that_hangs(
    connect: Connect, upstream: UpstreamStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_call, "ASK_SECONDS", 0.2)
    upstream.answer(NONE, (Sleep(5.0), *listing("a")))
    assert told(connect()).endswith("to one of its models")


def test_edge_106_the_requests_own_limit_leaves_the_404(
    connect: Connect, upstream: UpstreamStub
) -> None:
    upstream.answer(NONE, (Sleep(5.0), *listing("a")))
    assert told(connect(total_timeout=0.4)).endswith("to one of its models")


def test_edge_106_an_empty_list(client: FlaskClient, upstream: UpstreamStub) -> None:
    refusing(upstream)
    assert told(client).endswith("to one of its models; its list of models is empty")


def test_edge_106_ids_are_data(client: FlaskClient, upstream: UpstreamStub) -> None:
    refusing(upstream, "a\r\nb\x1b[31m", "y" * 200, "sk-server")
    message = told(client)
    assert message.isprintable()
    assert "a??b?[31m" in message
    assert "y" * 80 + "..." in message
    assert "y" * 81 not in message
    assert "sk-server" not in message


def test_edge_106_a_model_that_was_replaced(connect: Connect, upstream: UpstreamStub) -> None:
    """The next request gets the model that the server has now, not the one of the held list."""

    def answered(sent: Recorded) -> Script:
        if sent.method == "GET":
            return listing(present[0])
        return NONE if sent.json["model"] != present[0] else json_answer({"choices": []})

    present = ["old"]
    upstream.default = answered
    client = connect(**UNSET)
    client.post("/v1/messages", json=message_request())
    present[0] = "new"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("proxy.relay.missing_model.DOUBTFUL_AGE", 0.0)
        assert told(client).endswith("to one of its models: new")
    client.post("/v1/messages", json=message_request())
    assert models(upstream) == ["old", "old", "new"]


def registered(upstream: UpstreamStub, keys: tuple[str, ...], **more: Any) -> Registry:
    """A registry whose default is another provider than that of the model ``mine``."""
    first = Provider("first", "http://127.0.0.1:9/v1", ("k",))
    second = Provider("second", upstream.base_url, keys)
    mine = Model("mine", "remote", second)
    return Registry((first, second), first, (mine,), from_file=True, **more)


@pytest.mark.parametrize(
    ("keys", "seen"),
    [
        pytest.param(("k2",), False, id="/v1/models does not list that provider"),
        pytest.param((), True, id="the client's own key may ask"),
    ],
)
def test_edge_106_a_registered_model(
    connect: Connect,
    upstream: UpstreamStub,
    caplog: pytest.LogCaptureFixture,
    keys: tuple[str, ...],
    seen: bool,
) -> None:
    refusing(upstream, "theirs")
    message = told(connect(registry=registered(upstream, keys)), "mine")
    start = (
        "model: remote: the upstream has no such model; "
        "correct remote_id of the model 'mine' in the registry file"
    )
    assert message == (f"{start}; it lists theirs" if seen else start)
    assert f"second: {start}; it lists theirs" in caplog.text, "the operator may see it"


def test_edge_106_ids_that_the_list_hides(connect: Connect, upstream: UpstreamStub) -> None:
    refusing(upstream, "hidden")
    only = Provider("only", upstream.base_url, ("k",))
    registry = Registry((only,), only, from_file=True, models_from_upstream=False)
    assert (
        told(connect(registry=registry), "other") == "model: other: the upstream has no such model"
    )


def test_edge_106_a_smart_route(connect: Connect, upstream: UpstreamStub) -> None:
    refusing(upstream, "a")
    client = connect(router_background="cheap")
    assert told(client, "claude-haiku-4-5") == (
        "model: cheap: the upstream has no such model; "
        "set CLAUDE_PROXY_ROUTER_BACKGROUND to one of its models: a"
    )


def test_edge_106_a_dynamic_route(connect: Connect, upstream: UpstreamStub) -> None:
    refusing(upstream, "a")
    client = connect(
        allowed_hosts=(f"localhost:{upstream.port}",), openai_base_url="http://127.0.0.1:9"
    )
    path = f"/http/localhost:{upstream.port}/v1/messages"
    response = client.post(
        path,
        json=message_request(),
        headers={"authorization": "Bearer own"},
        environ_overrides={"RAW_URI": path},
    )
    assert response.json is not None
    assert response.json["error"]["message"] == (
        "model: claude-sonnet-5: the upstream has no such model; it lists a"
    )
    assert lists(upstream) == ["Bearer own"]


def test_edge_106_the_connection_test(client: FlaskClient, upstream: UpstreamStub) -> None:
    refusing(upstream, "small-models")
    body = client.get("/test-connection").json
    assert body is not None
    assert body["message"].endswith("; it lists small-models")
