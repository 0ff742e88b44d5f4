"""The doctor examines a Responses upstream in its own protocol."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming
from pydantic import TypeAdapter

from proxy.cli.doctor.forms import form_of, responses_body
from proxy.cli.doctor.probes import body_of
from proxy.cli.doctor.responses_answers import answer_from_events, answer_from_response
from proxy.errors import UpstreamError
from proxy.providers.profiles import profile_for
from proxy.providers.profiles.base import Profile
from tests.claude_code.responses_rules import Issued, complaint
from tests.claude_code.strict_responses import (
    Failed,
    Output,
    Reply,
    StrictResponses,
    events_of,
    response_object,
)
from tests.claude_code.strict_upstream import Refusal, ToolCall
from tests.cli.command import run

RESPONSES = Profile(api="responses")
PROBES = form_of(RESPONSES).probes
ITEMS: list[dict[str, Any]] = [
    {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"},
    {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "Red", "annotations": [], "logprobs": []}],
    },
    {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "look", "arguments": "{}"},
]
ANSWER = response_object(
    {"model": "m"}, "resp_1", Output("-", incomplete="max_output_tokens"), ITEMS
)


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: str(probe.name))
def test_every_probe_is_a_request_of_the_protocol(probe: Any) -> None:
    checker: TypeAdapter[Any] = TypeAdapter(ResponseCreateParamsNonStreaming)
    for step in probe.steps:
        body = responses_body(body_of(probe, step, RESPONSES, "m"), RESPONSES)
        assert complaint({**body, "store": False}, Issued()) is None
        checker.validate_python({name: body[name] for name in body if name != "stream"})


def test_what_a_profile_changes() -> None:
    probe = next(probe for probe in PROBES if probe.name == "response_format")
    chat = body_of(probe, probe.steps[0], RESPONSES, "m") | {"max_tokens": 5}
    llama = Profile(api="responses", text_format="response_format", store=False)
    body = responses_body(chat, llama)
    assert body["response_format"] == chat["response_format"]
    assert not {"text", "store"} & body.keys()
    assert responses_body(chat, profile_for("api.openai.com", "o3"))["max_output_tokens"] == 16


def test_answers() -> None:
    whole = answer_from_response(ANSWER)
    streamed = answer_from_events(list(events_of({**ANSWER, "status": "completed"})))
    for answer in (whole, streamed):
        assert answer.text == "Red"
        assert answer.reasoning == ("encrypted_content",)
        assert answer.calls == (("look", "{}"),)
        assert answer.completion_tokens == 50
    assert (whole.finish_reason, whole.streamed) == ("length", False)
    assert (streamed.finish_reason, streamed.streamed) == ("stop", True)


def test_items_of_a_stream_whose_end_has_none() -> None:
    events = list(events_of({**ANSWER, "status": "completed"}))
    events[-1] = {"type": "response.completed", "response": {"output": []}}
    assert answer_from_events(events).text == "Red"


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param({"object": "response"}, id="no output"),
        pytest.param({"error": {"message": "bad"}}, id="an error"),
        pytest.param([], id="no object"),
        pytest.param(
            response_object({"model": "m"}, "r", Failed("server_error", "broken"), []), id="failed"
        ),
    ],
)
def test_no_answer(payload: object) -> None:
    with pytest.raises(UpstreamError):
        answer_from_response(payload)
    with pytest.raises(UpstreamError):
        answer_from_events([payload])


@pytest.fixture
def service() -> Iterator[StrictResponses]:
    running = StrictResponses()
    yield running
    running.close()


def test_the_report(service: StrictResponses, tmp_path: Path) -> None:
    """A model without images, whose reasoning is encrypted."""

    def script(body: Mapping[str, Any], attempt: int) -> Reply:
        if "input_image" in str(body["input"]):
            return Refusal(400, {"message": "This model does not support image input."})
        if "include" in body:
            return Output("391", sealed=True)
        calls = (ToolCall("get_weather", {"city": "Paris"}),) if "tools" in body else ()
        return Output('{"ok": true}', calls=calls)

    service.play(script)
    environ = {"OPENAI_BASE_URL": f"{service.url}/responses", "OPENAI_API_KEY": "sk-x"}
    done = run(tmp_path, "doctor", "--model", "m", environ=environ)
    assert done.returncode == 0, done.stderr
    rows = dict(line.split("  ", 1) for line in done.stdout.splitlines() if "  " in line)
    results = {name.strip(): rest.split()[0] for name, rest in rows.items()}
    assert f"at {service.url}/responses (profile default)" in done.stdout
    expected = {"answers": "works", "streaming": "works", "tools": "works", "images": "refused"}
    expected |= {"encrypted reasoning": "works", "response_format": "works"}
    assert expected.items() <= results.items()
    assert "stop" not in results
    assert "vision: false" in done.stdout
    assert service.complaints == []
