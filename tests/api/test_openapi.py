"""The OpenAPI document: valid, complete, and true of what is answered."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from config.settings import Settings
from proxy.api.declaration import Described, declared_rules, described
from proxy.api.openapi import examples
from proxy.api.openapi.document import dynamic_rows, openapi_document
from proxy.api.openapi.parts import HEADERS
from proxy.app import create_app
from proxy.providers.dynamic_path import ENDPOINTS
from proxy.schemas import load_count_request, load_message_request
from tests.api.conftest import KEY, Connect, message_request
from tests.upstream_stub import (
    UpstreamStub,
    answer,
    chunk,
    completion,
    json_answer,
    sse,
    text_stream,
    tool_call,
    tool_stream,
)

Json = dict[str, Any]
NATIVE = Settings(openai_base_url="https://api.anthropic.com", openai_api_key="k")


def rows_of(settings: Settings) -> list[Described]:
    return list(described(create_app(settings).url_map))


@pytest.fixture(scope="module")
def document() -> Json:
    return openapi_document(rows_of(NATIVE), native_answers=True)


def closed(document: Json) -> Json:
    """``document`` with objects that hold nothing but what is documented, in answers."""
    strict = copy.deepcopy(document)
    for schema in strict["components"]["schemas"].values():
        for part in _objects(schema):
            part.setdefault("additionalProperties", False)
    return strict


def _objects(schema: Any) -> Iterator[Json]:
    if isinstance(schema, list):
        for each in schema:
            yield from _objects(each)
    elif isinstance(schema, dict):
        if "properties" in schema and "object" in schema.get("type", ()):
            yield schema
        for name, each in schema.items():
            if name not in ("examples", "example", "enum"):
                yield from _objects(each)


def faults(document: Json, component: str, value: object) -> list[str]:
    """What ``value`` has that its component, closed, does not allow."""
    resource = DRAFT202012.create_resource(closed(document))
    registry: Registry[Any] = Registry().with_resource("urn:api", resource)
    reference = {"$ref": f"urn:api#/components/schemas/{component}"}
    validator = Draft202012Validator(reference, registry=registry)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("required", [False, True])
def test_the_document_is_valid(native: bool, required: bool) -> None:
    rows = rows_of(NATIVE if native else Settings(openai_api_key="k"))
    made = openapi_document(rows, native_answers=native, max_tokens_required=required)
    assert [str(error) for error in OpenAPIV31SpecValidator(made).iter_errors()] == []
    demanded = made["components"]["schemas"]["MessageRequest"]["required"]
    assert ("max_tokens" in demanded) is required


def test_anybody_may_read_it(connect: Connect) -> None:
    response = connect(auth_keys=("front-key",)).get("/openapi.json")
    assert response.status_code == 200
    assert response.content_type == "application/json"
    assert response.json == openapi_document(rows_of(Settings(openai_api_key="k")))


def test_a_native_upstream_and_a_default_change_it(connect: Connect) -> None:
    native = connect(openai_base_url=NATIVE.openai_base_url, default_max_tokens=5)
    assert native.get("/openapi.json").json == openapi_document(
        rows_of(NATIVE), native_answers=True, max_tokens_required=False
    )


def routes(app: Flask) -> set[tuple[str, str]]:
    return {
        (method.lower(), re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in declared_rules(app.url_map)
        if not rule.is_alias
        for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}
    }


def documented(settings: Settings) -> set[tuple[str, str]]:
    paths = openapi_document(rows_of(settings))["paths"]
    return {
        (method, path)
        for path, operations in paths.items()
        for method in operations
        if not path.startswith("/{scheme}")
    }


@pytest.mark.parametrize("settings", [Settings(openai_api_key="k"), NATIVE])
def test_every_route_is_documented_and_nothing_else(settings: Settings) -> None:
    assert documented(settings) == routes(create_app(settings))


def test_every_dynamic_route_is_documented() -> None:
    methods = {"messages": "post", "count_tokens": "post", "models": "get"}
    expected = {
        (methods[endpoint], "/".join((start, *path)))
        for path, endpoint in ENDPOINTS
        for start in ("/{scheme}/{host}", "/{scheme}/{host}/{prefix}")
    }
    found = dynamic_rows(rows_of(NATIVE))
    assert {(row.method.lower(), row.path) for row in found} == expected


def test_open_routes_are_those_that_need_no_key(document: Json) -> None:
    client = create_app(
        Settings(openai_base_url="http://127.0.0.1:9/v1", openai_api_key="k", auth_keys=("secret",))
    ).test_client()
    for method, path in documented(Settings(openai_api_key="k")):
        refused = client.open(re.sub(r"{\w+}", "x", path), method=method).status_code == 401
        operation = document["paths"][path][method]
        assert ("401" in operation["responses"]) is refused
        assert (operation.get("security") == []) is not refused


def test_every_operation_has_a_name_of_its_own(document: Json) -> None:
    names = [
        operation["operationId"]
        for path in document["paths"].values()
        for operation in path.values()
    ]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z0-9_]+", name) for name in names)


def test_headers_of_the_table_are_used() -> None:
    used = {
        name
        for row in rows_of(NATIVE)
        for answered in row.operation.answers.values()
        for name in answered.headers
    }
    assert used | {"request-id", "x-request-id", "retry-after", "x-should-retry"} == set(HEADERS)


@pytest.mark.parametrize("name", ["plain", "tools, streamed"])
def test_example_requests_are_accepted(document: Json, name: str) -> None:
    example = copy.deepcopy(examples.REQUESTS["MessageRequest"][name]["value"])
    assert faults(document, "MessageRequest", example) == []
    load_message_request(example)


@pytest.mark.parametrize("name", ["plain", "tools"])
def test_example_counts_are_accepted(document: Json, name: str) -> None:
    example = copy.deepcopy(examples.REQUESTS["CountTokensRequest"][name]["value"])
    assert faults(document, "CountTokensRequest", example) == []
    load_count_request(example)


@pytest.mark.parametrize("name", sorted(examples.ANSWERS))
def test_example_answers_are_what_the_schemas_say(document: Json, name: str) -> None:
    assert faults(document, name, examples.ANSWERS[name]) == []


def test_the_example_of_a_stream_is_one(document: Json) -> None:
    assert [event["type"] for event in events(examples.STREAM)] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    for event in events(examples.STREAM):
        assert faults(document, "StreamEvent", event) == []


def events(stream: str) -> list[Json]:
    found = []
    for block in stream.split("\n\n"):
        lines = block.split("\n")
        if lines[0].startswith("event: "):
            data = json.loads(lines[1].removeprefix("data: "))
            assert data["type"] == lines[0].removeprefix("event: ")
            found.append(data)
    return found


GET_ANSWERS = [
    ("/health", "Health"),
    ("/healthz", "Health"),
    ("/livez", "Health"),
    ("/readyz", "Readiness"),
    ("/", "Service"),
    ("/status", "Service"),
    ("/v1/stats", "Stats"),
    ("/v1/models", "ModelPage"),
    ("/v1/models/up/one", "Model"),
    ("/v1/models/nope", "Error"),
    ("/v1/models?limit=0", "Error"),
    ("/nowhere", "Error"),
    ("/v1/messages", "Error"),
    ("/test-connection", "Probes"),
    ("/test-connection?all=1", "Probes"),
    ("/test-connection?model=x", "Probes"),
]


@pytest.mark.parametrize(("path", "component"), GET_ANSWERS)
def test_answers_are_what_the_schemas_say(
    document: Json, client: FlaskClient, upstream: UpstreamStub, path: str, component: str
) -> None:
    listing = {
        "data": [{"id": "up/one", "created": 1}, {"id": "two", "shutdown_date": "2030-01-01"}]
    }
    listed = json_answer(listing if "models" in path else completion())
    upstream.answer(json_answer({"error": {"message": "no"}}, 500) if "?model" in path else listed)
    upstream.default = listed
    # Something for the counters to show.
    if path == "/v1/stats":
        client.post("/v1/messages", json=message_request())
    response = client.get(path)
    assert faults(document, component, response.json) == []


CALLS = [
    ("post", "/v1/messages"),
    ("post", "/v1/messages/count_tokens"),
    ("get", "/v1/models"),
    ("get", "/v1/models/{model_id}"),
    ("get", "/test-connection"),
]


def statuses(document: Json, method: str, path: str) -> dict[str, Json]:
    """The responses of an operation by status, references followed."""
    found = {}
    for status, response in document["paths"][path][method]["responses"].items():
        name = response.get("$ref", "").rpartition("/")[2]
        found[status] = document["components"]["responses"][name] if name else response
    return found


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_what_limits_do_is_documented(
    document: Json, connect: Connect, upstream: UpstreamStub, method: str, path: str
) -> None:
    upstream.default = json_answer(completion() if "models" not in path else {"data": []})

    def ask(client: FlaskClient) -> Any:
        body = message_request() if method == "post" else None
        return client.open(path.replace("{model_id}", "x"), method=method.upper(), json=body)

    limited = connect(rate_limit_rpm=1)
    unknown = connect(rate_limit_rpm=1, rate_limit_fail="closed", redis_url="redis://127.0.0.1:1/0")
    answers = [ask(limited), ask(limited), ask(unknown)]
    assert [answer.status_code for answer in answers][1:] == [429, 503]
    for found in answers:
        documented = statuses(document, method, path)[str(found.status_code)]
        told = {name.lower() for name, _ in found.headers if "ratelimit" in name.lower()}
        # A model that is not there is an error, whose headers are documented for all alike.
        assert found.status_code == 404 or told <= documented["headers"].keys()
        assert "application/json" in documented["content"]
    schema = statuses(document, method, path)["503"]["content"]["application/json"]["schema"]
    assert "#/components/schemas/Error" in json.dumps(schema)


REPLIES: list[tuple[str, Callable[[], Any]]] = [
    ("text", lambda: json_answer(completion())),
    ("reasoning", lambda: json_answer(completion(reasoning_content="hm"))),
    ("refusal", lambda: json_answer(completion(None, "content_filter", refusal="no"))),
    (
        "usage",
        lambda: json_answer(
            {
                **completion(),
                "usage": {
                    "prompt_tokens": 10,
                    "completion_tokens": 5,
                    "total_tokens": 15,
                    "prompt_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 3},
                    "completion_tokens_details": {"reasoning_tokens": 4},
                },
            }
        ),
    ),
    (
        "tool",
        lambda: json_answer(
            completion(None, "tool_calls", tool_calls=[tool_call(0, "{}", id="c1", name="f")])
        ),
    ),
    ("failure", lambda: json_answer({"error": {"message": "no"}}, 500)),
]


@pytest.mark.parametrize("reply", [pytest.param(make, id=name) for name, make in REPLIES])
def test_messages_are_what_the_schema_says(
    document: Json, client: FlaskClient, upstream: UpstreamStub, reply: Callable[[], Any]
) -> None:
    upstream.answer(reply())
    response = client.post("/v1/messages", json=message_request())
    component = "Message" if response.status_code == 200 else "Error"
    assert faults(document, component, response.json) == []


STREAMS: list[tuple[str, Callable[[], Any]]] = [
    ("text", lambda: text_stream("a", "b")),
    ("tools", lambda: tool_stream(("c1", "f", '{"a": 1}'), ("c2", "g", "{}"))),
    ("thinking", lambda: sse(chunk(reasoning_content="hm"), chunk(content="x"), chunk("stop"))),
    ("filtered", lambda: sse(chunk(content="x"), chunk("content_filter"))),
    ("broken", lambda: sse(chunk(content="x"), done=False)),
    ("whole", lambda: answer(b'{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}]}')),
]


COMPACTING: list[Json] = [
    {"compaction": {"type": "summarize"}},
    {
        "context_management": {
            "edits": [{"type": "compact_20260112", "trigger": {"type": "input_tokens", "value": 1}}]
        }
    },
]


@pytest.mark.parametrize("finish", ["stop", "length"])
@pytest.mark.parametrize("fields", COMPACTING)
def test_compactions_are_what_the_schema_says(
    document: Json, client: FlaskClient, upstream: UpstreamStub, fields: Json, finish: str
) -> None:
    upstream.default = json_answer(completion(finish=finish))
    response = client.post("/v1/messages", json=message_request(**fields))
    assert faults(document, "Message", response.json) == []
    streamed = client.post("/v1/messages", json=message_request(stream=True, **fields))
    for line in streamed.text.splitlines():
        if line.startswith("data: "):
            event = json.loads(line.removeprefix("data: "))
            assert faults(document, "StreamEvent", event) == []


@pytest.mark.parametrize("reply", [pytest.param(make, id=name) for name, make in STREAMS])
def test_events_are_what_the_schema_says(
    document: Json, client: FlaskClient, upstream: UpstreamStub, reply: Callable[[], Any]
) -> None:
    upstream.answer(reply())
    response = client.post("/v1/messages", json=message_request(stream=True))
    found = events(response.text)
    response.close()
    assert found[0]["type"] == "message_start"
    assert [fault for event in found for fault in faults(document, "StreamEvent", event)] == []


@pytest.mark.parametrize(
    ("path", "component"),
    [
        ("/v1/messages/count_tokens", "TokenCount"),
        ("/v1/messages/test_conversion", "DryRun"),
        ("/api/event_logging/batch", "Nothing"),
    ],
)
def test_other_answers_are_what_the_schemas_say(
    document: Json, client: FlaskClient, path: str, component: str
) -> None:
    response = client.post(path, json=message_request(top_k=3), headers=KEY)
    assert response.status_code == 200
    assert faults(document, component, response.json) == []


HI: Json = {"role": "user", "content": "hi"}
EFFORT: Json = {"effort": "low", "format": None}
BARE: Json = {"type": "tool_addition"}
ADDITION: Json = {
    **BARE,
    "tool": {"type": "tool_definition", "definition": {"name": "look", "input_schema": {}}},
}


def edits(*asked: Json) -> Json:
    return {"context_management": {"edits": list(asked)}}


def test_the_schemas_of_requests_are_those_that_check_them(document: Json) -> None:
    for body, path in (
        ({"max_tokens": "x"}, "$.max_tokens"),
        ({"messages": []}, "$.messages"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "$.messages[0]"),
        ({"temperature": 2}, "$.temperature"),
        ({"tools": [{"type": "nope_1"}]}, "$.tools[0]"),
        ({"tools": [{"type": "computer_toolset_1"}]}, None),
        ({"tools": [{"type": "computer_1"}]}, "$.tools[0]"),
        ({"thinking": {"type": "enabled"}}, "$.thinking"),
        ({"tool_choice": "auto"}, None),
        ({"tool_choice": "tool"}, "$.tool_choice"),
        ({"system": None, "top_k": None}, None),
        ({"messages": [HI, {"role": "system", "content": [], "output_config": EFFORT}]}, None),
        ({"messages": [HI, {"role": "system", "output_config": {"effort": "x"}}]}, "$.messages[1]"),
        ({"messages": [HI, {"role": "system", "content": [ADDITION]}]}, None),
        ({"messages": [HI, {"role": "system", "content": [BARE]}]}, "$.messages[1]"),
        (edits({"type": "clear_thinking_20251015", "keep": "all"}), None),
        (edits({"type": "clear_thinking_20251015", "keep": "none"}), "$.context_management"),
        (edits({"type": "clear_everything"}), "$.context_management"),
    ):
        found = faults(document, "MessageRequest", message_request() | body)
        assert [fault.partition(":")[0] for fault in found] == ([path] if path else []), body
