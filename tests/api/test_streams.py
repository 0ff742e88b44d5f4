"""The first event of a stream, and the resources freed at its end (docs/protocol.md section 4)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from proxy.api.context import EXTENSION
from proxy.relay.stream import StreamedResponse
from proxy.relay.stream_bytes import StreamBytes
from proxy.telemetry.stats import machine_stats
from tests.api.conftest import message_request
from tests.upstream_stub import Sleep, UpstreamStub, chunk, sse, text_stream

PATH = "/v1/messages"


def events_of(body: bytes) -> list[dict[str, Any]]:
    lines = body.decode().splitlines()
    return [json.loads(line[len("data: ") :]) for line in lines if line.startswith("data: ")]


def test_4_message_start_carries_the_cheap_estimate(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    upstream.answer(text_stream("ok"))
    request = message_request("é" * 40, stream=True, system="s" * 20)
    first = events_of(client.post(PATH, json=request).data)[0]
    assert first["message"]["usage"]["input_tokens"] == (2 * 40 + 20) / 4


@pytest.mark.parametrize(
    ("usage", "estimated"),
    [
        pytest.param({"usage": {"prompt_tokens": 9, "completion_tokens": 1}}, False, id="reported"),
        pytest.param({}, True, id="not reported"),
    ],
)
def test_4_the_count_of_section_6_runs_only_without_usage(
    client: FlaskClient,
    upstream: UpstreamStub,
    caplog: pytest.LogCaptureFixture,
    usage: dict[str, Any],
    estimated: bool,
) -> None:
    caplog.set_level("INFO")
    upstream.answer(sse(chunk(content="ok"), chunk("stop", **usage)))
    response = client.post(PATH, json=message_request(stream=True))
    assert response.data
    response.close()
    (tokens,) = caplog.records[-1].more  # type: ignore[attr-defined]
    assert tokens.endswith("| estimated") is estimated


def test_edge_60_an_error_chunk_closes_the_upstream(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    broken = {"error": {"message": "broke", "code": 500}}
    upstream.answer(sse(chunk(content="so far"), broken, Sleep(20)))
    response = client.post(PATH, json=message_request(stream=True))
    assert events_of(response.data)[-1]["error"] == {"type": "api_error", "message": "broke"}
    response.close()
    assert upstream.closed.wait(60)


def nothing_is_held(client: FlaskClient) -> bool:
    shared = client.application.extensions[EXTENSION]
    present = machine_stats(shared.metrics)
    held = (present["requests_in_progress"], present["streams_open"])
    return len(shared.watch) == 0 and shared.admission.running == 0 and held == (0, 0)


def test_edge_61_a_bug_of_ours_in_a_running_stream_is_an_event(
    client: FlaskClient,
    upstream: UpstreamStub,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level("INFO")
    feed, fed = StreamBytes.feed, list[bytes]()

    def once(self: StreamBytes, data: bytes) -> bytes:
        fed.append(data)
        if len(fed) > 1:
            raise LookupError("a word of the prompt")
        return feed(self, data)

    monkeypatch.setattr(StreamBytes, "feed", once)
    upstream.answer(sse(chunk(content="so far"), Sleep(0.3), chunk(content="more")))
    response = client.post(PATH, json=message_request(stream=True))
    last = events_of(response.data)[-1]
    response.close()
    assert last["error"] == {"type": "api_error", "message": "Internal server error"}
    assert [record.levelname for record in caplog.records if record.exc_info] == ["ERROR"]
    (facts,) = [record.access for record in caplog.records if hasattr(record, "access")]
    assert facts["error"].startswith("api_error: ")
    assert nothing_is_held(client)


def test_a_bug_in_the_bookkeeping_of_a_stream_leaves_nothing_behind(
    client: FlaskClient,
    upstream: UpstreamStub,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level("INFO")

    def broken(_: StreamedResponse) -> None:
        raise LookupError("a word of the prompt")

    monkeypatch.setattr(StreamedResponse, "_record", broken)
    upstream.answer(text_stream("ok"))
    response = client.post(PATH, json=message_request(stream=True))
    assert events_of(response.data)[-1]["type"] == "message_stop"
    with pytest.raises(LookupError):
        response.close()
    (facts,) = [record.access for record in caplog.records if hasattr(record, "access")]
    assert facts["error"]
    assert nothing_is_held(client)
