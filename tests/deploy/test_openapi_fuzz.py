"""Random valid and invalid requests generated from the OpenAPI document.

Rule: whatever is asked, the answer is one that the document names: its status, content type, body and
headers; never a 500. The upstream is a stub on loopback.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from config.settings import Settings
from proxy.api.context import EXTENSION
from proxy.api.declaration import described
from proxy.api.openapi.document import openapi_document
from proxy.api.openapi.fields import JSON_OBJECT
from proxy.app import create_app
from tests.api.test_openapi import events, faults
from tests.upstream_stub import (
    Recorded,
    Script,
    UpstreamStub,
    completion,
    json_answer,
    text_stream,
    tool_call,
    tool_stream,
)

KEY = "front-key-1234"
CHECKS = [
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
]
EXAMPLES = 10
OF_SCHEMAS = re.compile(
    "Input should be|Field required|Unable to extract tag|Input tag|invalid base64|"
    "String should have|not valid JSON|must contain non-whitespace|content-type"
)
"""Words of refusals that a schema could have foretold (``proxy.schemas.wording``)."""

schemathesis.openapi.format(
    JSON_OBJECT,
    st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5)).map(json.dumps),
)


def reply(recorded: Recorded) -> Script:
    """What the stub answers: every kind of reply, chosen by what it was sent."""
    if recorded.method == "GET":
        return json_answer({"data": [{"id": "a/b", "created": 1}, {"id": "c"}]})
    choice = sum(recorded.body) % 5
    if choice == 4:
        return json_answer(
            {"error": {"message": "no"}}, (400, 401, 404, 429, 503)[len(recorded.body) % 5]
        )
    if recorded.json.get("stream"):
        return tool_stream(("c1", "f", "{}")) if choice == 1 else text_stream("x", "y")
    calls: dict[str, Any] = {"tool_calls": [tool_call(0, '{"a":1}', id="c1", name="f")]}
    return json_answer(completion("x", "stop", **calls) if choice == 1 else completion("x"))


@pytest.fixture(scope="module")
def stub() -> Iterator[UpstreamStub]:
    upstream = UpstreamStub(default=reply)
    yield upstream
    upstream.close()


@pytest.fixture(scope="module")
def app(stub: UpstreamStub) -> Iterator[Flask]:
    made = create_app(
        Settings(
            openai_base_url=stub.base_url,
            openai_api_key="sk-server",
            auth_keys=(KEY,),
            allowed_hosts=("localhost",),
        )
    )
    yield made
    made.extensions[EXTENSION].close()


DOCUMENT = openapi_document(described(create_app(Settings(openai_api_key="k")).url_map))
OPERATIONS = [
    (method, path) for path, operations in DOCUMENT["paths"].items() for method in operations
]
CASES = [(GenerationMode.POSITIVE, *operation) for operation in OPERATIONS] + [
    (GenerationMode.NEGATIVE, method, path)
    for method, path in OPERATIONS
    if "requestBody" in DOCUMENT["paths"][path][method] or "/v1/models" in path
]
"""The rest takes nothing that could be wrong."""


@pytest.mark.parametrize(("mode", "method", "path"), CASES)
@pytest.mark.long(except_every=3)
def test_answers_are_those_of_the_document(
    app: Flask, stub: UpstreamStub, mode: Any, method: str, path: str
) -> None:
    schema = schemathesis.openapi.from_wsgi("/openapi.json", app)
    operation = schema[path][method.upper()]
    named = {"scheme": "http", "host": f"localhost:{stub.port}", "prefix": "v1"}
    own = {name: value for name, value in named.items() if f"{{{name}}}" in path}
    headers = {"x-api-key": KEY, "authorization": "Bearer upstream-key"}

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        if own:
            case.path_parameters = {**(case.path_parameters or {}), **own}
        response = case.call(headers=headers)
        told = response.content.decode()
        assert response.status_code != 500, told
        # What is wrong may have been the host, which was put right above.
        must_refuse = mode is GenerationMode.NEGATIVE and not own
        negative = [negative_data_rejection] if must_refuse else []
        case.validate_response(response, checks=CHECKS + negative)
        # An answer without a body says no type.
        if response.headers.get("content-type", [""])[0].startswith("text/event-stream"):
            for event in events(told):
                assert faults(DOCUMENT, "StreamEvent", event) == []
        elif mode is GenerationMode.POSITIVE and response.status_code in (400, 415):
            assert not OF_SCHEMAS.search(json.loads(told)["error"]["message"]), told

    ask()
