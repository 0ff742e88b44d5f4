"""Calls that an upstream's model wrote as text, over HTTP (docs/protocol.md 3)."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.api.conftest import message_request
from tests.api.test_messages import PATH, events_of, text_of
from tests.convert.reply.test_text_calls import FORMS, SCHEMA
from tests.upstream_stub import UpstreamStub, completion, json_answer, text_stream

TOOLS = [{"name": "Read", "input_schema": SCHEMA}]
READ = ("Read", {"path": "/etc/hosts"})


def calls_in(client: FlaskClient, **fields: Any) -> tuple[list[Any], str]:
    body = client.post(PATH, json=message_request(**fields)).json
    assert body is not None
    calls = [(b["name"], b["input"]) for b in body["content"] if b["type"] == "tool_use"]
    return calls, body["stop_reason"]


@pytest.mark.parametrize("form", FORMS)
def test_3_a_call_in_the_text(client: FlaskClient, upstream: UpstreamStub, form: str) -> None:
    upstream.answer(json_answer(completion(f"So:\n{FORMS[form]}")))
    assert calls_in(client, tools=TOOLS) == ([READ], "tool_use")


@pytest.mark.parametrize("form", FORMS)
def test_3_a_call_in_streamed_text(client: FlaskClient, upstream: UpstreamStub, form: str) -> None:
    text = f"So:\n{FORMS[form]}"
    upstream.answer(text_stream(*(text[at : at + 7] for at in range(0, len(text), 7))))
    events = events_of(client.post(PATH, json=message_request(stream=True, tools=TOOLS)).data)
    starts = [event["content_block"] for event in events if event["type"] == "content_block_start"]
    assert [(block["type"], block.get("name")) for block in starts] == [
        ("text", None),
        ("tool_use", "Read"),
    ]
    assert text_of(events) == "So:\n"
    assert events[-2]["delta"]["stop_reason"] == "tool_use"


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({}, id="no tools"),
        pytest.param({"tools": TOOLS, "tool_choice": {"type": "none"}}, id="none may be called"),
        pytest.param({"tools": [{**TOOLS[0], "name": "Write"}]}, id="another tool"),
        pytest.param(
            {"tools": TOOLS, "messages": [{"role": "user", "content": f"Is {FORMS['GLM']} a call?"}]},
            id="a quotation",
        ),
        pytest.param(
            {
                "tools": TOOLS,
                "messages": [
                    {"role": "user", "content": "Read it."},
                    {
                        "role": "assistant",
                        "content": [{"type": "tool_use", "id": "t1", "name": "Read", "input": {}}],
                    },
                    {
                        "role": "user",
                        "content": [
                            {"type": "tool_result", "tool_use_id": "t1", "content": FORMS["GLM"]}
                        ],
                    },
                ],
            },
            id="a quotation of a tool's result",
        ),
        pytest.param({"tools": TOOLS, "system": f"Never say {FORMS['GLM']}"}, id="a quoted system prompt"),
    ],
)  # fmt: skip
def test_3_a_text_that_stays_text(
    client: FlaskClient, upstream: UpstreamStub, fields: dict[str, Any]
) -> None:
    upstream.answer(json_answer(completion(FORMS["GLM"])))
    assert calls_in(client, **fields) == ([], "end_turn")
