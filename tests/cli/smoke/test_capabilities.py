"""Which answers about tools, thinking and images are failures, and which are the model's."""

from __future__ import annotations

from collections.abc import Sequence
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
    message,
    text,
)
from tests.cli.smoke.runs import run
from tests.upstream_stub import (
    Script,
    json_answer,
)

Capture = pytest.CaptureFixture[str]
SONNET = "claude-sonnet-5"


class Refusing(MessagesServer):
    """Refuses requests that contain one of the words."""

    words: Sequence[bytes] = ()

    def _post(self, path: str, request: Any) -> Script:
        if any(word in request.body for word in self.words):
            return error(400, "invalid_request_error", "not here")
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


def test_counts_that_do_not_grow_are_named(capsys: Capture) -> None:
    script = json_answer({"input_tokens": 7}, headers=IDENTITY)
    found = run(capsys, MessagesServer(paths={"/v1/messages/count_tokens": script}))
    words = "failed: 10 words are counted as 7 tokens, 200 words as 7"
    assert found.said("count") == words
