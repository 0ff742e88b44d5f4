"""What a profile does on the wire: requests converted for a host and a model, and an answer read.

Rule: nothing here reads a flag. Each entry of ``PROBES`` sends a request that a plain upstream takes
whole and reports what became of one part of it, so that a test states what goes over the wire.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import orjson

from proxy.convert.reply.chat_to_message import chat_to_message
from proxy.convert.reply.private_state import pack_tool_state
from proxy.convert.request.converted import ConvertedRequest
from proxy.convert.request.messages_to_chat import message_request_to_chat
from proxy.providers.profiles import Profile, profile_for
from proxy.schemas import load_message_request

KEYWORDS = (
    "$schema", "$id", "$comment", "additionalProperties", "unevaluatedProperties",
    "patternProperties", "propertyNames", "exclusiveMinimum", "exclusiveMaximum",
    "pattern", "format", "minLength", "description",
)  # fmt: skip
DIALECT: dict[str, dict[str, Any]] = {
    "q": {
        "type": "string", "$schema": "x", "$id": "x", "$comment": "x", "pattern": "^x$",
        "format": "date-time", "minLength": 1, "description": "x",
    },
    "n": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 9},
    "o": {
        "type": "object", "properties": {"p": {"type": "string"}}, "additionalProperties": True,
        "unevaluatedProperties": True, "patternProperties": {}, "propertyNames": {"minLength": 1},
    },
}  # fmt: skip
"""Schemas that have every one of KEYWORDS, each with a value that the keyword allows."""
SCHEMA = {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}
LOOK = {"name": "look", "input_schema": SCHEMA}
NAMED = {"type": "tool", "name": "look"}
ON = {"type": "enabled", "budget_tokens": 20000}
FORMAT = {"type": "json_schema", "schema": {**SCHEMA, "additionalProperties": False}}
PNG = {"type": "base64", "media_type": "image/png", "data": "UE5HLVdPUkQ="}
PDF = {"type": "base64", "media_type": "application/pdf", "data": "UERGLVdPUkQ="}
CACHED = {"type": "ephemeral"}
EFFORTS = ("low", "medium", "high", "xhigh", "max")
THINKING_FIELDS = (
    "reasoning_effort", "reasoning", "thinking", "enable_thinking", "thinking_budget",
)  # fmt: skip
CALL_ID = "toolu_01ABCDEFGHIJKLMNOPQRSTUV"
STATE = {"google": {"thought_signature": "s"}}

Body = Mapping[str, Any]


def converted(profile: Profile, **fields: Any) -> ConvertedRequest:
    base = {"model": "m", "max_tokens": 987654, "messages": [{"role": "user", "content": "Q"}]}
    request = load_message_request(orjson.dumps(base | fields))
    return message_request_to_chat(
        request,
        profile,
        model="m",
        max_tokens=request["max_tokens"],
        read_pdf=lambda data: None,
    )


def text_of(value: object) -> str:
    return orjson.dumps(value).decode()


def _user(*blocks: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [*blocks, {"type": "text", "text": "Q"}]}]


def _called(*before: Mapping[str, Any]) -> list[dict[str, Any]]:
    call = {"type": "tool_use", "id": CALL_ID, "name": "look", "input": {}}
    result = {"type": "tool_result", "tool_use_id": CALL_ID, "content": "R"}
    return [
        {"role": "user", "content": "Q"},
        {"role": "assistant", "content": [*before, call]},
        {"role": "user", "content": [result]},
    ]


def _limit(profile: Profile) -> object:
    body = converted(profile).body
    return {name: body[name] for name in body if name.endswith("_tokens")}


def _system(profile: Profile) -> object:
    return converted(profile, system="S").body["messages"][0]["role"]


def _late_system(profile: Profile) -> object:
    turns = [
        {"role": "user", "content": "Q"},
        {"role": "assistant", "content": "A"},
        {"role": "user", "content": "Q"},
        {"role": "system", "content": "LATE"},
    ]
    messages = converted(profile, messages=turns).body["messages"]
    return next(message["role"] for message in messages if "LATE" in text_of(message))


def _stop(profile: Profile) -> object:
    return len(converted(profile, stop_sequences=[str(n) for n in range(20)]).body.get("stop", ()))


def _sampling(profile: Profile) -> object:
    body = converted(profile, temperature=0.1, top_p=0.2, top_k=3).body
    return [name for name in ("temperature", "top_p", "top_k") if name in body]


def _user_id(profile: Profile) -> object:
    body = converted(profile, metadata={"user_id": "u"}).body
    return next((name for name in ("user", "safety_identifier") if name in body), None)


def _tier(profile: Profile) -> object:
    return converted(profile, service_tier="standard_only").body.get("service_tier")


def _format(profile: Profile) -> object:
    body = converted(profile, output_config={"format": FORMAT}).body
    return body.get("response_format", {}).get("type")


def _image(profile: Profile) -> object:
    body = converted(profile, messages=_user({"type": "image", "source": PNG})).body
    return PNG["data"] in text_of(body)


def _pdf(profile: Profile) -> object:
    body = converted(profile, messages=_user({"type": "document", "source": PDF})).body
    return PDF["data"] in text_of(body)


def _cache(profile: Profile) -> object:
    system = [{"type": "text", "text": "S", "cache_control": CACHED}]
    text = text_of(converted(profile, system=system).body)
    return next(
        (name for name in ("cache_control", "prompt_cache_breakpoint") if name in text), None
    )


def _prefill(profile: Profile) -> object:
    turns = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "{"}]
    body = converted(profile, messages=turns).body
    marks = {
        name: body["messages"][-1][name] for name in ("prefix",) if name in body["messages"][-1]
    }
    vllm = ("continue_final_message", "add_generation_prompt")
    return marks | {name: body[name] for name in vllm if name in body}


def _empty_content(profile: Profile) -> object:
    return converted(profile, messages=_called(), tools=[LOOK]).body["messages"][1]["content"]


def _tool_id(profile: Profile) -> object:
    call = converted(profile, messages=_called(), tools=[LOOK]).body["messages"][1]["tool_calls"][0]
    return "kept" if call["id"] == CALL_ID else len(call["id"])


def _call_state(profile: Profile) -> object:
    block = {"type": "redacted_thinking", "data": pack_tool_state(CALL_ID, STATE)}
    body = converted(profile, messages=_called(block), tools=[LOOK]).body
    return body["messages"][1]["tool_calls"][0].get("extra_content")


def _history(profile: Profile) -> object:
    block = {"type": "thinking", "thinking": "THOUGHT", "signature": "s"}
    message = converted(profile, messages=_called(block), tools=[LOOK]).body["messages"][1]
    return next((name for name in message if "THOUGHT" in text_of(message[name])), None)


def _unsigned_call(profile: Profile) -> object:
    """The state of a call that came without any."""
    body = converted(profile, messages=_called(), tools=[LOOK]).body
    return body["messages"][1]["tool_calls"][0].get("extra_content")


def _behind_result(profile: Profile) -> object:
    """The role of the message in which a reminder behind a tool result is sent."""
    *before, results = _called()
    reminder = {"type": "text", "text": "REMINDER"}
    turns = [*before, {"role": "user", "content": [*results["content"], reminder]}]
    messages = converted(profile, messages=turns, tools=[LOOK]).body["messages"]
    return next(message["role"] for message in messages if "REMINDER" in text_of(message))


def _tool_count(profile: Profile) -> object:
    tools = [{**LOOK, "name": f"look{number}"} for number in range(200)]
    return len(converted(profile, tools=tools).body["tools"])


def _agent(profile: Profile) -> object:
    return "client" if converted(profile).client_agent else "own"


def _strict(profile: Profile) -> object:
    tool = {**LOOK, "strict": True}
    return "strict" in converted(profile, tools=[tool]).body["tools"][0]["function"]


def _choices(profile: Profile) -> object:
    """What becomes of a named tool, of ``any`` and of ``none``."""
    named, forced, none = (
        converted(profile, tools=[LOOK], tool_choice=choice).body
        for choice in (NAMED, {"type": "any"}, {"type": "none"})
    )
    chosen = named.get("tool_choice")
    return (
        "named" if isinstance(chosen, dict) else chosen,
        forced.get("tool_choice"),
        none.get("tool_choice") if "tools" in none else "no tools",
    )


def _parallel(profile: Profile) -> object:
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    return converted(profile, tools=[LOOK], tool_choice=choice).body.get("parallel_tool_calls")


def _schema(profile: Profile) -> object:
    """The keywords that a tool's schema loses."""
    schema = {**SCHEMA, "properties": DIALECT}
    body = converted(profile, tools=[{"name": "look", "input_schema": schema}]).body
    sent = body["tools"][0]["function"]["parameters"]["properties"]
    left = {word for name in DIALECT for word in sent[name]}
    return [word for word in KEYWORDS if word not in left]


def _tool_stream(profile: Profile) -> object:
    return converted(profile, tools=[LOOK], stream=True).body.get("tool_stream", False)


def _web_search(profile: Profile) -> object:
    tool = {"type": "web_search_20250305", "name": "web_search"}
    body = converted(profile, tools=[tool]).body
    return next((name for name in ("web_search_options", "plugins") if name in body), None)


def _thinking(profile: Profile) -> object:
    """The fields for thinking switched on and off, beside a tool, and beside a forced one."""
    forced = {"tools": [LOOK], "tool_choice": {"type": "any"}}
    requests: Mapping[str, Mapping[str, Any]] = {
        "on": {"thinking": ON},
        "off": {"thinking": {"type": "disabled"}},
        "with a tool": {"thinking": ON, "tools": [LOOK]},
        "with a forced tool": {"thinking": ON, **forced},
    }
    return {name: _thinking_fields(profile, **fields) for name, fields in requests.items()}


def _thinking_fields(profile: Profile, **fields: Any) -> dict[str, Any]:
    body = converted(profile, **fields).body
    return {name: body[name] for name in THINKING_FIELDS if name in body}


def _efforts(profile: Profile) -> object:
    """What becomes of each effort that a client may ask for."""
    bodies = [converted(profile, output_config={"effort": effort}).body for effort in EFFORTS]
    sent = [
        body.get("reasoning_effort") or body.get("reasoning", {}).get("effort") for body in bodies
    ]
    return " ".join(filter(None, sent))


def _stream_usage(profile: Profile) -> object:
    return (
        converted(profile, stream=True).body.get("stream_options", {}).get("include_usage", False)
    )


def _always_streams(profile: Profile) -> object:
    return converted(profile).body.get("stream", False)


def _think_tags(profile: Profile) -> object:
    """Whether reasoning inside the text of an answer is reported as thinking."""
    message = {"role": "assistant", "content": "<think>T</think>A"}
    answer = {"choices": [{"message": message, "finish_reason": "stop"}]}
    blocks = chat_to_message(answer, converted(profile, thinking=ON).reply)["content"]
    return [block["type"] for block in blocks] == ["thinking", "text"]


def _text_calls(profile: Profile) -> object:
    """Whether a call inside the text of an answer is reported as a call, where a tool is declared."""
    message = {"role": "assistant", "content": "<tool_call>look</tool_call>"}
    answer = {"choices": [{"message": message, "finish_reason": "stop"}]}
    told = chat_to_message(answer, converted(profile, tools=[LOOK]).reply)
    return told["stop_reason"] == "tool_use"


def switched(
    on: Body, off: Body, *, tool: Body | None = None, forced: Body | None = None
) -> dict[str, Body]:
    """What the probe ``thinking`` finds; a tool changes nothing unless it is said."""
    tool = on if tool is None else tool
    forced = tool if forced is None else forced
    return {"on": on, "off": off, "with a tool": tool, "with a forced tool": forced}


def graded(
    on: str, off: str, *, tool: str | None = None, forced: str | None = None
) -> dict[str, Body]:
    """The same for upstreams that take a ``reasoning_effort``."""
    tool = tool or on
    efforts = {"on": on, "off": off, "with a tool": tool, "with a forced tool": forced or tool}
    return {name: {"reasoning_effort": effort} for name, effort in efforts.items()}


PROBES: Mapping[str, Callable[[Profile], object]] = {
    "limit": _limit,
    "system": _system,
    "late_system": _late_system,
    "stop": _stop,
    "sampling": _sampling,
    "user_id": _user_id,
    "tier": _tier,
    "format": _format,
    "image": _image,
    "pdf": _pdf,
    "cache": _cache,
    "prefill": _prefill,
    "empty_content": _empty_content,
    "tool_stream": _tool_stream,
    "tool_id": _tool_id,
    "call_state": _call_state,
    "unsigned_call": _unsigned_call,
    "behind_result": _behind_result,
    "history": _history,
    "tool_count": _tool_count,
    "agent": _agent,
    "strict": _strict,
    "choices": _choices,
    "parallel": _parallel,
    "schema": _schema,
    "web_search": _web_search,
    "thinking": _thinking,
    "efforts": _efforts,
    "stream_usage": _stream_usage,
    "always_streams": _always_streams,
    "think_tags": _think_tags,
    "text_calls": _text_calls,
}
PLAIN: Mapping[str, object] = {name: probe(Profile()) for name, probe in PROBES.items()}
"""What a plain upstream gets; tests/providers/profiles/test_families.py states it."""


@cache
def _sent(profile: Profile) -> Mapping[str, object]:
    return {name: probe(profile) for name, probe in PROBES.items()}


def sent(host: str, model: str, *, path: str = "") -> Mapping[str, object]:
    """What each probe finds for ``model`` at ``host``."""
    return _sent(profile_for(host, model, path=path))


def differences(host: str, model: str, *, path: str = "") -> dict[str, object]:
    """What ``model`` at ``host`` is sent in another way than a plain upstream."""
    found = sent(host, model, path=path)
    return {name: value for name, value in found.items() if value != PLAIN[name]}
