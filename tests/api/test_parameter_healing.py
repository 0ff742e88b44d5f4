"""Refused parameters, limits and modes over HTTP: repeated, told, remembered or not (1.5)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from config.registry.values import Model, Provider, Registry
from tests.api.conftest import Connect, message_request
from tests.api.test_messages import events_of
from tests.failures.test_broken_images import GIF, PNG
from tests.upstream_stub import Script, UpstreamStub, completion, json_answer, text_stream

PATH = "/v1/messages"
TOLD = "x-claude-proxy-dropped"
OK = json_answer(completion("ok"))
TOOL = {"name": "Read", "input_schema": {"type": "object", "properties": {}}}


def refusal(message: str, status: int = 400, **fields: object) -> Script:
    return json_answer({"error": {"message": message, **fields}}, status)


def ask(client: FlaskClient, **fields: Any) -> Any:
    return client.post(PATH, json=message_request(**fields))


def sent(upstream: UpstreamStub, name: str) -> list[Any]:
    return [request.json.get(name) for request in upstream.requests]


@pytest.mark.parametrize(
    "words",
    [
        "Requests with max_tokens > 4096 must have stream=true",
        "This model only support stream mode, please enable the stream parameter to access the model. ",
        "parameter.enable_thinking must be set to false for non-streaming calls",
        "enable thinking can not be support when `stream=False`.",
        "Non-streaming requests are not supported",
    ],
)
def test_1_5_a_whole_answer_is_put_together_from_a_stream(
    client: FlaskClient, upstream: UpstreamStub, words: str
) -> None:
    streams = (text_stream("a long ", "answer"), text_stream("another"))
    upstream.answer(refusal(words, param="max_tokens"), *streams)
    answers = [ask(client, max_tokens=32000) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    texts = [answer.json["content"][0]["text"] for answer in answers]
    assert texts == ["a long answer", "another"]
    assert sent(upstream, "stream") == [None, True, True]
    assert sent(upstream, "max_tokens") == [32000] * 3


def test_1_5_a_stream_comes_from_a_whole_answer(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    words = "Unsupported value: 'stream' does not support true with this model."
    upstream.answer(refusal(words, param="stream"), OK, OK)
    for _ in range(2):
        answer = ask(client, stream=True)
        events = events_of(answer.data)
        assert [event["type"] for event in events][-1] == "message_stop"
        texts = [event["delta"].get("text") for event in events if "delta" in event]
        assert "ok" in texts
    assert sent(upstream, "stream") == [True, None, None]


@pytest.mark.parametrize(
    ("words", "least"),
    [
        ("Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got 1 instead.", 16),
        ("Range of max_tokens should be [10, 65536]", 10),
        ("max_tokens must be at least 20", 20),
        ("1 is less than the minimum of 16 - 'max_tokens'", 16),
        ("max_tokens must be between 16 and 4096", 16),
    ],
)  # fmt: skip
def test_1_5_the_least_output_is_remembered(
    client: FlaskClient, upstream: UpstreamStub, words: str, least: int
) -> None:
    upstream.answer(refusal(words), OK, OK, OK)
    answers = [ask(client, max_tokens=asked) for asked in (1, 2, 100)]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert sent(upstream, "max_tokens") == [1, least, least, 100]
    assert [answer.headers.get(TOLD) for answer in answers] == [f"max_tokens={least}"] * 2 + [None]


AFFORDS = (
    "This request requires more credits, or fewer max_tokens. You requested up to {} tokens, but can "
    "only afford {}. To increase, visit https://openrouter.ai/settings/credits"
)


def test_1_5_what_can_be_afforded_is_asked_for_once(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    upstream.answer(refusal(AFFORDS.format(32000, 27342), 402), OK, OK)
    first, second = ask(client, max_tokens=32000), ask(client, max_tokens=32000)
    assert [first.status_code, second.status_code] == [200, 200]
    assert first.headers[TOLD] == "max_tokens=27342"
    assert sent(upstream, "max_tokens") == [32000, 27342, 32000]


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        ([AFFORDS.format(32000, 27342), AFFORDS.format(27342, 20000)], [32000, 27342]),
        ([AFFORDS.format(32000, 0)], [32000]),
        (["Insufficient credits. Add more using https://openrouter.ai/settings/credits"], [32000]),
    ],
    ids=["it shrinks", "nothing", "no number"],
)
def test_1_5_an_empty_account_is_told(
    client: FlaskClient, upstream: UpstreamStub, answers: list[str], asked: list[int]
) -> None:
    upstream.answer(*(refusal(words, 402) for words in answers))
    answer = ask(client, max_tokens=32000)
    assert (answer.status_code, answer.json["error"]["type"]) == (402, "billing_error")
    assert answer.headers["x-should-retry"] == "false"
    assert sent(upstream, "max_tokens") == asked


def test_1_5_the_longest_description_and_name_are_remembered(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    long = {**TOOL, "name": "mcp__documentation__look_up", "description": "Looks. " + "x" * 2000}
    words = (
        "Invalid 'tools[0].function.{}': string too long. Expected a string with maximum length {}."
    )
    upstream.answer(
        refusal(words.format("description", 1024), param="tools[0].function.description"),
        refusal(words.format("name", 20), param="tools[0].function.name"),
        OK,
        OK,
    )
    answers = [ask(client, tools=[long]) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    functions = [tools[0]["function"] for tools in sent(upstream, "tools")]
    assert [len(each["description"]) for each in functions] == [2007, 1024, 1024, 1024]
    assert [len(each["name"]) for each in functions] == [27, 27, 20, 20]
    assert answers[0].headers[TOLD] == "tools.description=1024, tools.name=20"


@pytest.mark.parametrize(
    ("words", "status", "choices"),
    [
        ("No endpoints found that support the provided 'tool_choice' value.", 404, ["required"]),
        ("Only a tool_choice of 'auto' is supported for this model.", 400, ["required"]),
        ("tool_choice is not supported by this model", 501, ["required"]),
        ("This model doesn't support the toolConfig.toolChoice.any field.", 500, ["required"]),
        ("tool choice is not supported for the provider", 405, ["required"]),
    ],
)
def test_1_5_a_forced_tool_is_left_to_the_model(
    client: FlaskClient, upstream: UpstreamStub, words: str, status: int, choices: list[str]
) -> None:
    upstream.answer(refusal(words, status), OK, OK)
    answers = [ask(client, tools=[TOOL], tool_choice={"type": "any"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert sent(upstream, "tool_choice") == [*choices, None, None]
    assert [answer.headers[TOLD] for answer in answers] == ["tool_choice"] * 2


def test_1_5_tool_stream_is_no_longer_sent(connect: Connect, upstream: UpstreamStub) -> None:
    up = Provider("up", upstream.base_url, api_keys=("k",), profile={"tool_stream": True})
    client = connect(registry=Registry((up,), up, (Model("mine", "m", up),), from_file=True))
    upstream.answer(
        refusal("Validation: Unsupported parameter(s): `tool_stream`"),
        text_stream("one"),
        text_stream("two"),
    )
    for _ in range(2):
        answer = ask(client, model="mine", stream=True, tools=[TOOL])
        assert events_of(answer.data)[-1]["type"] == "message_stop"
    assert sent(upstream, "tool_stream") == [True, None, None]


@pytest.mark.parametrize(
    "words",
    [
        "Assistant response prefill is incompatible with enable_thinking.",
        "Prefilling is not supported when thinking is enabled",
        "You can't pre-fill the assistant response while thinking is on",
        "When `thinking` is enabled, a final `assistant` message must start with a thinking block",
        "prefix completion is not supported in thinking mode",
    ],
)
def test_1_5_a_prefill_is_sent_without_thinking(
    client: FlaskClient, upstream: UpstreamStub, words: str
) -> None:
    upstream.answer(refusal(words), OK, OK, OK)
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "The answer is"}]
    asked = [turns, turns, turns[:1]]
    assert [ask(client, messages=each).status_code for each in asked] == [200] * 3
    off = {"enable_thinking": False}
    assert sent(upstream, "chat_template_kwargs") == [None, off, off, None]
    assert [request[-1]["role"] for request in sent(upstream, "messages")][:2] == ["assistant"] * 2


def picture(data: bytes, media_type: str) -> dict[str, Any]:
    from base64 import b64encode

    encoded = b64encode(data).decode()
    source = {"type": "base64", "media_type": media_type, "data": encoded}
    return {"type": "image", "source": source}


def pictures_in(body: dict[str, Any]) -> int:
    return json.dumps(body).count('"image_url":')


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("This model only support text input", 400),
        ("media inputs are not supported by this model", 422),
        ("attachments are not supported", 415),
        ("Unsupported content part type for text-only server: image_url", 400),
        ("No endpoints found that support image input", 404),
        ("image input is not supported - hint: if this is unexpected, you may need to provide the mmproj", 500),
    ],
)  # fmt: skip
def test_1_5_a_text_only_model_gets_no_second_image(
    client: FlaskClient, upstream: UpstreamStub, words: str, status: int
) -> None:
    upstream.answer(refusal(words, status), OK, OK)
    messages = [{"role": "user", "content": [picture(PNG, "image/png")]}]
    answers = [ask(client, messages=messages) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert [answer.headers[TOLD] for answer in answers] == ["image=placeholder"] * 2
    assert [pictures_in(request.json) for request in upstream.requests] == [1, 0, 0]


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("Invalid PNG image.", 400),
        ("Unable to process input image. Please retry or report in https://x.test", 400),
        ("The image data you provided does not represent a valid image.", 400),
        ("cannot identify image file <_io.BytesIO object at 0x7f>", 500),
        ("Base64 string of provided image cannot be decoded.", 400),
    ],
)
def test_1_5_one_broken_image_is_left_out_of_its_request(
    client: FlaskClient, upstream: UpstreamStub, words: str, status: int
) -> None:
    upstream.answer(refusal(words, status), OK, OK)
    whole, broken = picture(GIF, "image/gif"), picture(PNG[:-9], "image/png")
    messages = [{"role": "user", "content": [whole, broken, {"type": "text", "text": "?"}]}]
    first = ask(client, messages=messages)
    assert (first.status_code, first.headers[TOLD]) == (200, "image=placeholder")
    other = [{"role": "user", "content": [whole, whole]}]
    assert ask(client, messages=other).status_code == 200
    assert [pictures_in(request.json) for request in upstream.requests] == [2, 1, 2]
    parts = upstream.requests[1].json["messages"][0]["content"]
    assert parts[0]["image_url"]["url"].startswith("data:image/gif")
    assert "image left out" in json.dumps(parts[1:])


BROKEN_WORDS = "cannot identify image file"


def test_1_5_a_broken_image_is_refused_once_and_then_left_out_by_its_model(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    upstream.answer(refusal(BROKEN_WORDS), OK, OK, OK, OK)
    whole, broken = picture(GIF, "image/gif"), picture(PNG[:-9], "image/png")
    messages = [{"role": "user", "content": [whole, broken, {"type": "text", "text": "?"}]}]
    answers = [ask(client, messages=messages) for _ in range(3)]
    assert [(answer.status_code, answer.headers[TOLD]) for answer in answers] == [
        (200, "image=placeholder")
    ] * 3
    # Another model may be able to decode it.
    ask(client, messages=messages, model="claude-opus-5")
    assert [pictures_in(request.json) for request in upstream.requests] == [2, 1, 1, 1, 2]
    path = "/v1/messages/test_conversion"
    shown = client.post(path, json=message_request(messages=messages)).get_json()
    assert pictures_in(shown["request"]) == 1


def test_1_5_an_image_that_is_refused_both_times_is_not_remembered(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    upstream.answer(refusal(BROKEN_WORDS), refusal("another reason"), OK)
    messages = [{"role": "user", "content": [picture(PNG[:-9], "image/png")]}]
    assert [ask(client, messages=messages).status_code for _ in range(2)] == [400, 200]
    assert [pictures_in(request.json) for request in upstream.requests] == [1, 0, 1]


def test_1_5_an_image_at_an_address_is_asked_for_again(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    upstream.answer(refusal(BROKEN_WORDS), OK, OK)
    image = {"type": "image", "source": {"type": "url", "url": "https://a.test/broken.png"}}
    messages = [{"role": "user", "content": [image]}]
    assert [ask(client, messages=messages).status_code for _ in range(2)] == [200, 200]
    assert [pictures_in(request.json) for request in upstream.requests] == [1, 0, 1]


def test_1_5_words_of_the_client_take_no_image_from_others(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    words = "cannot identify image file, said the assistant"
    upstream.answer(refusal(f"Refused: {words}"), OK, OK)
    content = [picture(PNG, "image/png"), {"type": "text", "text": words}]
    assert ask(client, messages=[{"role": "user", "content": content}]).status_code == 200
    other = [{"role": "user", "content": [picture(PNG, "image/png")]}]
    assert TOLD not in ask(client, messages=other).headers
    assert [pictures_in(request.json) for request in upstream.requests] == [1, 0, 1]


def test_1_5_an_image_of_unknown_fault_is_the_clients_matter(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    upstream.answer(refusal("Invalid image."))
    whole, other = picture(GIF, "image/gif"), picture(PNG, "image/png")
    answer = ask(client, messages=[{"role": "user", "content": [whole, other]}])
    assert answer.status_code == 400
    assert answer.json["error"]["message"].startswith("Could not process image: ")


@pytest.mark.parametrize(
    ("words", "field", "value"),
    [
        ("Model m does not support parameter topP.", "top_p", 0.5),
        ("Unknown parameter: 'stopSequences'", "stop", ["END"]),
        ("maxTokens: Extra inputs are not permitted", "max_tokens", 100),
        ("Argument not supported on this model: parallelToolCalls", "parallel_tool_calls", False),
        ("Unrecognized request argument supplied: responseFormat", "response_format", None),
    ],
)
def test_1_5_fields_in_camel_case_are_known(
    client: FlaskClient, upstream: UpstreamStub, words: str, field: str, value: object
) -> None:
    upstream.answer(refusal(words), OK)
    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    answer = ask(
        client,
        top_p=0.5,
        stop_sequences=["END"],
        tools=[TOOL],
        tool_choice={"type": "auto", "disable_parallel_tool_use": True},
        output_config={"format": {"type": "json_schema", "schema": schema}},
    )
    assert answer.status_code == 200
    before, after = sent(upstream, field)
    assert before == value or value is None
    assert after != before
