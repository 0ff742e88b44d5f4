"""Unique words planted in every kind of request and setting, and upstreams that repeat them.

Rule: no canary looks like a key, so that no pattern masks it: what keeps it in is that nobody writes it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

from tests.security.wire import request
from tests.upstream_stub import (
    Close,
    Recorded,
    Reset,
    Script,
    answer,
    chunk,
    completion,
    head,
    json_answer,
    sse,
    text_stream,
    tool_stream,
)

SERVER_KEY = "canary4100serverkey"
OTHER_SERVER_KEY = "canary4101headervalue"
FRONT_KEY = "canary4102frontkey"
BYSTANDERS_KEY = "canary4103bystanderskey"
CLIENT_KEY = "canary4104clientkey"
WRONG_KEY = "canary4105wrongkey"
REDIS_PASSWORD = "canary4106redispassword"
PROXY_PASSWORD = "canary4107proxypassword"
SENTRY_KEY = "canary4108sentrykey"
COLLECTOR_KEY = "canary4109collectorkey"
PROXY_BASIC = base64.b64encode(f"user:{PROXY_PASSWORD}".encode()).decode()
OPERATORS = (
    SERVER_KEY,
    OTHER_SERVER_KEY,
    BYSTANDERS_KEY,
    REDIS_PASSWORD,
    PROXY_PASSWORD,
    PROXY_BASIC,
    SENTRY_KEY,
    COLLECTOR_KEY,
)
"""No client may see these, whoever asks."""
KEYS = (*OPERATORS, FRONT_KEY, CLIENT_KEY, WRONG_KEY)
"""Written nowhere, at no level."""

WORDS = {
    name: f"canary42{number:02}{name}"
    for number, name in enumerate(
        (
            "prompt",
            "system",
            "toolname",
            "toolwords",
            "schemaword",
            "arguments",
            "toolresult",
            "document",
            "userid",
            "thought",
            "stopsequence",
            "badrole",
            "badvalue",
            "notjson",
            "query",
            "header",
            "answer",
            "answerarguments",
        )
    )
}
"""What clients and models say. Nobody but the two of them may see it; at DEBUG an upstream's refusal
may quote it."""
NAMES = {
    name: f"canary43{number}{name}"
    for number, name in enumerate(("member", "blocktype", "callid", "coding"))
}
"""What is named in errors that the client gets: members, types and ids; not in the log."""
IMAGE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + WORDS["prompt"].encode() * 20).decode()
HARMLESS = dict.fromkeys(WORDS, "nothing")
PLANTED = (*WORDS.values(), IMAGE[16:60])
EVERYTHING = (*KEYS, *PLANTED, *NAMES.values())


def message(**fields: Any) -> dict[str, Any]:
    """A Messages request with a canary in every place that takes words."""
    words = WORDS
    picture = {"type": "base64", "media_type": "image/png", "data": IMAGE}
    paper = {"type": "text", "media_type": "text/plain", "data": words["document"]}
    call = {"type": "tool_use", "id": "toolu_1", "name": words["toolname"]}
    return {
        "model": "claude-sonnet-5",
        "max_tokens": 50,
        "system": [{"type": "text", "text": words["system"]}],
        "metadata": {"user_id": words["userid"]},
        "stop_sequences": [words["stopsequence"]],
        "tools": [
            {
                "name": words["toolname"],
                "description": words["toolwords"],
                "input_schema": {"type": "object", "properties": {words["schemaword"]: {}}},
            }
        ],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": words["prompt"]},
                    {"type": "image", "source": picture},
                    {"type": "document", "source": paper, "title": words["document"]},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": words["thought"], "signature": ""},
                    call | {"input": {words["schemaword"]: words["arguments"]}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "toolu_1",
                        "content": words["toolresult"],
                    }
                ],
            },
        ],
    } | fields


def said(role: object = "user", content: object = WORDS["prompt"], **fields: Any) -> bytes:
    """A short request; ``fields`` may be anything."""
    first = {"role": role, "content": content}
    return json.dumps(
        {"model": "claude-sonnet-5", "max_tokens": 5, "messages": [first], **fields}
    ).encode()


def said_with_system(block: Mapping[str, Any]) -> bytes:
    """A short request whose last turn is a system turn with ``block``."""
    turns = [{"role": "user", "content": "x"}, {"role": "system", "content": [block]}]
    return json.dumps({"model": "claude-sonnet-5", "max_tokens": 5, "messages": turns}).encode()


def _bad_bodies() -> dict[str, bytes]:
    bad = WORDS["badvalue"]
    block = {"type": NAMES["blocktype"], "text": WORDS["prompt"]}
    return {
        "no JSON": b'{"model": "claude-sonnet-5", "' + WORDS["notjson"].encode(),
        "a role of its own": said(WORDS["badrole"]),
        "a block of its own": said(content=[block]),
        "a member of its own": said(**{NAMES["member"]: bad}),
        "a tool without a schema": said(tools=[{"name": bad, "input_schema": bad}]),
        "a tool named in vain": said(tool_choice={"type": "tool", "name": bad}),
        "words for numbers": said(max_tokens=bad, temperature=bad, top_k=bad, stream=bad),
        "words for objects": said(thinking=bad, metadata=bad, tool_choice=bad, system={"a": bad}),
        "a call without an answer": said(
            "assistant",
            [{"type": "tool_use", "id": NAMES["callid"], "name": bad, "input": bad}],
        ),
        "an answer without a call": said(
            content=[{"type": "tool_result", "tool_use_id": NAMES["callid"], "content": bad}]
        ),
        "an image of words": said(
            content=[
                {
                    "type": "image",
                    "source": {"type": NAMES["blocktype"], "media_type": bad, "data": bad},
                }
            ]
        ),
        "a choice of another tool": said(
            tools=[{"name": "a", "input_schema": {"type": "object"}}],
            tool_choice={"type": "tool", "name": bad},
        ),
        "a tool type of its own": said(tools=[{"type": NAMES["blocktype"], "name": bad}]),
        "a tool version of its own": said(tools=[{"type": f"web_search_{bad}", "name": "w"}]),
        "a wrong tool of its own version": said(tools=[{"type": f"bash_{bad}", "name": 5}]),
        "a choice of a tool version": said(
            tools=[{"type": f"web_search_{bad}", "name": bad}],
            tool_choice={"type": "tool", "name": bad},
        ),
        "a member of a toolset": said(
            tools=[{"type": f"computer_toolset_{bad}", "configs": {NAMES["member"]: {}}}]
        ),
        "a tool taken away": said_with_system(
            {"type": "tool_removal", "tool": {"type": "tool_reference", "name": bad}}
        ),
        "a text of numbers": said(content=[{"type": "text", "text": {bad: bad}}]),
    }


def requests(key: str, base: str = "") -> dict[str, bytes]:
    """Requests of a client with ``key``, by name. ``base`` stands before paths (dynamic routes)."""
    heads = {"x_api_key": key, "cookie": WORDS["header"], "referer": WORDS["header"]}
    path = f"{base}/v1/messages"
    whole, stream = json.dumps(message()).encode(), json.dumps(message(stream=True)).encode()
    found = {
        "whole": request("POST", path, whole, **heads),
        "stream": request("POST", f"{path}?q={WORDS['query']}", stream, **heads),
        "count": request("POST", f"{path}/count_tokens", whole, **heads),
        "models": request("GET", f"{base}/v1/models?q={WORDS['query']}", **heads),
        "as a bearer": request("POST", path, whole, authorization=f"Bearer {key}"),
        "a wrong key": request("POST", path, whole, x_api_key=WRONG_KEY),
        "a key that is none": request("POST", path, whole, x_api_key=f"{WRONG_KEY} {WRONG_KEY}"),
        "an id with words": request(
            "POST", path, whole, x_api_key=key, x_request_id=f"{WORDS['header']} x"
        ),
        "odd headers": request(
            "POST",
            path,
            whole,
            x_api_key=key,
            anthropic_version=WORDS["header"],
            anthropic_beta=WORDS["header"],
            traceparent=WORDS["header"],
            origin=f"https://{WORDS['header']}",
        ),
    }
    found |= {name: request("POST", path, body, **heads) for name, body in _bad_bodies().items()}
    found["a body of another type"] = found["whole"].replace(
        b"application/json", f"text/{WORDS['header']}".encode()
    )
    found["a wrong length"] = found["whole"].replace(b"Content-Length: ", b"Content-Length: 9")
    if not base:
        found |= {
            "dry run": request("POST", "/v1/messages/test_conversion", whole, **heads),
            "a page of models": request("GET", f"/v1/models?after_id={WORDS['query']}", **heads),
            "a model": request("GET", "/v1/models/m", **heads),
            "test-connection": request("GET", "/test-connection?all=1", **heads),
            "status": request("GET", "/status", **heads),
            "a page that is not there": request("GET", f"/nowhere?q={WORDS['query']}", **heads),
        }
    return found


def malformed(key: str) -> dict[str, bytes]:
    """What is no HTTP, with canaries in it."""
    word, whole = WORDS["header"].encode(), said()
    fields = b"Host: p\r\nx-api-key: %b\r\n" % key.encode()
    start = b"POST /v1/messages HTTP/1.1\r\n"
    return {
        "no request line": word + b"\r\n\r\n",
        "no version": b"GET /%b?k=%b HTTP/9.9\r\n\r\n" % (word, key.encode()),
        "a header without colon": start + fields + word + b"\r\n\r\n",
        "a header with a blank": start + fields + word + b" : " + word + b"\r\n\r\n",
        "a long line": b"GET /?" + word * 2000 + b" HTTP/1.1\r\n\r\n",
        "a long header": start + fields + b"x-long: " + word * 20000 + b"\r\n\r\n",
        "a bad chunk": start + fields + b"Transfer-Encoding: chunked\r\n\r\n" + word + b"\r\n",
        "a cut chunk": start + fields + b"Transfer-Encoding: chunked\r\n\r\nff\r\n" + whole[:9],
        "an odd expectation": start + fields + b"Expect: " + word + b"\r\n\r\n",
        "an odd coding": start + fields + b"Transfer-Encoding: " + word + b"\r\n\r\n",
        "an odd encoding": request(
            "POST", "/v1/messages", b"{}", x_api_key=key, content_encoding=NAMES["coding"]
        ),
    }


def echo(recorded: Recorded) -> str:
    """All that the upstream was sent."""
    fields = " ".join(f"{name}: {value}" for name, value in recorded.headers.items())
    return f"{recorded.target} {fields} {recorded.body.decode('utf-8', 'replace')}"


def served(recorded: Recorded, words: Mapping[str, str] = WORDS) -> Script:
    """A good answer in the form that was asked for; ``words`` are what it says."""
    if recorded.method == "GET":
        return json_answer({"object": "list", "data": [{"id": "up-model", "object": "model"}]})
    asked = recorded.json
    native = recorded.target.startswith("/v1/messages")
    if native and recorded.target.endswith("count_tokens"):
        return json_answer({"input_tokens": 7})
    if native:
        return (_native_stream if asked.get("stream") else _native)(words["answer"])
    if asked.get("stream"):
        arguments = json.dumps({"a": words["answerarguments"]})
        return tool_stream(("call_1", words["toolname"], arguments))
    return json_answer(completion(words["answer"], reasoning_content=words["thought"]))


_MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "up-model",
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 5, "output_tokens": 6},
}


def _native(answer: str) -> Script:
    return json_answer(_MESSAGE | {"content": [{"type": "text", "text": answer}]})


def _native_stream(answer: str) -> Script:
    start = {"type": "message_start", "message": _MESSAGE | {"content": []}}
    text = {"type": "text_delta", "text": answer}
    block = {"type": "text", "text": ""}
    events: list[dict[str, Any]] = [
        start,
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": text},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn"},
            "usage": {"output_tokens": 6},
        },
        {"type": "message_stop"},
    ]
    return sse(*events, done=False)


def _error(recorded: Recorded) -> dict[str, Any]:
    words = echo(recorded)
    return {"error": {"message": words, "type": words, "code": words, "param": words}}


def _refusal(status: int) -> Callable[[Recorded], Script]:
    return lambda recorded: json_answer(_error(recorded), status)


def _credential(recorded: Recorded) -> str:
    sent = recorded.headers
    return (sent.get("authorization") or sent.get("x-api-key") or "none").split()[-1]


def _short_refusal(recorded: Recorded) -> Script:
    words = f"Incorrect API key provided: {_credential(recorded)}"
    return json_answer({"error": {"message": words, "code": "invalid_api_key"}}, 401)


def _overflow(recorded: Recorded) -> Script:
    words = f"This model's maximum context length is 10 tokens, {_credential(recorded)}: {echo(recorded)}"
    return json_answer({"error": {"message": words, "code": "context_length_exceeded"}}, 400)


def _broken_json(recorded: Recorded) -> Script:
    return answer(b'{"id": "' + echo(recorded).encode())


def _in_stream(recorded: Recorded) -> Script:
    return sse(chunk(content=WORDS["answer"]), _error(recorded), done=False)


def _garbage_events(recorded: Recorded) -> Script:
    words = echo(recorded).encode()
    odd = chunk(content="x", finish=WORDS["answer"])
    return sse(b"data: {" + words + b"\n\n", b"event: " + words + b"\ndata: [1]\n\n", odd)


def _named(field: str) -> Callable[[Recorded], Script]:
    def script(recorded: Recorded) -> Script:
        words = f"{WORDS['answer']} {_credential(recorded)}"
        return (head(200, {"Content-Length": "2", field: words}) + b"{}", Close())

    return script


def _redirect(recorded: Recorded) -> Script:
    place = f"http://127.0.0.1:9/{_credential(recorded)}?q={WORDS['answer']}"
    return (head(302, {"Location": place, "Content-Length": "0"}), Close())


def _no_http(recorded: Recorded) -> Script:
    return (f"HTTP/1.1 {echo(recorded)}\r\n\r\n".encode(), Close())


def _odd_header(recorded: Recorded) -> Script:
    return (f"HTTP/1.1 200 OK\r\n{_credential(recorded)}\r\n\r\n".encode(), Close())


UPSTREAMS: Mapping[str, Callable[[Recorded], Script]] = {
    "answers": served,
    **{f"says {n} and repeats": _refusal(n) for n in (400, 401, 402, 404, 413, 422, 429, 500, 503)},
    "repeats the key": _short_refusal,
    "says that it was too long": _overflow,
    "says HTML": lambda r: answer(
        f"<h1>{echo(r)}</h1>".encode(), status=502, content_type="text/html"
    ),
    "answers in words": lambda r: answer(echo(r).encode(), content_type="text/plain"),
    "answers broken JSON": _broken_json,
    "answers an error with 200": lambda r: json_answer(_error(r)),
    "streams an error": _in_stream,
    "streams garbage": _garbage_events,
    "names an odd type": _named("Content-Type"),
    "names an odd coding": _named("Content-Encoding"),
    "names an odd length": _named("Content-Length"),
    "names an odd transfer": _named("Transfer-Encoding"),
    "redirects": _redirect,
    "speaks no HTTP": _no_http,
    "writes an odd header": _odd_header,
    "closes": lambda _: (Close(),),
    "resets": lambda _: (Reset(),),
    "breaks off": lambda _: sse(chunk(content=WORDS["answer"]), Reset()),
    "ends in an error of its own": lambda _: json_answer(
        completion(WORDS["answer"], f"error_{WORDS['answer']}")
    ),
    "streams an end of its own": lambda _: sse(
        chunk(content="x"), chunk(f"error_{WORDS['answer']}"), done=False
    ),
    "answers no JSON of an odd type": lambda _: answer(
        b"x", content_type=f"application/{WORDS['answer']}"
    ),
    "stops for a reason of its own": lambda _: json_answer(
        {**_MESSAGE, "stop_reason": WORDS["answer"], "content": []}
    ),
    "names two lengths": lambda _: (
        head(200, {"Content-Length": f"2, {WORDS['answer']}"}) + b"{}",
        Close(),
    ),
    "streams to all": lambda _: text_stream(WORDS["answer"]),
}
