"""POST /v1/messages with ``compaction`` or the edit ``compact_20260112``: one call for a summary."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from flask.testing import FlaskClient

from proxy.api.context import EXTENSION
from proxy.convert.request.summary_request import MIN_TOKENS, PROMPT
from tests.api.conftest import Connect, message_request
from tests.upstream_stub import (
    Close,
    Reset,
    Script,
    UpstreamStub,
    Wait,
    chunk,
    completion,
    json_answer,
    sse,
    text_stream,
    tool_call,
    tool_stream,
    usage,
)

SUMMARIZE = {"type": "summarize"}
SUMMARY = "The user said hi."
SIGNATURE = "cp1.c.omnGXIpbSPxGBIdI2XuXAw"
TOOL = {"name": "f", "input_schema": {"type": "object"}}
HISTORY = [
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello"},
    {"role": "user", "content": "Go on"},
]
WRAPPED = f"<conversation_summary>\n{SUMMARY}\n</conversation_summary>"


def summary(text: str = f"<summary>\n{SUMMARY}\n</summary>", **more: Any) -> Script:
    return json_answer(completion(text, **more))


def edit(value: int = 1, **more: Any) -> dict[str, Any]:
    trigger = {"type": "input_tokens", "value": value}
    return {"edits": [{"type": "compact_20260112", "trigger": trigger, **more}]}


def asked(client: FlaskClient, path: str = "/v1/messages", **fields: Any) -> Any:
    return client.post(path, json=message_request(**{"messages": HISTORY, **fields}))


def events_of(body: bytes) -> list[dict[str, Any]]:
    lines = body.decode().splitlines()
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]


def iteration(kind: str) -> dict[str, Any]:
    return {
        "type": kind,
        "input_tokens": 10,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": 5,
    }


BLOCK: dict[str, Any] = {
    "type": "compaction",
    "content": SUMMARY,
    "encrypted_content": None,
    "signature": SIGNATURE,
    "tool_changes": [],
}
FAILED = {"type": "compaction", "content": None, "encrypted_content": None}
NOTHING = {
    "input_tokens": 0,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 0,
    "output_tokens": 0,
}


def test_a_whole_compaction(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(summary())
    message = asked(client, compaction=SUMMARIZE).json
    assert message.pop("id").startswith("msg_")
    assert message == {
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5",
        "content": [BLOCK],
        "stop_reason": "compaction",
        "stop_sequence": None,
        "stop_details": None,
        "usage": {
            **NOTHING,
            "service_tier": "standard",
            "iterations": [iteration("compaction")],
        },
    }
    (request,) = upstream.requests
    assert request.json == {
        "model": "middle-model",
        "messages": [*HISTORY[:2], {"role": "user", "content": f"Go on\n\n{PROMPT}"}],
        "max_tokens": MIN_TOKENS,
    }


MANY = [
    {"name": name, "input_schema": {"type": "object"}}
    for name in (*(f"own{number}" for number in range(9)), "mcp__s__used", "mcp__s__unused")
]
USED = [
    {"role": "user", "content": "Hi"},
    {
        "role": "assistant",
        "content": [{"type": "tool_use", "id": "t1", "name": "mcp__s__used", "input": {}}],
    },
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "ok"}]},
    {"role": "user", "content": "Go on"},
]


def tools_in(request: Any) -> list[str]:
    return [tool["function"]["name"] for tool in request.json["tools"]]


@pytest.mark.parametrize("rounds", [1, 3])
def test_tools_that_the_summarized_turns_used_stay(
    client: FlaskClient, upstream: UpstreamStub, rounds: int
) -> None:
    """An upstream that accepts ten functions; the client keeps only what the block stands for."""
    app = client.application
    runtime = app.extensions[EXTENSION]
    runtime.learned.learn(upstream.base_url, "middle-model", {"max_tools": 10})
    history = USED
    for _ in range(rounds):
        upstream.answer(summary())
        block = asked(client, compaction=SUMMARIZE, messages=history, tools=MANY).json["content"][0]
        assert block["signature"].startswith(f"{SIGNATURE}.")
        history = [{"role": "assistant", "content": [block]}, {"role": "user", "content": "Next"}]
    upstream.answer(json_answer(completion()))
    answer = asked(client, messages=history, tools=MANY)
    assert answer.headers["x-claude-proxy-dropped"] == "tools.mcp__s__unused"
    assert "mcp__s__used" in tools_in(upstream.requests[-1])


def test_the_answer_after_a_compaction_has_the_tools_too(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    client.application.extensions[EXTENSION].learned.learn(
        upstream.base_url, "middle-model", {"max_tools": 10}
    )
    upstream.answer(summary(), json_answer(completion()))
    asked(client, messages=USED, tools=MANY, context_management=edit())
    assert ["mcp__s__used" in tools_in(request) for request in upstream.requests] == [True, True]


def test_a_streamed_compaction(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(summary())
    events = events_of(asked(client, compaction=SUMMARIZE, stream=True).data)
    start = events[0]["message"]
    assert (start["content"], start["usage"]) == ([], NOTHING)
    assert events[1:] == [
        {"type": "ping"},
        {"type": "content_block_start", "index": 0, "content_block": {**BLOCK, "content": None}},
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "compaction_delta", "content": SUMMARY, "encrypted_content": None},
        },
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "compaction", "stop_sequence": None, "stop_details": None},
            "usage": {**NOTHING, "iterations": [iteration("compaction")]},
        },
        {"type": "message_stop"},
    ]
    assert "stream" not in upstream.requests[0].json


@pytest.mark.parametrize(
    ("answer", "content"),
    [
        pytest.param(completion(f"<summary>{SUMMARY}</summary>"), SUMMARY, id="in tags"),
        pytest.param(completion(f"Well. <summary> {SUMMARY}</summary> Bye."), SUMMARY, id="amid"),
        pytest.param(completion(SUMMARY), SUMMARY, id="without tags"),
        pytest.param(completion(f"  {SUMMARY}\n"), SUMMARY, id="blanks around it"),
        pytest.param(completion("<summary>a</summary>b</summary>"), "a</summary>b", id="quoted"),
        pytest.param(completion(SUMMARY, reasoning_content="hm"), SUMMARY, id="after thinking"),
        pytest.param(completion(""), None, id="empty"),
        pytest.param(completion("<summary> </summary>"), None, id="empty tags"),
        pytest.param(completion("<summary>The u", finish="length"), None, id="cut"),
        pytest.param(completion(None, "content_filter"), None, id="refused"),
        pytest.param(completion("No", refusal="no"), None, id="refused in words"),
        pytest.param(
            completion(
                "Let me look",
                "tool_calls",
                tool_calls=[
                    {
                        "id": "a",
                        "type": "function",
                        "function": {"name": "f", "arguments": "{}"},
                    }
                ],
            ),
            None,
            id="a call instead",
        ),
    ],
)
def test_what_is_a_summary(
    client: FlaskClient, upstream: UpstreamStub, answer: Any, content: str | None
) -> None:
    upstream.answer(json_answer(answer))
    message = asked(client, compaction=SUMMARIZE).json
    assert message["stop_reason"] == "compaction"
    (block,) = message["content"]
    assert block["content"] == content
    if content is None:
        assert block == FAILED


def test_a_limit_that_is_too_low_for_reasoning_is_a_failed_compaction(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    text = "Could not finish the message because max_tokens or model output limit was reached."
    upstream.answer(json_answer({"error": {"message": text}}, status=400))
    message = asked(client, compaction=SUMMARIZE).json
    assert message["content"] == [FAILED]


@pytest.mark.parametrize(
    ("fields", "prompt"),
    [
        pytest.param({"compaction": SUMMARIZE}, PROMPT, id="our own"),
        pytest.param(
            {"compaction": {**SUMMARIZE, "instructions": "Two words."}}, "Two words.", id="replaced"
        ),
        pytest.param({"compaction": {**SUMMARIZE, "instructions": " \n"}}, PROMPT, id="blank"),
        pytest.param({"compaction": {**SUMMARIZE, "instructions": None}}, PROMPT, id="null"),
        pytest.param(
            {"context_management": edit(instructions="Keep paths.")},
            f"{PROMPT}\n\nKeep paths.",
            id="the edit's are added",
        ),
        pytest.param({"context_management": edit(instructions="")}, PROMPT, id="the edit's empty"),
    ],
)
def test_instructions(
    client: FlaskClient, upstream: UpstreamStub, fields: dict[str, Any], prompt: str
) -> None:
    upstream.default = summary()
    asked(client, **fields)
    assert upstream.requests[0].json["messages"][-1]["content"] == f"Go on\n\n{prompt}"


def test_what_the_request_for_a_summary_keeps(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(summary())
    asked(
        client,
        compaction=SUMMARIZE,
        system="Be kind.",
        tools=[TOOL],
        tool_choice={"type": "auto"},
        temperature=0.5,
        max_tokens=20_000,
        stream=True,
    )
    sent = upstream.requests[0].json
    assert sent["messages"][0] == {"role": "system", "content": "Be kind."}
    assert [tool["function"]["name"] for tool in sent["tools"]] == ["f"]
    assert (sent["tool_choice"], sent["temperature"], sent["max_tokens"]) == ("none", 0.5, 20_000)


def test_the_edit_in_a_whole_answer(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(summary(), json_answer(completion("Right.")))
    message = asked(client, context_management=edit()).json
    assert message["content"] == [BLOCK, {"type": "text", "text": "Right."}]
    assert message["stop_reason"] == "end_turn"
    counts = {name: message["usage"][name] for name in NOTHING}
    assert counts == {**NOTHING, "input_tokens": 10, "output_tokens": 5}
    assert message["usage"]["iterations"] == [iteration("compaction"), iteration("message")]
    assert upstream.requests[1].json["messages"] == [{"role": "user", "content": WRAPPED}]
    assert upstream.requests[1].json["max_tokens"] == 100


@pytest.mark.parametrize(
    ("answer", "kinds"),
    [
        pytest.param(text_stream("Hi ", "again"), ["compaction", "text"], id="text"),
        pytest.param(
            tool_stream(("call_1", "f", '{"a": "b"}')), ["compaction", "tool_use"], id="a call"
        ),
        pytest.param(
            sse(chunk(reasoning_content="hm"), chunk(content="x"), chunk("stop")),
            ["compaction", "thinking", "text"],
            id="thinking",
        ),
        pytest.param(sse(chunk("stop")), ["compaction", "text"], id="nothing"),
        pytest.param(
            sse(
                chunk(content="x"),
                chunk(tool_calls=[tool_call(0, "{}", id="a", name="f")]),
                chunk(tool_calls=[tool_call(1, "{}", id="b", name="f")]),
                chunk("tool_calls"),
            ),
            ["compaction", "text", "tool_use", "tool_use"],
            id="several",
        ),
        pytest.param(
            json_answer(completion("whole")), ["compaction", "text"], id="an answer that is whole"
        ),
    ],
)
def test_the_edit_in_a_stream(
    client: FlaskClient, upstream: UpstreamStub, answer: Script, kinds: list[str]
) -> None:
    upstream.answer(summary(), answer)
    response = asked(client, context_management=edit(), tools=[TOOL], stream=True)
    events = events_of(response.data)
    starts = [event for event in events if event["type"] == "content_block_start"]
    assert [event["content_block"]["type"] for event in starts] == kinds
    assert [event["index"] for event in starts] == list(range(len(kinds)))
    open_block = -1
    for event in events:
        if event["type"] == "content_block_start":
            open_block += 1
        if "index" in event:
            assert event["index"] == open_block
    assert [event["type"] for event in events].count("message_start") == 1
    last = events[-2]
    assert [each["type"] for each in last["usage"]["iterations"]] == ["compaction", "message"]


def test_a_stream_that_breaks_off_ends_with_an_error(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    upstream.answer(summary(), sse(chunk(content="x"), done=False))
    events = events_of(asked(client, context_management=edit(), stream=True).data)
    assert events[-1]["type"] == "error"
    assert [e["type"] for e in events].count("content_block_start") == 2


def test_a_pause(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(summary())
    message = asked(client, context_management=edit(pause_after_compaction=True)).json
    assert (message["content"], message["stop_reason"]) == ([BLOCK], "compaction")
    assert message["context_management"] == {"applied_edits": []}
    assert len(upstream.requests) == 1


def test_a_pause_tells_of_the_other_edits(client: FlaskClient, upstream: UpstreamStub) -> None:
    use = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": "long " * 100}
    turns = [HISTORY[0], {"role": "assistant", "content": [use]}]
    turns.append({"role": "user", "content": [result]})
    clear = {
        "type": "clear_tool_uses_20250919",
        "trigger": {"type": "tool_uses", "value": 0},
        "keep": {"type": "tool_uses", "value": 0},
    }
    management = edit(pause_after_compaction=True)
    management["edits"].insert(0, clear)
    upstream.answer(summary(), summary())
    fields: dict[str, Any] = {
        "messages": turns,
        "tools": [TOOL],
        "context_management": management,
    }
    (applied,) = asked(client, **fields).json["context_management"]["applied_edits"]
    assert (applied["type"], applied["cleared_tool_uses"]) == (clear["type"], 1)
    end = events_of(asked(client, stream=True, **fields).data)[-2]
    assert end["context_management"] == {"applied_edits": [applied]}


@pytest.mark.parametrize(
    ("trigger", "compacts"),
    [
        pytest.param({"value": 1}, True, id="low"),
        pytest.param({"value": 5000}, False, id="not reached"),
        pytest.param({"value": 1.0}, True, id="a whole float"),
        pytest.param(None, False, id="the default is 150000"),
    ],
)
def test_the_trigger(
    client: FlaskClient, upstream: UpstreamStub, trigger: Any, compacts: bool
) -> None:
    upstream.default = summary()
    management = edit()
    management["edits"][0]["trigger"] = trigger and {"type": "input_tokens", **trigger}
    content = asked(client, context_management=management).json["content"]
    assert [block["type"] for block in content] == (["compaction"] if compacts else []) + ["text"]


def test_the_trigger_counts_exactly(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.default = summary()
    turns = [{"role": "user", "content": "one more word " * 300}]
    tokens = asked(client, "/v1/messages/count_tokens", messages=turns).json["input_tokens"]
    contents = [
        asked(client, messages=turns, context_management=edit(tokens + more)).json["content"]
        for more in (0, 1)
    ]
    assert [len(content) for content in contents] == [2, 1]


@pytest.mark.parametrize(
    "management",
    [
        {"edits": []},
        {},
        {"edits": [{"type": "clear_thinking_20251015"}]},
    ],
)
def test_other_edits_compact_nothing(
    client: FlaskClient, upstream: UpstreamStub, management: Any
) -> None:
    upstream.answer(json_answer(completion("Right.")))
    message = asked(client, context_management=management).json
    assert [block["type"] for block in message["content"]] == ["text"]
    assert "iterations" not in message["usage"]


def test_a_failed_summary_leaves_the_history(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(summary("", finish="length"), json_answer(completion("Right.")))
    message = asked(client, context_management=edit()).json
    assert message["content"] == [FAILED, {"type": "text", "text": "Right."}]
    assert upstream.requests[1].json["messages"] == HISTORY


def test_a_prefill_follows_the_summary(connect: Connect, upstream: UpstreamStub) -> None:
    upstream.default = summary()
    turns = [*HISTORY, {"role": "assistant", "content": "The answer is"}]
    asked(connect(), messages=turns, context_management=edit())
    first, *more = (request.json["messages"] for request in upstream.requests)
    assert first[-1]["role"] == "user"
    for later in more:
        assert later[0] == {"role": "user", "content": WRAPPED}
        assert later[-1]["content"] == "The answer is"


def test_a_pre_warm_compacts_nothing(client: FlaskClient, upstream: UpstreamStub) -> None:
    for fields in ({"compaction": SUMMARIZE}, {"context_management": edit()}):
        assert asked(client, max_tokens=0, **fields).json["content"] == []
    assert upstream.requests == []


# Failures.


@pytest.mark.parametrize("fields", [{"compaction": SUMMARIZE}, {"context_management": edit()}])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("status", "body", "expected", "kind"),
    [
        (401, {"error": {"message": "bad key"}}, 401, "authentication_error"),
        (402, {"error": {"message": "no credit"}}, 402, "billing_error"),
        (429, {"error": {"message": "slow down"}}, 429, "rate_limit_error"),
        (500, {"error": {"message": "oops"}}, 500, "api_error"),
        (529, {"error": {"message": "overloaded"}}, 529, "overloaded_error"),
        (
            400,
            {
                "error": {
                    "message": "This model's maximum context length is 100 tokens. However, you "
                    "requested 200 tokens (150 in the messages, 50 in the completion)."
                }
            },
            400,
            "invalid_request_error",
        ),
    ],
)
def test_a_failing_side_call(
    client: FlaskClient,
    upstream: UpstreamStub,
    fields: Any,
    stream: bool,
    status: int,
    body: Any,
    expected: int,
    kind: str,
) -> None:
    upstream.default = json_answer(body, status=status)
    response = asked(client, stream=stream, **fields)
    error = response.json["error"]
    assert (response.status_code, error["type"]) == (expected, kind)
    details = error.get("details")
    assert details == ({"error_code": "compaction_unavailable"} if status == 529 else None)


def test_the_side_call_is_healed(client: FlaskClient, upstream: UpstreamStub) -> None:
    refused = {"error": {"message": "Unsupported parameter: 'temperature'", "param": "temperature"}}
    upstream.answer(json_answer(refused, status=400), summary())
    message = asked(client, compaction=SUMMARIZE, temperature=0.5).json
    assert message["content"] == [BLOCK]
    assert "temperature" not in upstream.requests[1].json


def test_a_summary_is_made_once_where_attempts_follow(
    connect: Connect, upstream: UpstreamStub
) -> None:
    upstream.answer(
        summary(),
        json_answer({"error": {"message": "oops"}}, status=500),
        json_answer(completion("Right.")),
    )
    message = asked(connect(max_retries=1), context_management=edit()).json
    assert message["content"] == [BLOCK, {"type": "text", "text": "Right."}]
    assert [len(request.json["messages"]) for request in upstream.requests] == [3, 1, 1]


def test_both_calls_are_counted(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(
        json_answer(completion(SUMMARY) | {"usage": usage(1000, 200)}),
        json_answer(completion("Right.") | {"usage": usage(30, 4)}),
    )
    message = asked(client, context_management=edit()).json
    counts = [
        (each["input_tokens"], each["output_tokens"]) for each in message["usage"]["iterations"]
    ]
    assert counts == [(1000, 200), (30, 4)]
    metrics = client.get("/metrics").text.splitlines()
    tokens = {line.partition("{")[2]: line for line in metrics if "_tokens_total{" in line}
    assert any('kind="input"' in key and line.endswith(" 1030.0") for key, line in tokens.items())
    assert any('kind="output"' in key and line.endswith(" 204.0") for key, line in tokens.items())


def test_a_compaction_alone_is_counted(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(completion(SUMMARY) | {"usage": usage(1000, 200)}))
    asked(client, compaction=SUMMARIZE)
    metrics = client.get("/metrics").text.splitlines()
    tokens = [line for line in metrics if "_tokens_total{" in line]
    assert any('kind="input"' in line and line.endswith(" 1000.0") for line in tokens)


# Nothing else makes the call.


@pytest.mark.parametrize("fields", [{"compaction": SUMMARIZE}, {"context_management": edit()}])
def test_counting_makes_no_call(client: FlaskClient, upstream: UpstreamStub, fields: Any) -> None:
    path = "/v1/messages/count_tokens"
    plain = asked(client, path).json
    assert asked(client, path, **fields).json["input_tokens"] == plain["input_tokens"]
    assert upstream.requests == []


@pytest.mark.parametrize(
    ("fields", "last"),
    [
        pytest.param({"compaction": SUMMARIZE}, f"Go on\n\n{PROMPT}", id="compaction"),
        pytest.param({"context_management": edit()}, f"Go on\n\n{PROMPT}", id="an edit"),
        pytest.param({"context_management": edit(5000)}, "Go on", id="not reached"),
        pytest.param({}, "Go on", id="none"),
    ],
)
def test_a_dry_run_shows_the_first_call(
    client: FlaskClient, upstream: UpstreamStub, fields: Any, last: str
) -> None:
    shown = asked(client, "/v1/messages/test_conversion", **fields).json
    assert shown["request"]["messages"][-1]["content"] == last
    assert upstream.requests == []


def addition(name: str) -> dict[str, Any]:
    definition = {"name": name, "input_schema": {"type": "object"}}
    return {
        "type": "tool_addition",
        "tool": {"type": "tool_definition", "definition": definition},
    }


REMOVAL = {"type": "tool_removal", "tool": {"type": "tool_reference", "name": "f"}}


@pytest.mark.parametrize("fields", [{"compaction": SUMMARIZE}, {"context_management": edit()}])
@pytest.mark.parametrize(
    ("turns", "changes"),
    [
        pytest.param([], [], id="none"),
        pytest.param([{"role": "system", "content": [addition("g")]}], [addition("g")], id="one"),
        pytest.param(
            [{"role": "assistant", "content": [{**BLOCK, "tool_changes": [addition("g")]}]}],
            [addition("g")],
            id="of an earlier block",
        ),
        pytest.param(
            [
                {"role": "system", "content": [addition("lost")]},
                {"role": "assistant", "content": [{**BLOCK, "tool_changes": [addition("g")]}]},
                {"role": "system", "content": [addition("h"), REMOVAL]},
            ],
            [addition("g"), addition("h"), REMOVAL],
            id="of an earlier block and since",
        ),
        pytest.param(
            [
                {"role": "assistant", "content": [{**BLOCK, "tool_changes": [addition("g")]}]},
                {
                    "role": "system",
                    "content": [
                        {
                            "type": "tool_removal",
                            "tool": {"type": "tool_reference", "name": "g"},
                        }
                    ],
                },
            ],
            [],
            id="added before, removed since",
        ),
    ],
)
def test_tool_changes_are_told(
    client: FlaskClient,
    upstream: UpstreamStub,
    turns: list[dict[str, Any]],
    changes: list[dict[str, Any]],
    fields: Any,
) -> None:
    upstream.default = summary()
    messages = [HISTORY[0], *turns, HISTORY[2]]
    response = asked(client, messages=messages, tools=[TOOL], **fields)
    assert response.json["content"][0]["tool_changes"] == changes


@pytest.mark.parametrize(
    ("fields", "lines"),
    [
        pytest.param({"compaction": SUMMARIZE}, 1, id="a summary alone"),
        pytest.param({"context_management": edit()}, 2, id="before an answer"),
    ],
)
def test_each_call_has_a_token_line(
    client: FlaskClient,
    upstream: UpstreamStub,
    caplog: pytest.LogCaptureFixture,
    fields: Any,
    lines: int,
) -> None:
    upstream.default = summary()
    with caplog.at_level("INFO", "proxy.access"):
        asked(client, **fields)
    [line] = [record for record in caplog.records if record.name == "proxy.access"]
    told = [line.partition(" | Input")[0] for line in vars(line)["more"]]
    assert told == ["Token Usage | Model: claude-sonnet-5 → middle-model"] * lines
    facts = vars(line)["access"]
    assert (facts["input_tokens"], facts["output_tokens"]) == (10 * lines, 5 * lines)
    assert SUMMARY not in caplog.text


def test_a_summary_is_counted_where_the_answer_fails(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    upstream.answer(
        json_answer(completion(SUMMARY) | {"usage": usage(1000, 200)}),
        json_answer({"error": {"message": "bad"}}, status=400),
    )
    assert asked(client, context_management=edit()).status_code == 400
    metrics = client.get("/metrics").text.splitlines()
    tokens = [line for line in metrics if "_tokens_total{" in line]
    assert any('kind="input"' in line and line.endswith(" 1000.0") for line in tokens)


@pytest.mark.parametrize("fields", [{"compaction": SUMMARIZE}, {"context_management": edit()}])
def test_a_summary_that_does_not_come_in_time(
    connect: Connect, upstream: UpstreamStub, fields: Any
) -> None:
    never = threading.Event()
    upstream.answer((Wait(never),))
    response = asked(connect(first_byte_timeout=0.3), **fields)
    assert (response.status_code, response.json["error"]["type"]) == (504, "timeout_error")
    never.set()


@pytest.mark.parametrize(
    ("fields", "id", "dropped"),
    [
        pytest.param({"compaction": SUMMARIZE}, "one", "top_k", id="a summary alone"),
        pytest.param({"context_management": edit()}, "two", "top_k", id="an answer"),
        pytest.param(
            {"context_management": edit(pause_after_compaction=True)}, "one", "top_k", id="a pause"
        ),
    ],
)
def test_headers_are_those_of_the_answer(
    client: FlaskClient, upstream: UpstreamStub, fields: Any, id: str, dropped: str
) -> None:
    upstream.answer(
        json_answer(completion(SUMMARY), headers={"x-request-id": "one"}),
        json_answer(completion(), headers={"x-request-id": "two"}),
    )
    headers = asked(client, top_k=5, **fields).headers
    assert headers["x-upstream-request-id"] == id
    assert headers["x-claude-proxy-dropped"] == dropped
    assert headers["x-claude-proxy-route"].startswith("localhost/middle-model;")


def test_the_block_comes_before_a_late_first_chunk(
    client: FlaskClient, upstream: UpstreamStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.relay.stream.PEEK_SECONDS", 0.1)
    late = threading.Event()
    upstream.answer(
        summary(), sse(Wait(late), chunk(content="x"), chunk("stop"), framing="chunked")
    )
    response = asked(client, context_management=edit(), stream=True)
    late.set()
    events = events_of(response.data)
    assert [event["type"] for event in events[:4]] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
    ]
    assert events[-1]["type"] == "message_stop"


@pytest.mark.parametrize("ending", [Close(), Reset()])
def test_an_upstream_that_breaks_off_behind_the_block(
    client: FlaskClient, upstream: UpstreamStub, ending: Any
) -> None:
    upstream.answer(summary(), sse(chunk(content="x"), ending))
    events = events_of(asked(client, context_management=edit(), stream=True).data)
    assert events[1]["content_block"]["type"] == "compaction"
    assert events[-1]["type"] == "error"
