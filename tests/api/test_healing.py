"""What a refusal changes for later requests: remembered, used once, forgotten."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.api.conftest import message_request
from tests.upstream_stub import Recorded, Script, UpstreamStub, Wait, completion, json_answer

PATH = "/v1/messages"
SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}
FORMAT = {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}


def refusal(message: str, status: int = 400, **fields: object) -> Script:
    return json_answer({"error": {"message": message, **fields}}, status)


OK = json_answer(completion('{"a": "ok"}'))
NO_TOP_P = refusal("Unsupported parameter: 'top_p'", param="top_p")


def ask(client: FlaskClient, **fields: Any) -> int:
    return client.post(PATH, json=message_request(**fields)).status_code


def sent(upstream: UpstreamStub, name: str) -> list[Any]:
    return [request.json.get(name) for request in upstream.requests]


@pytest.mark.parametrize(
    "words",
    [
        "Invalid 'temperature': decimal above maximum value. Expected a value <= 0.8, but got 1.",
        "temperature is invalid: it must be between 0 and 0.9",
        "Invalid temperature: too high for this model",
        "temperature 参数非法。取值范围(0.0, 1.0)",
        "temperature: invalid, input should be less than 1",
    ],
)
def test_1_5_a_refused_value_is_taken_from_its_own_request_only(
    client: FlaskClient, upstream: UpstreamStub, words: str
) -> None:
    upstream.answer(refusal(words), OK, OK)
    first = client.post(PATH, json=message_request(temperature=1))
    assert (first.status_code, first.headers["x-claude-proxy-dropped"]) == (200, "temperature")
    assert ask(client, temperature=0.5) == 200
    assert sent(upstream, "temperature") == [1, None, 0.5]


def test_1_5_one_clients_schema_takes_the_schema_from_no_other(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    words = "Invalid schema for response_format 'output': In context=(), 'anyOf' is not permitted."
    upstream.answer(refusal(words, param="response_format"), OK, OK)
    assert [ask(client, **FORMAT), ask(client, **FORMAT)] == [200, 200]
    kinds = [wanted["type"] for wanted in sent(upstream, "response_format")]
    assert kinds == ["json_schema", "json_object", "json_schema"]


def test_1_5_a_value_and_a_field_in_one_request_are_told_apart(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    upstream.answer(NO_TOP_P, refusal("temperature is invalid: must be between 0 and 0.9"), OK, OK)
    assert [ask(client, temperature=1, top_p=0.5), ask(client, temperature=0.5, top_p=0.5)] == [
        200,
        200,
    ]
    assert sent(upstream, "top_p") == [0.5, None, None, None]
    assert sent(upstream, "temperature") == [1, 1, None, 0.5]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "Missing required parameter: 'top_p'."),
        (422, "top_p: Field required"),
        (400, "The request could not be processed."),
        (400, "Invalid 'messages[0]': expected an object."),
        (400, "top_p must be set"),
    ],
)
def test_1_5_flags_with_which_a_request_is_refused_are_forgotten(
    client: FlaskClient, upstream: UpstreamStub, status: int, words: str
) -> None:
    upstream.answer(NO_TOP_P, OK, refusal(words, status), OK)
    assert [ask(client, top_p=0.5) for _ in range(3)] == [200, 400, 200]
    assert sent(upstream, "top_p") == [0.5, None, None, 0.5]


def test_1_5_what_was_learned_after_a_refused_request_began_is_kept(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    """A request with one flag waits while another one learns a second flag, and is then refused."""
    no_schema = refusal("This response_format type is unavailable now")
    waiting, learned = threading.Event(), threading.Event()

    def judge(recorded: Recorded) -> Script:
        if "temperature" in recorded.json:
            waiting.set()
            return (Wait(learned), *refusal("This model does not like you"))
        if "top_p" in recorded.json:
            return NO_TOP_P
        kind = recorded.json.get("response_format", {}).get("type")
        return no_schema if kind == "json_schema" else OK

    upstream.default = judge
    assert ask(client, top_p=0.5) == 200
    statuses: list[int] = []
    slow = threading.Thread(target=lambda: statuses.append(ask(client, temperature=0.1)))
    slow.start()
    assert waiting.wait(60)
    assert ask(client, **FORMAT) == 200
    learned.set()
    slow.join()
    assert statuses == [400]
    asked = len(upstream.requests)
    assert ask(client, **FORMAT) == 200
    assert len(upstream.requests) == asked + 1, "the form that was learned meanwhile is known"
    assert ask(client, top_p=0.5) == 200
    assert len(upstream.requests) == asked + 3, "the flag that the refused request had is not"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "This model's maximum context length is 8192 tokens. You requested 9000 tokens."),
        (401, "Incorrect API key provided"),
        (429, "Rate limit reached"),
        (400, "Invalid image data: could not decode the image"),
        (400, "Could not finish the message because max_tokens or model output limit was reached."),
        (404, "The model `big-model` does not exist"),
    ],
)
def test_1_5_a_refusal_with_another_cause_makes_nothing_forgotten(
    client: FlaskClient, upstream: UpstreamStub, status: int, words: str
) -> None:
    later = iter([refusal(words, status)])

    def judge(recorded: Recorded) -> Script:
        if recorded.method == "GET":
            return json_answer({"data": []})
        return NO_TOP_P if "top_p" in recorded.json else next(later, OK)

    upstream.answer(NO_TOP_P, OK)
    upstream.default = judge
    ask(client, top_p=0.5)
    ask(client, top_p=0.5)
    assert ask(client, top_p=0.5) == 200
    upstream.requests[:] = [each for each in upstream.requests if each.method == "POST"]
    assert sent(upstream, "top_p")[0] == 0.5
    assert set(sent(upstream, "top_p")[1:]) == {None}


def test_1_5_a_form_that_is_refused_gives_way_to_the_profiles_own(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    upstream.answer(
        refusal("This response_format type is unavailable now"),
        OK,
        # Later the upstream takes schemas, and nothing else.
        refusal("'response_format.type' must be 'json_schema' or 'text'"),
        OK,
        OK,
    )
    assert [ask(client, **FORMAT) for _ in range(3)] == [200, 200, 200]
    kinds = [wanted["type"] for wanted in sent(upstream, "response_format")]
    assert kinds == ["json_schema", "json_object", "json_object", "json_schema", "json_schema"]


def test_1_5_a_token_field_that_is_refused_gives_way_to_the_profiles_own(
    client: FlaskClient, upstream: UpstreamStub, caplog: pytest.LogCaptureFixture
) -> None:
    upstream.answer(
        refusal("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."),
        OK,
        refusal("Unsupported parameter: 'max_completion_tokens'"),
        OK,
        OK,
    )
    assert [ask(client) for _ in range(3)] == [200, 200, 200]
    assert sent(upstream, "max_tokens") == [100, None, None, 100, 100]
    assert "forgotten: token_field" in caplog.text


def test_1_5_a_stated_limit_is_replaced_by_a_narrower_one(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    words = "max_tokens is too large. This model supports at most {} completion tokens."
    upstream.answer(refusal(words.format(90)), OK, refusal(words.format(80)), OK, OK)
    assert [ask(client) for _ in range(3)] == [200, 200, 200]
    assert sent(upstream, "max_tokens") == [100, 90, 90, 80, 80]
