"""Exchanges of every kind are recorded, and replay without a difference."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from proxy.cli.replay.recorded import Unusable, read_recording
from proxy.cli.replay.run import replay
from proxy.telemetry.recording.file import FILE_BYTES
from tests.cli.replay.recording_service import (
    FRONT_KEY,
    HEADER_KEY,
    KEYS,
    SERVER_KEY,
    Service,
    events,
    recording_service,
)
from tests.security.wire import exchange, request
from tests.upstream_stub import (
    Close,
    Reset,
    Script,
    Sleep,
    answer,
    byte_by_byte,
    chunk,
    completion,
    json_answer,
    sse,
    text_stream,
    tool_call,
    usage_chunk,
)

TOOL = {
    "name": "Read",
    "description": "Read a file",
    "input_schema": {"type": "object", "properties": {"path": {"type": "string"}}},
}
QUESTION: dict[str, Any] = {
    "model": "claude-sonnet-5",
    "max_tokens": 300,
    "messages": [{"role": "user", "content": "Größe? 你好"}],
    "tools": [TOOL],
}
STREAMED = QUESTION | {"stream": True}
ALONE = STREAMED | {"model": "alone"}
KEYED = STREAMED | {"model": "two-keys"}
NATIVE = STREAMED | {"model": "claude-native"}
REFUSED = json_answer(
    {"error": {"message": "Unsupported parameter: 'tools[0].function.strict'", "code": None}}, 400
)
TOO_MANY = json_answer({"error": {"message": "slow down"}}, 429, {"retry-after": "7"})
NO_TEMPERATURE = json_answer(
    {
        "error": {
            "message": "Unsupported value: 'temperature' does not support 0.5 with this model.",
            "type": "invalid_request_error",
            "param": "temperature",
            "code": "unsupported_value",
        }
    },
    400,
)
THINKING = sse(
    chunk(role="assistant"),
    chunk(reasoning_content="Hmm, "),
    chunk(reasoning_content="let me see."),
    chunk(content="I read "),
    chunk(content="it: 🎉"),
    chunk(tool_calls=[tool_call(0, "", id="call:odd id/1", name="Read")]),
    chunk(tool_calls=[tool_call(0, '{"path": "a')]),
    chunk(tool_calls=[tool_call(0, '.txt"}')]),
    chunk("tool_calls"),
    usage_chunk(),
)
NATIVE_MESSAGE = {
    "id": "msg_01",
    "type": "message",
    "role": "assistant",
    "model": "claude-remote",
    "content": [{"type": "text", "text": "Hi"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 1},
}
NATIVE_EVENTS = (
    {"type": "message_start", "message": NATIVE_MESSAGE | {"content": [], "stop_reason": None}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "ping"},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
    {"type": "message_stop"},
)


def native_stream(*, cut: int | None = None) -> Script:
    pieces = [
        f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in NATIVE_EVENTS
    ]
    return answer(
        *pieces[:cut],
        content_type="text/event-stream",
        framing="chunked",
        headers={"request-id": "req_upstreams"},
    )


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    limits = {
        "CLAUDE_PROXY_FIRST_BYTE_TIMEOUT": "1",
        "CLAUDE_PROXY_REQUEST_TIMEOUT": "1",
        "CLAUDE_PROXY_EARLY_START": "0.3",
        "CLAUDE_PROXY_MAX_RETRIES": "1",
        "CLAUDE_PROXY_TOKEN_COUNTING": "upstream",
    }
    with recording_service(tmp_path_factory.mktemp("recording"), limits) as running:
        yield running


def check(path: Path, calls: int) -> list[dict[str, Any]]:
    """The events of the recording, which replays without a difference and holds no key."""
    recorded = read_recording(path)
    replayed = replay(recorded)
    assert replayed.differences == []
    assert len(recorded.calls) == calls
    text = path.read_text("utf-8")
    assert [key for key in KEYS if key in text] == []
    return events(path)


EXCHANGES = [
    pytest.param(STREAMED, [THINKING], 200, id="a stream with thinking and a tool"),
    pytest.param(STREAMED, [byte_by_byte(text_stream("Grüße 你好"))], 200, id="byte by byte"),
    pytest.param(STREAMED, [text_stream("Hi", framing="gzip")], 200, id="a compressed answer"),
    pytest.param(QUESTION, [json_answer(completion("Hi"))], 200, id="a whole answer"),
    pytest.param(QUESTION, [THINKING], 200, id="a stream in place of a whole answer"),
    pytest.param(KEYED, [TOO_MANY, text_stream("Hi")], 200, id="another key after a 429"),
    pytest.param(KEYED, [text_stream("Hi")], 200, id="a key that rests"),
    pytest.param(STREAMED, [TOO_MANY, text_stream("Hi")], 200, id="a fallback after a 429"),
    pytest.param(
        ALONE | {"temperature": 0.5},
        [NO_TEMPERATURE, text_stream("Hi")],
        200,
        id="a healed request",
    ),
    pytest.param(ALONE | {"temperature": 0.5}, [text_stream("Hi")], 200, id="what healing learned"),
    pytest.param(
        ALONE, [json_answer({"error": {"message": "bad"}}, 400)], 400, id="a refused request"
    ),
    pytest.param(
        ALONE | {"stream": False},
        [json_answer({"error": {}}, 503)] * 2,
        529,
        id="an overloaded upstream",
    ),
    pytest.param(ALONE, [(b"HTTP/1.1 200", Close())], 502, id="half a head"),
    pytest.param(ALONE, [answer(b"<html>no</html>", content_type="text/html")], 502, id="HTML"),
    pytest.param(ALONE, [sse(chunk(content="Hi"), Reset())], 200, id="a reset inside the stream"),
    pytest.param(ALONE, [sse(chunk(content="Hi"), done=False)], 200, id="a stream without an end"),
    pytest.param(
        ALONE,
        [sse(chunk(content="Hi"), Sleep(1.5), done=False)],
        200,
        id="silence in a stream",
        marks=pytest.mark.long,
    ),
    pytest.param(
        ALONE,
        [sse(chunk(content="Hi"), chunk("stop"), Sleep(3), done=False)],
        200,
        id="a finished stream that is not closed",
        marks=pytest.mark.long,
    ),
    pytest.param(
        STREAMED,
        [(Sleep(0.7), *THINKING)],
        200,
        id="an early start",
    ),
    pytest.param(
        STREAMED,
        [(Sleep(0.7), *TOO_MANY), THINKING],
        200,
        id="an early start before a failover",
        marks=pytest.mark.long,
    ),
    pytest.param(
        ALONE,
        [(Sleep(1.6), Close())],
        200,
        id="an early start without an answer",
        marks=pytest.mark.long,
    ),
    pytest.param(
        QUESTION | {"model": "alone"},
        [(Sleep(1.4), Close())],
        504,
        id="no answer in time",
        marks=pytest.mark.long,
    ),
    pytest.param(NATIVE, [native_stream()], 200, id="a native stream"),
    pytest.param(NATIVE, [native_stream(cut=3)], 200, id="a native stream that breaks off"),
    pytest.param(
        NATIVE | {"stream": False}, [json_answer(NATIVE_MESSAGE)], 200, id="a native message"
    ),
    pytest.param(
        NATIVE,
        [json_answer({"type": "error", "error": {"type": "x", "message": "no"}}, 400)],
        400,
        id="a native refusal",
    ),
    pytest.param(STREAMED | {"max_tokens": -1}, [], 400, id="a bad request"),
    pytest.param(b"{", [], 400, id="not JSON"),
    pytest.param(STREAMED | {"model": "unreachable"}, [], 502, id="a refused connection"),
]


@pytest.mark.parametrize(("body", "scripts", "status"), EXCHANGES)
def test_it_replays_without_a_difference(
    body: Any, scripts: list[Script], status: int, service: Service
) -> None:
    service.upstream.answer(*scripts)
    got = service.ask(body)
    assert got.status == status
    calls = 1 if got.status == 502 else len(scripts)
    recorded = check(service.recording_of(got), calls)
    sent = "".join(event["text"] for event in recorded if event["event"] == "sent")
    assert sent.encode() == got.body


@pytest.mark.long
def test_a_stream_that_begins_before_the_upstreams_first_event(tmp_path: Path) -> None:
    """The upstream sends its head and is silent; after 5 s the client's stream begins all the same."""
    with recording_service(tmp_path, {}) as service:
        service.upstream.answer(sse(b": hello\n\n", Sleep(6), chunk(content="Hi"), chunk("stop")))
        got = service.ask(STREAMED)
        path = service.recording_of(got)
    recorded = check(path, 1)
    kinds = [event["event"] for event in recorded]
    assert kinds.index("answer") < len(kinds) - kinds[::-1].index("piece") - 1
    assert b"message_stop" in got.body


@pytest.mark.long
def test_an_early_start_while_the_upstream_has_only_sent_its_head(service: Service) -> None:
    comment = b": hello\n\n"
    service.upstream.answer(sse(comment, Sleep(0.6), chunk(content="Hi"), chunk("stop")))
    check(service.recording_of(service.ask(STREAMED)), 1)


def test_a_compressed_body_is_recorded_as_it_was_meant(service: Service) -> None:
    service.upstream.answer(json_answer(completion("Hi")))
    question = QUESTION | {"metadata": {"user_id": f"echo {FRONT_KEY}"}}
    got = service.ask(gzip.compress(json.dumps(question).encode()), content_encoding="gzip")
    assert got.status == 200
    recorded = check(service.recording_of(got), 1)
    sent = next(event for event in recorded if event["event"] == "request")
    assert json.loads(sent["text"]) == QUESTION | {"metadata": {"user_id": "echo ***"}}


def test_a_body_that_is_not_compressed_as_it_says_is_not_recorded(service: Service) -> None:
    got = service.ask(f"not gzip, but {FRONT_KEY}".encode(), content_encoding="gzip")
    assert got.status == 400
    path = service.recording_of(got)
    request_event = events(path, "request")[0]
    assert (request_event["text"], request_event["unreadable"]) == ("", True)
    with pytest.raises(Unusable, match="compressed body was not valid"):
        read_recording(path)


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_longer_than_a_recording_is_not_kept(declared: bool, service: Service) -> None:
    body = b" " * (FILE_BYTES + 1)
    headers = {"x_api_key": FRONT_KEY}
    if declared:
        raw = request("POST", "/v1/messages", body, **headers)
    else:
        chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        head = request("POST", "/v1/messages", b"", transfer_encoding="chunked", **headers)
        raw = head + chunks
    got = service.send(raw)
    assert got.status == 400
    path = service.recording_of(got)
    kinds = [event["event"] for event in events(path)]
    assert kinds == ["recording", "setup", "request", "truncated", "done"]
    assert events(path, "truncated")[0]["limit"] == FILE_BYTES
    assert path.stat().st_size < 5000
    with pytest.raises(Unusable, match="truncated while it was recorded"):
        read_recording(path)


def test_counts_of_tokens(service: Service) -> None:
    question = {name: QUESTION[name] for name in ("model", "messages", "tools")}
    service.upstream.answer(json_answer(completion("")))
    got = service.ask(question, "/v1/messages/count_tokens")
    assert (got.status, json.loads(got.body)) == (200, {"input_tokens": 10})
    assert check(service.recording_of(got), 1)[-1]["outcome"] == "complete"
    service.upstream.answer(json_answer({"input_tokens": 77}))
    got = service.ask(question | {"model": "claude-native"}, "/v1/messages/count_tokens")
    assert json.loads(got.body) == {"input_tokens": 77}
    check(service.recording_of(got), 1)


def test_lists_of_models(service: Service) -> None:
    # The window of a registered model is asked for.
    for path, calls in (("/v1/models", 0), ("/v1/models/main", 1), ("/v1/models/nothing", None)):
        got = service.send(request("GET", path, x_api_key=FRONT_KEY))
        assert got.status == (404 if calls is None else 200)
        if calls is not None:
            check(service.recording_of(got), calls)


def test_a_dynamic_route(service: Service) -> None:
    key = "canary5006dynamickey"
    refusal = {"error": {"message": f"no such model for {key}"}}
    listed = {"data": [{"id": "other"}]}
    service.upstream.answer(json_answer(refusal, 404), json_answer(listed), text_stream("Hi"))
    path = f"/http/127.0.0.1:{service.upstream.port}/v1/messages?key={key}"
    # The refusal is explained by the upstream's list of models.
    for status, calls in ((404, 2), (200, 1)):
        got = service.ask(ALONE | {"model": "any"}, path, authorization=f"Bearer {key}")
        assert got.status == status
        recording = service.recording_of(got)
        check(recording, calls)
        assert key not in recording.read_text("utf-8")


def test_a_client_that_leaves(service: Service) -> None:
    service.upstream.answer(sse(chunk(content="Hello"), Sleep(1), chunk(content=" you")))
    path = service.leave(ALONE, b"Hello")
    recorded = check(path, 1)
    assert recorded[-1]["outcome"] == "client left"
    assert [event["reason"] for event in recorded if event["event"] == "closed"] == ["gone"]


def test_who_is_not_let_in_and_probes_are_not_recorded(service: Service) -> None:
    before = service.names()
    assert service.ask(QUESTION, x_api_key="wrong-key-wrong").status == 401
    for raw, status in (
        (request("GET", "/health"), 200),
        (request("GET", "/v1/stats", x_api_key=FRONT_KEY), 200),
        (request("OPTIONS", "/v1/messages"), 204),
        (request("GET", "/nowhere", x_api_key=FRONT_KEY), 404),
    ):
        assert service.send(raw).status == status
    assert exchange(service.proxy.port, request("HEAD", "/")).startswith(b"HTTP/1.1 200")
    service.upstream.answer(json_answer(completion("Hi")))
    # It is written after all that came before it.
    last = service.recording_of(service.ask(QUESTION))
    assert service.names() == [*before, last]


@pytest.mark.parametrize("key", [SERVER_KEY, HEADER_KEY, FRONT_KEY])
def test_a_key_that_the_upstream_repeats_is_masked(key: str, service: Service) -> None:
    """In heads, refusals and answers, also where a read ends within it."""
    refusal = {"error": {"message": f"the key {key} is bad", "param": key}}
    service.upstream.answer(
        json_answer(refusal, 401, {"x-debug": key, "set-cookie": "session=canary5007cookie"}),
        json_answer(completion(f"It is {key}")),
        sse(chunk(content=f"It is {key} and {key}"), chunk("stop"), framing="chunked"),
        byte_by_byte(text_stream(f"It is {key}.")),
    )
    for question in (ALONE | {"stream": False},) * 2 + (ALONE, ALONE):
        path = service.recording_of(service.ask(question))
        text = "".join(event.get("text", "") for event in check(path, 1))
        assert key not in text
        assert "canary5007cookie" not in path.read_text("utf-8")


def test_a_recording_belongs_to_its_owner_alone(service: Service) -> None:
    service.upstream.answer(json_answer(completion("Hi")))
    path = service.recording_of(service.ask(QUESTION))
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_the_start_says_that_prompts_are_recorded(service: Service) -> None:
    line = f"WARNING [{service.proxy.process.pid}] proxy.cli.serve: CLAUDE_PROXY_RECORD is set: "
    assert line in service.proxy.log()
    assert "Größe" not in service.proxy.log()
