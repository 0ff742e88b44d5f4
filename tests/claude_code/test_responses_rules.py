"""The strict Responses service speaks as OpenAI's does, and refuses what it would."""

from __future__ import annotations

from typing import Any

import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from tests.claude_code.responses_rules import Issued, complaint, turns_done
from tests.claude_code.strict_responses import (
    Failed,
    Output,
    Page,
    StrictResponses,
    events_of,
    response_object,
)
from tests.claude_code.strict_upstream import ToolCall

HELLO = {"type": "message", "role": "user", "content": "Hello"}
CALL = {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"}
RESULT = {"type": "function_call_output", "call_id": "c", "output": "seen"}
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "sealed"}
TOOL = {
    "type": "function",
    "name": "look",
    "description": "",
    "parameters": {"type": "object", "properties": {}},
    "strict": False,
}
BODY: dict[str, Any] = {"model": "m", "input": [HELLO], "store": False, "stream": True}


def judged(**changes: Any) -> str:
    issued = Issued({"rs_1": "sealed"})
    error = complaint(BODY | changes, issued)
    return "" if error is None else error["message"]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="a plain request"),
        pytest.param({"tools": [TOOL], "tool_choice": "auto"}, id="tools"),
        pytest.param({"input": [HELLO, THOUGHT, CALL, RESULT]}, id="a tool loop with reasoning"),
    ],
)
def test_good_requests(changes: dict[str, Any]) -> None:
    assert judged(**changes) == ""


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"store": True}, "Store must be", id="stored"),
        pytest.param({"previous_response_id": "resp_1"}, "Unknown parameter", id="state"),
        pytest.param({"max_output_tokens": 5}, "below minimum", id="a limit that is too small"),
        pytest.param({"input": [HELLO, CALL]}, "No tool output found", id="no output"),
        pytest.param({"input": [HELLO, RESULT]}, "No tool call found", id="no call"),
        pytest.param({"input": [HELLO, CALL, CALL, RESULT]}, "Duplicate", id="a call twice"),
        pytest.param({"input": [HELLO, THOUGHT, HELLO]}, "required following", id="no follower"),
        pytest.param(
            {"input": [HELLO, THOUGHT | {"encrypted_content": "x"}, CALL, RESULT]},
            "could not be verified",
            id="foreign reasoning",
        ),
        pytest.param({"input": [HELLO, CALL | {"id": "fc_1"}, RESULT]}, "input[1].id", id="an id"),
        pytest.param({"input": [HELLO | {"role": "tool"}]}, "Invalid request", id="a role"),
        pytest.param(
            {"tools": [{name: TOOL[name] for name in TOOL if name != "strict"}]},
            "strict",
            id="a function without strict",
        ),
    ],
)
def test_bad_requests(changes: dict[str, Any], words: str) -> None:
    assert words in judged(**changes)


def test_turns_are_counted_once() -> None:
    said = {"type": "message", "role": "assistant", "content": "Hm."}
    assert turns_done({"input": [HELLO]}) == 0
    assert turns_done({"input": [HELLO, THOUGHT, said, CALL, RESULT, said, HELLO]}) == 2


def test_every_event_is_one_of_the_sdk() -> None:
    output = Output(
        "It is.",
        "Let me see.",
        calls=(ToolCall("look", {"at": "é"}),),
        query="what is",
        found=(Page("https://a.test/", "A"),),
    )
    upstream = StrictResponses()
    try:
        items = upstream.items_of(output)
    finally:
        upstream.close()
    events: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
    for reply in (output, Failed("server_error", "broken")):
        answer = response_object(BODY, "resp_1", reply, items if isinstance(reply, Output) else [])
        TypeAdapter(Response).validate_python(answer)
        for event in events_of(answer):
            parsed = events.validate_python(event)
            assert parsed.type == event["type"]
