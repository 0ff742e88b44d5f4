"""What a client can repeat in a request that is accepted; the upstream's answer is small."""

from __future__ import annotations

from typing import Any

from bench.growth import Row, Sample
from bench.growth_samples import TOOL, asked, small_answer

REQUEST = "request: "
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def _asked(model: str = "m", **members: Any) -> Sample:
    return small_answer(asked(model=model, **members))


def _message(role: str, content: object) -> dict[str, Any]:
    return {"role": role, "content": content}


def _turns(n: int) -> Sample:
    roles = ("user", "assistant")
    return _asked(messages=[_message(roles[k % 2], f"turn {k}") for k in range(2 * n + 1)])


def _same_turns(n: int) -> Sample:
    return _asked(messages=[_message("user", "x")] * n)


def _system_turns(n: int) -> Sample:
    turns = [_message("user", "x"), _message("assistant", "y"), _message("system", "z")]
    return _asked(messages=[*turns * n, _message("user", "x")])


def _blocks(block: dict[str, Any], role: str = "user") -> Any:
    def make(n: int) -> Sample:
        return _asked(
            messages=[_message("user", "x"), _message(role, [block] * n), _message("user", "y")]
        )

    return make


def _calls(n: int, *, model: str = "m", text: str = "x") -> Sample:
    ids = [f"toolu_{k}" for k in range(n)]
    calls = [
        {"type": "tool_use", "id": each, "name": "Read", "input": {"path": each}} for each in ids
    ]
    results = [{"type": "tool_result", "tool_use_id": each, "content": text} for each in ids]
    return _asked(
        model,
        messages=[_message("user", "x"), _message("assistant", calls), _message("user", results)],
    )


def _call_turns(n: int) -> Sample:
    turns: list[dict[str, Any]] = [_message("user", "x")]
    for k in range(n):
        call = {"type": "tool_use", "id": f"t{k}", "name": "Read", "input": {"path": "a"}}
        turns += [
            _message("assistant", [{"type": "text", "text": "a"}, call]),
            _message("user", [{"type": "tool_result", "tool_use_id": f"t{k}", "content": "b"}]),
        ]
    return _asked(messages=turns)


def _result_parts(n: int) -> Sample:
    call = {"type": "tool_use", "id": "t", "name": "Read", "input": {"path": "a"}}
    result = {
        "type": "tool_result",
        "tool_use_id": "t",
        "content": [{"type": "text", "text": "a"}] * n,
    }
    return _asked(
        messages=[_message("user", "x"), _message("assistant", [call]), _message("user", [result])]
    )


def _input_members(n: int) -> Sample:
    call = {"type": "tool_use", "id": "t", "name": "Read", "input": {f"m{k}": k for k in range(n)}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": "a"}
    return _asked(
        messages=[_message("user", "x"), _message("assistant", [call]), _message("user", [result])]
    )


def _tools(n: int, *, model: str = "m") -> Sample:
    return _asked(model, tools=[{**TOOL, "name": f"t{k}"} for k in range(n)])


def _schema(make: Any, *, model: str = "m") -> Any:
    def sample(n: int) -> Sample:
        return _asked(model, tools=[{**TOOL, "input_schema": {"type": "object", **make(n)}}])

    return sample


def _properties(n: int) -> dict[str, Any]:
    return {"properties": {f"p{k}": {"type": "string", "description": "a"} for k in range(n)}}


def _alternatives(n: int) -> dict[str, Any]:
    return {
        "properties": {
            "a": {"anyOf": [{"type": "object", "properties": {f"p{k}": {}}} for k in range(n)]}
        }
    }


def _all_of(n: int) -> dict[str, Any]:
    return {"allOf": [{"properties": {f"p{k}": {"type": "string"}}} for k in range(n)]}


def _enum(n: int) -> dict[str, Any]:
    return {"properties": {"a": {"enum": [f"v{k}" for k in range(n)]}}}


def _references(n: int) -> dict[str, Any]:
    names = [f"d{k}" for k in range(n)]
    definitions = {
        name: {"type": "object", "properties": {"a": {"type": "string"}}} for name in names
    }
    return {
        "$defs": definitions,
        "properties": {name: {"$ref": f"#/$defs/{name}"} for name in names},
    }


def _same_references(n: int) -> dict[str, Any]:
    big = {"type": "object", "properties": {f"p{k}": {"type": "string"} for k in range(20)}}
    return {
        "$defs": {"big": big},
        "properties": {f"m{k}": {"$ref": "#/$defs/big"} for k in range(n)},
    }


def _deep(n: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(n):
        schema = {"type": "object", "properties": {"a": schema}}
    return {"properties": {"a": schema}}


def _unknown(n: int) -> Sample:
    members: dict[str, Any] = {f"m{k}": k for k in range(n)}
    return small_answer(asked(**members))


def _output_schema(n: int) -> Sample:
    schema = {"type": "object", "additionalProperties": False, **_properties(n)}
    return _asked(output_config={"format": {"type": "json_schema", "schema": schema}})


def _text(text: str, **more: Any) -> Any:
    return lambda n: _asked(messages=[_message("user", text * n)], **more)


_THINKING = {"type": "thinking", "thinking": "a", "signature": "s"}
_CACHED = {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}
_IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
_FILE = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a"}}

REQUESTS: tuple[Row, ...] = (
    Row(REQUEST + "turns", _turns, 300, 30_000),
    Row(REQUEST + "turns of one role", _same_turns, 500, 50_000),
    Row(REQUEST + "system turns", _system_turns, 200, 15_000),
    Row(REQUEST + "blocks of text", _blocks({"type": "text", "text": "a"}), 1000, 10_000),
    Row(
        REQUEST + "blocks of text of the assistant",
        _blocks({"type": "text", "text": "a"}, "assistant"),
        1000,
        10_000,
    ),
    Row(REQUEST + "blocks with cache_control", _blocks(_CACHED), 1000, 10_000),
    Row(REQUEST + "blocks of thinking", _blocks(_THINKING, "assistant"), 1000, 10_000),
    Row(REQUEST + "images", _blocks(_IMAGE), 500, 10_000),
    Row(REQUEST + "documents", _blocks(_FILE), 500, 10_000),
    Row(REQUEST + "calls with their results", _calls, 500, 10_000),
    Row(REQUEST + "turns with a call", _call_turns, 200, 15_000),
    Row(REQUEST + "parts of a result", _result_parts, 900, 9_900),
    Row(REQUEST + "members of a call's input", _input_members, 5_000, 500_000),
    Row(REQUEST + "tools", _tools, 200, 2_048),
    Row(REQUEST + "properties of a schema", _schema(_properties), 1000, 50_000),
    Row(REQUEST + "alternatives of a schema", _schema(_alternatives), 1000, 20_000),
    Row(REQUEST + "parts of a schema", _schema(_all_of), 1000, 20_000),
    Row(REQUEST + "values of an enum", _schema(_enum), 5_000, 500_000),
    Row(REQUEST + "references in a schema", _schema(_references), 500, 20_000),
    Row(REQUEST + "references to one schema", _schema(_same_references), 200, 20_000),
    Row(REQUEST + "levels of a schema", _schema(_deep), 10, 115),
    Row(
        REQUEST + "properties, where schemas are rewritten",
        _schema(_properties, model="gemini"),
        1000,
        50_000,
    ),
    Row(
        REQUEST + "alternatives, where schemas are rewritten",
        _schema(_alternatives, model="gemini"),
        1000,
        20_000,
    ),
    Row(
        REQUEST + "parts, where schemas are rewritten",
        _schema(_all_of, model="gemini"),
        500,
        20_000,
    ),
    Row(
        REQUEST + "references, where schemas are rewritten",
        _schema(_references, model="gemini"),
        500,
        20_000,
    ),
    Row(
        REQUEST + "references to one, where schemas are rewritten",
        _schema(_same_references, model="gemini"),
        200,
        20_000,
    ),
    Row(REQUEST + "levels, where schemas are rewritten", _schema(_deep, model="gemini"), 10, 115),
    Row(REQUEST + "properties of an output", _output_schema, 1000, 50_000),
    Row(
        REQUEST + "blocks of the system prompt",
        lambda n: _asked(system=[{"type": "text", "text": "a"}] * n),
        1000,
        10_000,
    ),
    Row(
        REQUEST + "characters of the system prompt",
        lambda n: _asked(system="x-anthropic-billing-header: a\n" * n),
        5_000,
        500_000,
    ),
    Row(REQUEST + "characters of text", _text("a"), 400_000, 20_000_000),
    Row(REQUEST + "other characters of text", _text("é漢"), 100_000, 5_000_000),
    Row(
        REQUEST + "stop sequences",
        lambda n: _asked(stop_sequences=[f"stop {k}" for k in range(n)]),
        1000,
        100_000,
    ),
    Row(
        REQUEST + "members of metadata",
        lambda n: _asked(metadata={"user_id": "u", **{f"m{k}": k for k in range(n)}}),
        10_000,
        500_000,
    ),
    Row(
        REQUEST + "unknown members",
        _unknown,
        10_000,
        500_000,
    ),
    Row(
        REQUEST + "calls, for the native upstream", lambda n: _calls(n, model="native"), 500, 10_000
    ),
    Row(
        REQUEST + "turns to be counted",
        lambda n: Sample(_turns(n).answer, _turns(n).body, "/v1/messages/count_tokens"),
        300,
        30_000,
    ),
)
