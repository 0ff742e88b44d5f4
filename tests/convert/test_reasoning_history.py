"""Reasoning that survives: three turns with tools, whole and streamed (docs/protocol.md 10.3).

The proxy's own answers are sent back as a client sends them, and the assistant messages that the
upstream then gets are compared with those that it gave.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
import pytest

from proxy.convert.reply.chat_to_message import chat_to_message
from proxy.convert.reply.context import ReplyContext
from proxy.convert.reply.events_to_message import chunks_to_message
from proxy.convert.request.converted import ConvertedRequest
from proxy.convert.request.messages_to_chat import message_request_to_chat
from proxy.providers.profiles import Profile, profile_for
from proxy.schemas import load_message_request

DEEPSEEK = profile_for("api.deepseek.com", "deepseek-reasoner")
KIMI = profile_for("api.moonshot.ai", "kimi-k2-thinking")
MINIMAX = profile_for("api.minimax.io", "MiniMax-M2")
GLM = profile_for("api.z.ai", "glm-4.6")
OPENROUTER = profile_for("openrouter.ai", "anthropic/claude-sonnet-4.5")
GEMINI = profile_for("generativelanguage.googleapis.com", "gemini-3-pro-preview")
COPILOT = replace(profile_for("copilot.internal", "gpt-5"), reasoning_history="reasoning_text")
TOOL = {"name": "look", "input_schema": {"type": "object", "properties": {}}}


@dataclass(frozen=True)
class Turn:
    """One answer of an upstream: whole, in pieces, and as it must come back."""

    message: Mapping[str, Any]
    deltas: Sequence[Mapping[str, Any]]
    back: Mapping[str, Any]


def call(tool_id: str, arguments: str = '{"q":1}', **extra: Any) -> dict[str, Any]:
    function = {"name": "look", "arguments": arguments}
    return {"id": tool_id, "type": "function", "function": function, **extra}


def cut(text: str, size: int = 5) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


def call_deltas(*calls: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each call in fragments, as OpenAI streams them; its private state with the first one."""
    deltas: list[dict[str, Any]] = []
    for index, whole in enumerate(calls):
        begun = {**whole, "index": index, "function": {**whole["function"], "arguments": ""}}
        rest = [{"index": index, "function": {"arguments": part}} for part in cut('{"q":1}', 3)]
        deltas += [{"tool_calls": [entry]} for entry in (begun, *rest)]
    return deltas


def reasoned(field: str, thought: str, content: str | None, *calls: Mapping[str, Any]) -> Turn:
    """A turn of an upstream whose reasoning stands in ``field``."""
    back = {"role": "assistant", "content": content, "reasoning_content": thought}
    made = {"tool_calls": list(calls)} if calls else {}
    return Turn(
        {"role": "assistant", "content": content or "", field: thought, **made},
        [
            *({field: part} for part in cut(thought)),
            *({"content": part} for part in cut(content or "")),
            *call_deltas(*calls),
        ],
        back | made,
    )


def tagged(thought: str, content: str, *calls: Mapping[str, Any]) -> Turn:
    """A turn of an upstream whose reasoning stands in its text."""
    turn = reasoned("reasoning_content", thought, content or None, *calls)
    text = f"<think>{thought}</think>{content}"
    made = {"tool_calls": list(calls)} if calls else {}
    return Turn(
        {"role": "assistant", "content": text, **made},
        [*({"content": part} for part in cut(text)), *call_deltas(*calls)],
        turn.back,
    )


def detailed(
    details: Sequence[Mapping[str, Any]], content: str | None, *calls: Mapping[str, Any]
) -> Turn:
    """A turn of OpenRouter, which says readable reasoning twice and signs it at its end."""
    made = {"tool_calls": list(calls)} if calls else {}
    plain = "".join(item.get("text") or item.get("summary") or "" for item in details)
    message = {"role": "assistant", "content": content or "", "reasoning": plain, **made}
    deltas: list[dict[str, Any]] = []
    for item in details:
        shared = {k: v for k, v in item.items() if k not in ("text", "summary", "signature")}
        field = "summary" if "summary" in item else "text"
        for part in cut(item.get(field, "")):
            deltas.append({"reasoning": part, "reasoning_details": [{**shared, field: part}]})
        if "signature" in item:
            deltas.append({"reasoning_details": [{**shared, "signature": item["signature"]}]})
        if "data" in item:
            deltas.append({"reasoning": None, "reasoning_details": [item]})
    deltas += [{"content": part, "reasoning_details": []} for part in cut(content or "")]
    back = {"role": "assistant", "content": content, "reasoning_details": list(details), **made}
    return Turn(
        {**message, "reasoning_details": list(details)}, [*deltas, *call_deltas(*calls)], back
    )


def signed(thought: str, signature: str, number: int = 0) -> dict[str, Any]:
    return {
        "type": "reasoning.text",
        "text": thought,
        "signature": signature,
        "format": "anthropic-claude-v1",
        "index": number,
    }


def encrypted(data: str, tool_id: str, number: int = 0) -> dict[str, Any]:
    return {
        "type": "reasoning.encrypted",
        "data": data,
        "id": tool_id,
        "format": "google-gemini-v1",
        "index": number,
    }


def summarised(thought: str, data: str, reasoning_id: str) -> list[dict[str, Any]]:
    shared = {"id": reasoning_id, "format": "openai-responses-v1"}
    return [
        {"type": "reasoning.summary", "summary": thought, **shared, "index": 0},
        {"type": "reasoning.encrypted", "data": data, **shared, "index": 1},
    ]


def state(signature: str, vendor: str = "google") -> dict[str, Any]:
    return {"extra_content": {vendor: {"thought_signature": signature}}}


def gemini(content: str | None, *calls: Mapping[str, Any], late: bool = False) -> Turn:
    """A turn of Gemini: every call whole in a chunk of its own, without an index."""
    message = {"role": "assistant", "content": content, "tool_calls": list(calls)}
    deltas: list[dict[str, Any]] = [{"content": content}] if content else []
    for index, whole in enumerate(calls):
        if late:
            stateless = {k: v for k, v in whole.items() if k != "extra_content"}
            deltas.append({"tool_calls": [{**stateless, "index": index}]})
        else:
            deltas.append({"tool_calls": [whole]})
    if late:
        deltas += [
            {"tool_calls": [{"index": index, "extra_content": whole["extra_content"]}]}
            for index, whole in enumerate(calls)
            if "extra_content" in whole
        ]
    return Turn(message, deltas, message)


def gemini_beside(
    content: str | None, signed: Mapping[str, Any], *calls: Mapping[str, Any]
) -> Turn:
    """A turn of Gemini whose signature stands in a delta of its own, beside the calls."""
    stateless = {name: value for name, value in signed.items() if name != "extra_content"}
    made = [stateless, *calls]
    told = {"extra_content": signed["extra_content"]}
    back = {"role": "assistant", "content": content, "tool_calls": [signed, *calls]}
    deltas: list[dict[str, Any]] = [{"content": content}] if content else []
    deltas += [{"tool_calls": [{**whole, "index": n}]} for n, whole in enumerate(made)]
    message = {"role": "assistant", "content": content, "tool_calls": made, **told}
    return Turn(message, [*deltas, told], back)


def gemini_text(content: str, signature: str) -> Turn:
    """Gemini signs a text at its end, beside the delta's other members."""
    back = {"role": "assistant", "content": content, **state(signature)}
    mark = {"extra_content": {"google": {"thought": True}}}
    return Turn(
        back,
        [
            {"content": "<thought>Hm", **mark},
            {"content": ".", **mark},
            {"content": f"</thought>{content[:2]}"},
            {"content": content[2:]},
            {"content": "", **state(signature)},
        ],
        back,
    )


def copilot(thought: str, opaque: str, content: str | None, *calls: Mapping[str, Any]) -> Turn:
    """A turn of GitHub Copilot, whose state comes with the first delta behind the reasoning."""
    made = {"tool_calls": list(calls)} if calls else {}
    state = {"reasoning_opaque": opaque}
    message = {"role": "assistant", "content": content, **state, **made}
    if thought:
        message["reasoning_text"] = thought
    deltas: list[dict[str, Any]] = [{"reasoning_text": part} for part in cut(thought)]
    behind: list[dict[str, Any]] = [{"content": part} for part in cut(content or "")]
    behind += call_deltas(*calls)
    behind[0] |= state
    return Turn(message, deltas + behind, message)


CONVERSATIONS = [
    *(
        pytest.param(
            profile,
            [
                reasoned(field, "First I look.\n", None, call("call_1")),
                reasoned(field, "Then twice 两次", "Now.", call("call_2"), call("call_3")),
                reasoned(field, "That is all", "Done."),
            ],
            id=f"10.3 {profile.name} in {field}",
        )
        for profile, field in (
            (DEEPSEEK, "reasoning_content"),
            (KIMI, "reasoning_content"),
            (MINIMAX, "reasoning_content"),
            (GLM, "reasoning_content"),
            (DEEPSEEK, "reasoning"),
        )
    ),
    pytest.param(
        MINIMAX,
        [
            tagged("First I look.", "", call("call_1")),
            tagged("Then twice", "Now.", call("call_2"), call("call_3")),
            tagged("That is all", "Done."),
        ],
        id="10.3 minimax in its text",
    ),
    pytest.param(
        OPENROUTER,
        [
            detailed([signed("First I look.", "SIG/1==")], None, call("call_1")),
            detailed(
                [signed("Twice", "SIG2"), signed("or thrice", "SIG3", 1)],
                "Now.",
                call("call_2"),
                call("call_3"),
            ),
            detailed([signed("That is all", "SIG4")], "Done."),
        ],
        id="10.3 openrouter: Claude's signed text",
    ),
    pytest.param(
        OPENROUTER,
        [
            detailed(summarised("First I look.", "gAAA1==", "rs_1"), None, call("call_1")),
            detailed(summarised("Twice", "gAAA2", "rs_2"), "Now.", call("c2"), call("c3")),
            detailed(summarised("That is all", "gAAA3", "rs_3"), "Done."),
        ],
        id="10.3 openrouter: OpenAI's summary and encrypted item",
    ),
    pytest.param(
        OPENROUTER,
        [
            detailed([encrypted("E1", "call_1")], None, call("call_1")),
            detailed([encrypted("E2", "call_2")], "Now.", call("call_2"), call("call_3")),
            detailed([{"type": "reasoning.encrypted", "data": "E3"}], "Done."),
        ],
        id="10.3 openrouter: Gemini's item of a call",
    ),
    pytest.param(
        COPILOT,
        [
            copilot("First I look.", "T3Bh/1==", None, call("call_1")),
            copilot("Then twice", "T3Bh2", "Now.", call("call_2"), call("call_3")),
            copilot("", "T3Bh3", None, call("call_4")),
            copilot("That is all", "T3Bh4", "Done."),
        ],
        id="10.3 copilot: reasoning_text and reasoning_opaque",
    ),
    *(
        pytest.param(
            GEMINI,
            [
                gemini(None, call("call_1", **state("S1==")), late=late),
                gemini("Now.", call("call_2", **state("S2")), call("call_3"), late=late),
                gemini_text("Done.", "S3"),
            ],
            id=f"10.3 gemini: thought signatures, {'late' if late else 'in time'}",
        )
        for late in (False, True)
    ),
    pytest.param(
        GEMINI,
        [
            gemini_beside(None, call("call_1", **state("S1=="))),
            gemini_beside("Now.", call("call_2", **state("S2", "vertex")), call("call_3")),
            gemini_text("Done.", "S3"),
        ],
        id="edge 146 gemini: thought signatures in a delta of their own",
    ),
]


def asked(
    history: Sequence[Mapping[str, Any]], profile: Profile, **fields: Any
) -> ConvertedRequest:
    """The conversion of what a client sends with ``history``, as JSON and validated."""
    sent = {"model": "m", "max_tokens": 9, "tools": [TOOL], "messages": history, **fields}
    request = load_message_request(orjson.dumps(sent))
    return message_request_to_chat(request, profile, model="up", max_tokens=9)


def answered(turn: Turn, reply: ReplyContext, *, streamed: bool) -> dict[str, Any]:
    finish = "tool_calls" if "tool_calls" in turn.message else "stop"
    if not streamed:
        choice = {"index": 0, "message": turn.message, "finish_reason": finish}
        return chat_to_message({"id": "x", "choices": [choice]}, reply)
    chunks = [
        {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in turn.deltas
    ]
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}
    return chunks_to_message([*chunks, end], reply)


def conversation(
    turns: Sequence[Turn], profile: Profile, *, streamed: bool, **fields: Any
) -> list[dict[str, Any]]:
    """The assistant messages that the upstream gets after all ``turns``."""
    history: list[dict[str, Any]] = [{"role": "user", "content": "Go."}]
    for turn in turns:
        chat = asked(history, profile, **fields)
        content = answered(turn, chat.reply, streamed=streamed)["content"]
        results = [
            {"type": "tool_result", "tool_use_id": block["id"], "content": "ok"}
            for block in content
            if block["type"] == "tool_use"
        ]
        history.append({"role": "assistant", "content": content})
        history.append({"role": "user", "content": results or "And?"})
    messages = asked(history, profile, **fields).body["messages"]
    return [message for message in messages if message["role"] == "assistant"]


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("profile", "turns"), CONVERSATIONS)
def test_the_upstream_gets_back_what_it_gave(
    profile: Profile, turns: list[Turn], streamed: bool
) -> None:
    assert conversation(turns, profile, streamed=streamed) == [turn.back for turn in turns]


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("profile", "turns"), CONVERSATIONS)
def test_also_where_the_client_is_not_shown_it(
    profile: Profile, turns: list[Turn], streamed: bool
) -> None:
    omitted = {"thinking": {"type": "adaptive", "display": "omitted"}}
    assert conversation(turns, profile, streamed=streamed, **omitted) == [
        turn.back for turn in turns
    ]


@pytest.mark.parametrize(("profile", "turns"), CONVERSATIONS)
def test_no_other_upstream_sees_it(profile: Profile, turns: list[Turn]) -> None:
    chat = asked([{"role": "user", "content": "Go."}], profile)
    content = answered(turns[0], chat.reply, streamed=False)["content"]
    ids = [block["id"] for block in content if block["type"] == "tool_use"]
    history = [
        {"role": "user", "content": "Go."},
        {"role": "assistant", "content": content},
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": tool_id} for tool_id in ids],
        },
    ]
    moved = asked(history, replace(Profile(), name="other"))
    assert moved.body["messages"][1] == {
        "role": "assistant",
        "content": None,
        "tool_calls": [call(tool_id) for tool_id in ids],
    }
    kinds = {block["type"] for block in content} - {"tool_use"}
    assert {row["name"] for row in moved.drops.report()} == kinds
    assert moved.drops.header() == ""
