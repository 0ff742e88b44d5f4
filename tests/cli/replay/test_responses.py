"""Exchanges with a Responses upstream are recorded, and replay without a difference."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from proxy.cli.replay.recorded import read_recording
from proxy.cli.replay.run import replay
from tests.claude_code.strict_responses import Output, events_of, response_object
from tests.cli.replay.recording_service import KEYS, Service, recording_service
from tests.upstream_stub import Script, json_answer, sse

BODY = {
    "model": "modern",
    "max_tokens": 100,
    "thinking": {"type": "adaptive"},
    "messages": [{"role": "user", "content": "Hi"}],
}
ITEMS = [
    {
        "id": "rs_1",
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "Hm."}],
        "encrypted_content": "gAAAAA==",
    },
    {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": "Hello", "annotations": [], "logprobs": []}],
    },
]
ANSWER = response_object({"model": "modern"}, "resp_1", Output("-"), ITEMS)
NO_SUMMARY = {
    "error": {
        "message": "Your organization must be verified to generate reasoning summaries.",
        "type": "invalid_request_error",
        "param": "reasoning.summary",
        "code": "unsupported_value",
    }
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with recording_service(tmp_path_factory.mktemp("recording"), {}) as running:
        yield running


@pytest.mark.parametrize(
    ("stream", "scripts"),
    [
        pytest.param(True, [sse(*events_of(ANSWER), done=False)], id="a stream"),
        pytest.param(False, [json_answer(ANSWER)], id="a whole answer"),
        pytest.param(
            True,
            [json_answer(NO_SUMMARY, 400), sse(*events_of(ANSWER), done=False)],
            id="a healed request",
        ),
    ],
)
def test_it_replays(stream: bool, scripts: list[Script], service: Service) -> None:
    service.upstream.answer(*scripts)
    got = service.ask(BODY | {"stream": stream})
    assert got.status == 200
    path = service.recording_of(got)
    recorded = read_recording(path)
    assert [call.sent["url"].rpartition("/")[2] for call in recorded.calls] == ["responses"] * len(
        scripts
    )
    assert replay(recorded).differences == []
    assert [key for key in KEYS if key in path.read_text("utf-8")] == []
