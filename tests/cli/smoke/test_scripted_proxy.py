"""``claude-proxy smoke`` in front of a scripted Messages API: what each mistake is called.

A correct proxy repairs or hides several of these mistakes of its upstream, so here the proxy makes them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from proxy.cli.smoke.tool_loop import NO_CALL
from tests.cli.smoke.messages_server import (
    IDENTITY,
    Event,
    Message,
    MessagesServer,
    answer_to,
    call,
    error,
    events_of,
    message,
    named,
    served,
    stream_of,
    text,
)
from tests.cli.smoke.runs import Run, smoke
from tests.upstream_stub import (
    Close,
    Script,
    Sleep,
    UpstreamStub,
    answer,
    json_answer,
    server_tls,
)

Capture = pytest.CaptureFixture[str]
SONNET = "claude-sonnet-5"


def run(capsys: Capture, server: MessagesServer, *arguments: str) -> Run:
    with served(server) as stub:
        return smoke(capsys, stub.origin, *arguments)


def test_a_proxy_that_does_all_it_should(capsys: Capture) -> None:
    found = run(capsys, MessagesServer())
    assert found.code == 0, found.report
    assert found.report["passed"] is True
    assert found.results == {
        "health": "passed",
        "models": "passed",
        "errors": "passed",
        "message": "passed",
        "stream": "passed",
        "tools": "passed",
        "thinking": "passed",
        "image": "passed",
        "usage": "skipped",
        "cancellation": "passed",
        "count": "passed",
        "connection": "skipped",
    }
    assert found.row("tools")["note"] == "get_weather and get_time called, results answered"
    assert (found.row("tools")["input_tokens"], found.row("tools")["output_tokens"]) == (20, 10)
    assert found.row("message")["model"] == SONNET


def test_every_listed_model_is_tested(capsys: Capture) -> None:
    found = run(capsys, MessagesServer(models=("one", "two/2")), "--all")
    assert found.code == 0
    assert [row["model"] for row in found.report["checks"] if row["check"] == "stream"] == [
        "one",
        "two/2",
    ]


def test_all_of_an_empty_list_is_a_failure(capsys: Capture) -> None:
    found = run(capsys, MessagesServer(models=()), "--all")
    assert found.code == 1
    assert found.said("models") == "passed: the list is empty"
    assert "the proxy lists no model: name one with --model" in found.errors


def test_an_unknown_model_does_not_hide_how_invalid_requests_are_refused(capsys: Capture) -> None:
    class Strict(MessagesServer):
        def _post(self, path: str, request: Any) -> Script:
            if b'"mine"' not in request.body and b'"messages"' in request.body:
                return error(404, "not_found_error", "model: unknown")
            return super()._post(path, request)

    found = run(capsys, Strict(models=("mine",)))
    assert found.said("errors").startswith("passed")
    assert found.said("message") == "failed: HTTP 404 not_found_error: model: unknown"


def test_the_model_that_is_named_is_tested(capsys: Capture) -> None:
    found = run(capsys, MessagesServer(), "--model", "mine")
    assert found.row("stream", "mine")["result"] == "passed"


def without(kind: str) -> Callable[[list[Event]], list[Event]]:
    return lambda events: [event for event in events if event["type"] != kind]


def swapped(events: list[Event]) -> list[Event]:
    """A delta before the start of its block."""
    found = [n for n, event in enumerate(events) if event["type"] == "content_block_start"]
    first = found[0]
    return [*events[:first], events[first + 1], events[first], *events[first + 2 :]]


def renamed(events: list[Event]) -> list[Event]:
    start = events[0]
    told = {**start, "message": {**start["message"], "model": "gpt-4o"}}
    return [told, *events[1:]]


def uncounted(events: list[Event]) -> list[Event]:
    nothing = {"input_tokens": 0, "output_tokens": 0}
    start = {**events[0], "message": {**events[0]["message"], "usage": nothing}}
    delta = {**events[-2], "usage": nothing}
    return [start, *events[1:-2], delta, events[-1]]


BROKEN_STREAMS: Sequence[Any] = (
    pytest.param(
        lambda events: [*events[:4], Close()],
        "the stream was cut without message_stop after 4 events",
        id="cut inside a chunked answer",
    ),
    pytest.param(
        lambda events: events[:-1],
        "the stream ended without message_stop after 7 events",
        id="no message_stop",
    ),
    pytest.param(
        lambda events: [*events[:3], named(events[3])[:-9]],
        "the stream ended without message_stop after 3 events",
        id="ended inside an event",
    ),
    pytest.param(
        swapped,
        "content_block_delta for index 0 which is not open",
        id="a delta before its block",
    ),
    pytest.param(
        without("content_block_stop"),
        "message_delta while block 0 is still open",
        id="a block that is not closed",
    ),
    pytest.param(
        without("message_start"), "content_block_start before message_start", id="no start"
    ),
    pytest.param(
        lambda events: [*events, *events[-1:]],
        "message_stop after message_stop",
        id="two ends",
    ),
    pytest.param(uncounted, "no usage: it counts no input tokens", id="no usage"),
    pytest.param(
        renamed,
        "the answer names the model 'gpt-4o', not 'claude-sonnet-5'",
        id="another model's name",
    ),
    pytest.param(
        lambda events: [*events[:3], error_event()],
        "the stream ended with an error after 3 events: overloaded_error: Too busy",
        id="an error in the stream",
    ),
    pytest.param(
        lambda events: [*events[:-1], b"event: message_stop\ndata: {}\n\n"],
        "event 8 is named 'message_stop', but its type is None",
        id="an event without its type",
    ),
    pytest.param(
        lambda events: [*events, b"data: [DONE]\n\n"],
        "event 9 (message) does not hold a JSON object",
        id="OpenAI's end",
    ),
    pytest.param(
        lambda events: [*events[:-1], b'event: message_stop\ndata: {"type":"message_stop"}\n'],
        "there is no blank line after message_stop: SDKs drop it",
        id="no blank line at the end",
    ),
    pytest.param(
        lambda events: [*events[:3], Sleep(3)],
        "it sent nothing for 1 s",
        id="silence",
    ),
    pytest.param(
        lambda events: [*events[:2], *[Sleep(0.2), {"type": "ping"}] * 8],
        "it sent nothing but pings for 1 s",
        id="pings only",
    ),
)


def error_event() -> Event:
    return {"type": "error", "error": {"type": "overloaded_error", "message": "Too busy"}}


@pytest.mark.parametrize(("events", "words"), BROKEN_STREAMS)
def test_a_broken_stream_is_named(
    events: Callable[[list[Event]], Sequence[object]], words: str, capsys: Capture
) -> None:
    broken = stream_of(events(events_of(message(SONNET, text("Hello")))))
    with served(OneStream(broken)) as stub:
        seconds = "1" if "sent nothing" in words else "30"
        found = smoke(capsys, stub.origin, "--timeout", seconds)
    assert found.code == 1
    assert found.said("stream") == f"failed: {words}"
    assert found.errors.endswith("claude-proxy: failed: stream of claude-sonnet-5\n")


class OneStream(MessagesServer):
    """Sends one broken stream, to the check of streams, and is right otherwise."""

    def __init__(self, broken: Script) -> None:
        super().__init__()
        self._broken: Script | None = broken

    def _post(self, path: str, request: Any) -> Script:
        if self._broken and b'"stream": true' in request.body:
            broken, self._broken = self._broken, None
            return broken
        return super()._post(path, request)


def lost_call(body: dict[str, Any]) -> Message:
    whole = answer_to(body)
    whole["content"] = [block for block in whole["content"] if block["type"] != "tool_use"]
    return whole


def tool_answer(*blocks: dict[str, Any], stop_reason: str = "tool_use") -> Any:
    """A server whose first turn with tools has these blocks."""

    def answered(body: dict[str, Any]) -> Message:
        usual = answer_to(body)
        if usual["stop_reason"] != "tool_use":
            return usual
        return message(body["model"], *blocks, stop_reason=stop_reason)

    return answered


@pytest.mark.parametrize(
    ("answered", "said"),
    [
        pytest.param(
            lost_call,
            "failed: stop_reason is tool_use, but there is no tool_use block: a call was lost",
            id="lost call",
        ),
        pytest.param(
            tool_answer(call("get_weather", 1), call("get_time", 1)),
            "failed: two tool_use blocks have the id 'toolu_1'",
            id="one id twice",
        ),
        pytest.param(
            tool_answer({**call("get_weather", 1), "input": {}}),
            "failed: the call of get_weather has no 'city', which its schema requires",
            id="lost input",
        ),
        pytest.param(
            tool_answer(call("rm", 1)),
            "failed: the tool 'rm' was called, which was not offered",
            id="another tool",
        ),
        pytest.param(
            tool_answer(call("get_weather", 1), stop_reason="end_turn"),
            "failed: stop_reason is end_turn beside a tool_use block: clients end the turn",
            id="wrong stop reason",
        ),
        pytest.param(
            tool_answer(text("It is sunny."), stop_reason="end_turn"),
            f"not supported: {NO_CALL}",
            id="a model that calls none",
        ),
        pytest.param(
            tool_answer(call("get_weather", 1)),
            "passed: get_weather called, results answered",
            id="one of two",
        ),
    ],
)
def test_what_tools_may_show(answered: Any, said: str, capsys: Capture) -> None:
    found = run(capsys, MessagesServer(answer=answered))
    assert found.said("tools") == said
    assert found.code == (1 if said.startswith("failed") else 0)


def test_input_that_is_not_json_is_named(capsys: Capture) -> None:
    def garbled(events: list[Event]) -> list[Event]:
        return [event for event in events if not str(event.get("delta")).endswith("}'}")]

    found = run(capsys, MessagesServer(events=garbled))
    words = "failed: the streamed input of get_time is not JSON (3 characters)"
    assert found.said("tools") == words
    assert found.said("stream").startswith("passed")


def test_a_call_that_the_output_limit_cut_is_the_models(capsys: Capture) -> None:
    def cut(events: list[Event]) -> list[Event]:
        if events[-2]["delta"]["stop_reason"] != "tool_use":
            return events
        delta = {**events[-2], "delta": {"stop_reason": "max_tokens"}}
        return (
            [*events[:4], *events[-4:-2], delta, events[-1]]
            if False
            else [*events[:-2], delta, events[-1]]
        )

    found = run(capsys, MessagesServer(events=cut))
    assert found.said("tools") == "not supported: the output limit cut the call of get_weather"
    assert found.code == 0


def test_ids_that_come_again_in_a_later_turn_are_named(capsys: Capture) -> None:
    def again(body: dict[str, Any]) -> Message:
        if "tools" in body:
            return message(body["model"], call("get_weather", 1), stop_reason="tool_use")
        return answer_to(body)

    found = run(capsys, MessagesServer(answer=again))
    words = "failed: the id 'toolu_1' was used for a call of an earlier turn"
    assert found.said("tools") == words


def changed(**members: object) -> Callable[[Message], object]:
    return lambda whole: {**whole, **members}


@pytest.mark.parametrize(
    ("whole", "words"),
    [
        pytest.param(changed(model="gpt-4o"), "the answer names the model 'gpt-4o'", id="model"),
        pytest.param(
            changed(usage={"input_tokens": 3, "output_tokens": 0}),
            "no usage: it counts no output tokens, although there is an answer",
            id="no output",
        ),
        pytest.param(changed(usage=None), "the message has no usage", id="no usage"),
        pytest.param(changed(stop_reason=None), "the message has no stop_reason", id="no reason"),
        pytest.param(
            changed(content=[]), "the answer has no text (stop_reason end_turn)", id="empty"
        ),
        pytest.param(
            lambda _: {"choices": []}, "the answer is not a message", id="Chat Completions"
        ),
        pytest.param(lambda _: [], "the answer is not a message", id="a list"),
    ],
)
def test_a_broken_message_is_named(
    whole: Callable[[Message], object], words: str, capsys: Capture
) -> None:
    found = run(capsys, MessagesServer(whole=whole))
    assert found.said("message").startswith(f"failed: {words}")
    assert found.code == 1


@pytest.mark.parametrize(
    ("script", "words"),
    [
        pytest.param(error(500, "api_error", "It broke"), "HTTP 500 api_error: It broke", id="500"),
        pytest.param(
            error(429, "rate_limit_error", "Slow down", **{"retry-after": "7"}),
            "HTTP 429 rate_limit_error: Slow down (retry after 7 s)",
            id="429",
        ),
        pytest.param(
            json_answer({"error": {"type": "x", "message": "y"}}, 400),
            "HTTP 400 x: y (not in the Messages API's form)",
            id="an error in OpenAI's form",
        ),
        pytest.param(
            answer(b"<html>", status=502, content_type="text/html"),
            "HTTP 502 with text/html instead of an error of the Messages API",
            id="HTML and 502",
        ),
        pytest.param(
            answer(b"<html>", content_type="text/html"),
            "HTTP 200 with text/html that is not JSON: is this the proxy's URL?",
            id="HTML and 200",
        ),
        pytest.param((Close(),), "it closed the connection without an answer", id="closed"),
        pytest.param((b"SSH-2.0\r\n", Close()), "it does not answer in HTTP: SSH-2.0", id="SSH"),
        pytest.param(
            answer(status=302, headers={"location": "/login"}),
            "HTTP 302 redirects to /login, which is not followed",
            id="redirect",
        ),
        pytest.param(
            answer(b'{"id": ', Close(), framing="chunked"),
            "the answer was cut before its end",
            id="cut",
        ),
    ],
)
def test_an_answer_that_is_none_is_named(script: Script, words: str, capsys: Capture) -> None:
    found = run(capsys, MessagesServer(paths={"/v1/messages": script}))
    assert found.said("message").startswith(f"failed: {words}")
    assert found.row("stream")["result"] == "failed"
    assert found.said("tools") == "skipped: neither message nor stream passed"
    assert found.code == 1


def test_silence_is_named(capsys: Capture) -> None:
    class Silent(MessagesServer):
        def _post(self, path: str, request: Any) -> Script:
            return (Sleep(5),) if b'"system"' in request.body else super()._post(path, request)

    found = run(capsys, Silent(), "--timeout", "1")
    assert found.said("message") == "failed: it sent nothing for 1 s"
    assert found.said("stream").startswith("passed: ")


def test_a_stream_that_is_no_stream_is_named(capsys: Capture) -> None:
    with served(OneStream(json_answer(message(SONNET, text("Hello")), headers=IDENTITY))) as stub:
        found = smoke(capsys, stub.origin)
    words = "failed: a stream was asked for, the answer is application/json"
    assert found.said("stream") == words


def test_refused_images_are_the_models_and_broken_ones_are_not(capsys: Capture) -> None:
    class NoImages(MessagesServer):
        status = 400

        def _post(self, path: str, request: Any) -> Script:
            if b'"image"' in request.body:
                return error(self.status, "invalid_request_error", "no images here")
            return super()._post(path, request)

    server = NoImages()
    refused = run(capsys, server)
    words = "not supported: refused: HTTP 400 invalid_request_error: no images here"
    assert (refused.said("image"), refused.code) == (words, 0)
    server.status = 500
    broken = run(capsys, server)
    words = "failed: HTTP 500 invalid_request_error: no images here"
    assert (broken.said("image"), broken.code) == (words, 1)


def test_a_model_without_thinking_is_not_supported(capsys: Capture) -> None:
    def thoughtless(body: dict[str, Any]) -> Message:
        return answer_to({name: value for name, value in body.items() if name != "thinking"})

    found = run(capsys, MessagesServer(answer=thoughtless))
    assert found.said("thinking") == "not supported: the answer holds no thinking"
    assert found.code == 0


class Refusing(MessagesServer):
    """Refuses requests that contain one of the words."""

    words: Sequence[bytes] = ()

    def _post(self, path: str, request: Any) -> Script:
        if any(word in request.body for word in self.words):
            return error(400, "invalid_request_error", "not here")
        return super()._post(path, request)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([b'"enabled"'], "passed: also in the history of a second turn"),
        (
            [b'"enabled"', b'"adaptive"'],
            "not supported: refused: HTTP 400 invalid_request_error: not here",
        ),
    ],
)
def test_thinking_is_asked_for_in_both_ways(
    words: Sequence[bytes], said: str, capsys: Capture
) -> None:
    server = Refusing()
    server.words = words
    found = run(capsys, server)
    assert (found.said("thinking"), found.code) == (said, 0)


def test_a_forced_call_that_is_refused_is_not_supported(capsys: Capture) -> None:
    server = Refusing(answer=tool_answer(text("It is sunny."), stop_reason="end_turn"))
    server.words = [b'{"type": "any"}']
    found = run(capsys, server)
    assert found.said("tools") == (
        "not supported: no call, and refused when it was forced: "
        "HTTP 400 invalid_request_error: not here"
    )
    assert found.code == 0


def test_results_of_tools_that_are_refused_are_named(capsys: Capture) -> None:
    server = Refusing()
    server.words = [b'"tool_result"']
    found = run(capsys, server)
    assert found.said("tools") == (
        "failed: the turn with the tools' results: HTTP 400 invalid_request_error: not here"
    )


def test_thinking_that_the_next_turn_refuses_is_named(capsys: Capture) -> None:
    class Forgetful(MessagesServer):
        def _post(self, path: str, request: Any) -> Script:
            if b'"signature"' in request.body:
                return error(400, "invalid_request_error", "signature")
            return super()._post(path, request)

    found = run(capsys, Forgetful())
    assert found.said("thinking") == (
        "failed: the next turn, with the thinking in its history: "
        "HTTP 400 invalid_request_error: signature"
    )


def test_the_wrong_key_is_refused_and_the_right_one_is_never_shown(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMOKE_TEST_KEY", "a-key-of-mine-77")
    found = run(capsys, MessagesServer(key="a-key-of-mine-77"), "--key-env", "SMOKE_TEST_KEY")
    assert found.code == 0
    assert found.said("errors") == "passed: 400 and 404 in the API's form, 401 for a wrong key"
    told = MessagesServer(
        key="a-key-of-mine-77",
        paths={"/v1/messages": error(400, "invalid_request_error", "not a-key-of-mine-77")},
    )
    found = run(capsys, told, "--key-env", "SMOKE_TEST_KEY")
    assert found.said("message") == "failed: HTTP 400 invalid_request_error: not ***"


def test_a_missing_key_is_named_with_what_to_write(capsys: Capture) -> None:
    found = run(capsys, MessagesServer(key="a-key-of-mine-77"))
    assert found.said("message") == (
        "failed: HTTP 401 authentication_error: invalid x-api-key "
        "(no key was sent: --key-env names the variable that holds it)"
    )


def test_errors_that_are_not_what_clients_expect_are_named(capsys: Capture) -> None:
    class Lenient(MessagesServer):
        def _post(self, path: str, request: Any) -> Script:
            if b"not a list" in request.body:
                return json_answer(message(SONNET, text("Hello")))
            return super()._post(path, request)

    words = "failed: an invalid request was answered with HTTP 200 instead of 400"
    assert run(capsys, Lenient()).said("errors") == words
    page = answer(b"<html>", status=404, content_type="text/html")
    found = run(capsys, MessagesServer(paths={"/smoke-no-such-path": page}))
    words = (
        "failed: an unknown path: HTTP 404 with text/html instead of an error of the Messages API"
    )
    assert found.said("errors") == words


def test_counts_that_do_not_grow_are_named(capsys: Capture) -> None:
    script = json_answer({"input_tokens": 7}, headers=IDENTITY)
    found = run(capsys, MessagesServer(paths={"/v1/messages/count_tokens": script}))
    words = "failed: 10 words are counted as 7 tokens, 200 words as 7"
    assert found.said("count") == words


def test_requests_that_are_left_after_a_cancellation_are_named(capsys: Capture) -> None:
    class Leaking(MessagesServer):
        running = 1

        def _post(self, path: str, request: Any) -> Script:
            self.running += b"Count from 1" in request.body
            return super()._post(path, request)

        def _get(self, path: str) -> Script:
            if path != "/v1/stats":
                return super()._get(path)
            return json_answer({"requests_in_progress": self.running}, headers=IDENTITY)

    found = run(capsys, Leaking(), "--timeout", "0.4")
    assert found.said("cancellation") == (
        "failed: 0.4 s after the clients left, 2 more in progress than before"
    )


def test_a_proxy_that_is_not_there(capsys: Capture) -> None:
    with served(MessagesServer()) as stub:
        gone = stub.origin
    found = smoke(capsys, gone)
    assert found.code == 1
    assert found.said("health") == f"failed: {gone} cannot be reached: Connection refused"
    assert {row["result"] for row in found.report["checks"][1:]} == {"skipped"}
    assert found.said("stream") == "skipped: the proxy cannot be reached"


def test_a_certificate_that_is_not_trusted_is_named(tmp_path: Path, capsys: Capture) -> None:
    tls, _ = server_tls(tmp_path)
    stub = UpstreamStub(tls=tls, default=MessagesServer())
    try:
        found = smoke(capsys, stub.origin)
    finally:
        stub.close()
    assert "(SSL_CERT_FILE names the certificate of its authority)" in found.said("health")
