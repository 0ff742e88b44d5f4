"""A request that has ended is freed at once, not by the garbage collector.

A reference cycle that holds a request of 100 kB keeps thousands of objects until a full collection, which
then stops the worker for ten milliseconds.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.api.conftest import message_request
from tests.api.test_native import MESSAGE, native_app
from tests.upstream_stub import (
    UpstreamStub,
    completion,
    json_answer,
    text_stream,
    tool_stream,
)

PATH = "/v1/messages"
OF_A_REQUEST = (
    "proxy.convert",
    "proxy.relay.call",
    "proxy.relay.cancel",
    "proxy.telemetry.request",
)
"""Modules whose objects belong to one request; those of an application that another test left do not count."""
TOOLS = [{"name": "get_weather", "input_schema": {"type": "object", "properties": {}}}]
WHOLE = message_request(tools=TOOLS)
STREAM = message_request(tools=TOOLS, stream=True)


@pytest.fixture
def garbage() -> Iterator[Callable[[], list[str]]]:
    """The types of objects of requests that only the collector freed since the last call."""
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)

    def found() -> list[str]:
        gc.collect()
        types = [type(thing) for thing in gc.garbage]
        gc.garbage.clear()
        return [kind.__name__ for kind in types if kind.__module__.startswith(OF_A_REQUEST)]

    yield found
    gc.set_debug(0)
    gc.garbage.clear()
    gc.enable()


@pytest.mark.parametrize(
    ("request_body", "answer", "status"),
    [
        pytest.param(WHOLE, json_answer(completion("Hello")), 200, id="whole"),
        pytest.param(STREAM, text_stream("Hel", "lo"), 200, id="stream"),
        pytest.param(
            STREAM, tool_stream(("call_1", "get_weather", '{"a": 1}')), 200, id="tool stream"
        ),
        pytest.param(WHOLE, json_answer({"error": {"message": "no"}}, 400), 400, id="refused"),
        pytest.param(STREAM, json_answer({"error": {"message": "no"}}, 503), 529, id="overloaded"),
        pytest.param({**WHOLE, "max_tokens": "x"}, None, 400, id="invalid"),
    ],
)
def test_nothing_is_left_of_a_request(
    client: FlaskClient,
    upstream: UpstreamStub,
    garbage: Callable[[], list[str]],
    request_body: dict[str, Any],
    answer: Any,
    status: int,
) -> None:
    for _ in range(2):
        for _ in range(4 if answer else 0):
            upstream.answer(answer)
        response = client.post(PATH, json=request_body)
        response.get_data()
        assert response.status_code == status
        response.close()
        del response
        left = garbage()
    assert left == []


@pytest.mark.parametrize("streamed", [False, True])
def test_nothing_is_left_of_a_native_request(
    upstream: UpstreamStub, garbage: Callable[[], list[str]], streamed: bool
) -> None:
    client = native_app(upstream)
    for _ in range(2):
        upstream.answer(json_answer(MESSAGE))
        response = client.post(PATH, json=message_request(stream=streamed))
        assert response.get_json() == MESSAGE
        response.close()
        del response
        left = garbage()
    assert left == []
