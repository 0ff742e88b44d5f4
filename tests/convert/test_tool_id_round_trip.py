"""Tool call ids that come back to the upstream which gave them (docs/protocol.md 10.2).

The proxy's own answers are sent back as a client sends them, whole and streamed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.convert.reply.chat_to_message import chat_to_message
from proxy.convert.reply.context import ReplyContext
from proxy.convert.reply.events_to_message import chunks_to_message
from proxy.convert.request.messages_to_chat import message_request_to_chat
from proxy.providers.profiles import Profile, profile_for
from proxy.schemas import load_message_request
from tests.convert.chunk_builders import chunk, end, entry, reply, tool, tools, translator

TOOL = {"name": "Read", "input_schema": {"type": "object", "properties": {}}}
KIMI = profile_for("llm.internal", "kimi-k2-0905")

Answer = Callable[[Sequence[str | None], ReplyContext], dict[str, Any]]


def whole(ids: Sequence[str | None], context: ReplyContext) -> dict[str, Any]:
    calls = [entry(None, each, "Read", "{}") for each in ids]
    choice = {"message": {"role": "assistant", "tool_calls": calls}, "finish_reason": "tool_calls"}
    return chat_to_message({"id": "chatcmpl-A1", "choices": [choice]}, context)


def streamed(ids: Sequence[str | None], context: ReplyContext) -> dict[str, Any]:
    calls = [tools(entry(index, each, "Read", "{}")) for index, each in enumerate(ids)]
    return chunks_to_message([chunk({"role": "assistant"}), *calls, end("tool_calls")], context)


def played(answers: Sequence[Sequence[str | None]], profile: Profile, answer: Answer) -> Any:
    """``(the client's ids, the ids that the upstream gets in its calls)``, by message.

    Checks that results carry the ids of their calls.
    """
    turns: list[dict[str, Any]] = [{"role": "user", "content": "go"}]
    of_client: list[list[str]] = []
    for ids in answers:
        sent = converted(turns, profile)
        content = answer(ids, sent.reply)["content"]
        mine = [block["id"] for block in content if block["type"] == "tool_use"]
        of_client.append(mine)
        results = [{"type": "tool_result", "tool_use_id": each, "content": "r"} for each in mine]
        turns += [{"role": "assistant", "content": content}, {"role": "user", "content": results}]
    messages: list[Mapping[str, Any]] = converted(turns, profile).body["messages"]
    calls = [[c["id"] for c in m["tool_calls"]] for m in messages if m["role"] == "assistant"]
    results_of = [m["tool_call_id"] for m in messages if m["role"] == "tool"]
    assert results_of == [each for ids in calls for each in ids]
    return of_client, calls


def converted(turns: Sequence[Mapping[str, Any]], profile: Profile) -> Any:
    request = {"model": "m", "max_tokens": 100, "messages": list(turns), "tools": [TOOL]}
    load_message_request(request)
    return message_request_to_chat(request, profile, model="m", max_tokens=100)


COME_BACK = [
    pytest.param([["functions.Read:0"], ["functions.Read:1"]], id="Kimi's, counted on"),
    pytest.param([["functions.Read:0"], ["functions.Read:0"]], id="Kimi's from a naive server"),
    pytest.param([["functions.Read:0", "functions.Read:1"]], id="Kimi's in one answer"),
    pytest.param([["call_0", "call_1"], ["call_2"]], id="counted over all answers"),
    pytest.param([["chatcmpl-tool-" + "a1" * 16]], id="vLLM's, 46 characters"),
    pytest.param([["tool/0 read", "a b"], ["a b"]], id="spaces and slashes"),
    pytest.param([["вызов:1", "调用·2", "🛠"]], id="letters of other scripts"),
    pytest.param([["call_x__thought__" + "Ab+/" * 60 + "=="]], id="a signature of 257 characters"),
    pytest.param([["call_x__thought__" + "Ab+/" * 4000]], id="a signature of 16,017 characters"),
    pytest.param([["c" * 129, "d" * 300], ["c" * 129]], id="long ones of safe characters"),
    pytest.param([['"quoted"\\', "line\nbreak", "tab\t"]], id="what JSON escapes"),
    pytest.param([["functions.mcp__server__" + "t" * 60 + ":12"]], id="an MCP tool's long name"),
    pytest.param([["toolu_cp1_a_YQ"], ["toolu_cp1_a_YQ"]], id="what seems to be of this proxy"),
]


@pytest.mark.parametrize("answer", [whole, streamed])
@pytest.mark.parametrize("answers", COME_BACK)
def test_10_2_ids_come_back_exactly(answers: list[list[str]], answer: Answer) -> None:
    of_client, calls = played(answers, KIMI, answer)
    assert calls == answers
    mine = [each for ids in of_client for each in ids]
    assert len(set(mine)) == len(mine)
    assert all(re.fullmatch("[a-zA-Z0-9_-]{1,200}", each) for each in mine)


@pytest.mark.parametrize("answer", [whole, streamed])
@pytest.mark.parametrize("own", ["call_0", "tool_0_Read", "0", "123456789", "a-b"])
def test_10_2_a_safe_id_that_repeats_is_replaced(own: str, answer: Answer) -> None:
    of_client, calls = played([[own], [own]], KIMI, answer)
    assert calls == of_client
    assert calls[0] == [own]
    assert re.fullmatch("toolu_[A-Za-z0-9]{24}", calls[1][0])


@pytest.mark.parametrize("answer", [whole, streamed])
def test_10_2_an_id_that_was_missing_is_fresh_and_stays(answer: Answer) -> None:
    of_client, calls = played([["", None], [None]], KIMI, answer)
    assert calls == of_client
    assert all(re.fullmatch("toolu_[A-Za-z0-9]{24}", each) for ids in calls for each in ids)


def test_10_2_an_id_without_end_is_replaced_and_told() -> None:
    stream = translator(reply())
    events = [*stream.feed(tool(0, "x" * 16_385, "Read", "{}")), *stream.finish()]
    blocks = [event for event in events if event["type"] == "content_block_start"]
    assert [event["content_block"]["id"] for event in blocks] == ["toolu_1"]
    assert stream.warnings["dropped_tool_id"] == 1


IDS = st.none() | st.sampled_from(["call_0", "functions.Read:0", ""]) | st.text(max_size=140)


@given(st.lists(st.lists(IDS, min_size=1, max_size=3, unique=True), min_size=1, max_size=4))
def test_10_2_every_id_comes_back_whatever_it_is(answers: list[list[str | None]]) -> None:
    of_client, calls = played(answers, KIMI, streamed)
    known: set[str] = set()
    for gave, mine, sent in zip(answers, of_client, calls, strict=True):
        for own, client, back in zip(gave, mine, sent, strict=True):
            repeats = own in known and re.fullmatch("[A-Za-z0-9_-]*", own or "")
            assert back == (client if not own or repeats else own)
        known.update(each for each in gave if each)


@pytest.mark.parametrize(
    ("host", "model", "allowed"),
    [
        pytest.param("api.openai.com", "gpt-5.5", "[A-Za-z0-9_-]{1,40}", id="OpenAI"),
        pytest.param("llm.internal", "openai/gpt-4o", "[A-Za-z0-9_-]{1,40}", id="behind a gateway"),
        pytest.param("x.openai.azure.com", "my-deployment", r"[\s\S]{1,40}", id="Azure"),
        pytest.param("openrouter.ai", "anthropic/claude-opus-4.8", "[A-Za-z0-9_-]+", id="Claude"),
        pytest.param("bedrock.internal", "us.anthropic.claude-x", "[A-Za-z0-9_-]+", id="Bedrock's"),
        pytest.param("api.mistral.ai", "mistral-large-latest", "[A-Za-z0-9]{9}", id="Mistral"),
        pytest.param("x.services.ai.azure.com", "Mistral-Large-3", "[A-Za-z0-9]{9}", id="Azure's"),
    ],
)
@pytest.mark.parametrize("answers", COME_BACK)
def test_10_2_after_a_change_of_the_model(
    answers: list[list[str]], host: str, model: str, allowed: str
) -> None:
    of_client, _ = played(answers, KIMI, whole)
    turns: list[dict[str, Any]] = [{"role": "user", "content": "go"}]
    for ids in of_client:
        turns += [
            {
                "role": "assistant",
                "content": [
                    {"type": "tool_use", "id": each, "name": "Read", "input": {}} for each in ids
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": each, "content": "r"} for each in ids
                ],
            },
        ]
    messages = converted(turns, profile_for(host, model)).body["messages"]
    calls = [[c["id"] for c in m["tool_calls"]] for m in messages if m["role"] == "assistant"]
    assert [m["tool_call_id"] for m in messages if m["role"] == "tool"] == [
        each for ids in calls for each in ids
    ]
    for ids in calls:
        assert len(set(ids)) == len(ids)
        assert all(re.fullmatch(allowed, each) for each in ids)
