"""What a request leaves behind is gone at its end, not at the next garbage collection.

A request may be as large as MAX_BODY_BYTES, and a collection comes only after thousands of objects: what
is in a cycle of references stays in memory for many requests.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.api.conftest import Connect, message_request
from tests.upstream_stub import Script, UpstreamStub, chunk, completion, json_answer, sse

MARK = "a prompt that nothing keeps"
REFUSAL = {"message": "Unsupported parameter: 'temperature'", "param": "temperature"}
TOOL = {"name": "t", "input_schema": {"type": "object"}}


@pytest.fixture(autouse=True)
def no_collection() -> Iterator[None]:
    """Collect nothing on its own."""
    gc.collect()
    gc.disable()
    yield
    gc.set_debug(0)
    gc.garbage.clear()
    gc.enable()


def marked() -> list[str]:
    """The types of all garbage that refers to the prompt."""
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.collect()
    gc.set_debug(0)
    return [type(each).__name__ for each in gc.garbage if _is_marked(each, depth=3)]


def _is_marked(value: Any, depth: int) -> bool:
    # Not isinstance, which fails for a weak proxy whose object is gone.
    kind = type(value)
    if kind in (str, bytes):
        return (MARK if kind is str else MARK.encode()) in value
    if not depth or kind not in (list, tuple, dict):
        return False
    inner = value.values() if kind is dict else value
    return any(_is_marked(each, depth - 1) for each in inner)


WHOLE = json_answer(completion())
STREAM = sse(chunk(content="Hello"), chunk("stop"))


@pytest.mark.parametrize(
    ("path", "members", "answers", "status"),
    [
        pytest.param("", {}, [WHOLE], 200, id="a whole answer"),
        pytest.param("", {"stream": True}, [STREAM], 200, id="a stream"),
        pytest.param("", {"tools": [TOOL]}, [WHOLE], 200, id="with tools"),
        pytest.param(
            "", {"tools": [TOOL], "stream": True}, [STREAM], 200, id="a stream with tools"
        ),
        pytest.param("", {"max_tokens": -1}, [], 400, id="refused here"),
        pytest.param(
            "", {"system": [{"type": "text", "text": 1}]}, [], 400, id="refused here, in a list"
        ),
        pytest.param("", {"stream": True}, [WHOLE], 200, id="a whole answer to a stream"),
        pytest.param(
            "", {"stream": True}, [sse({"error": {"message": "no"}})], 500, id="a failing stream"
        ),
        pytest.param("", {"stream": True}, [sse(chunk(content="Hel"))], 200, id="a cut stream"),
        pytest.param("", {}, [json_answer({"error": "no"}, 503)] * 9, 529, id="refused often"),
        pytest.param(
            "", {}, [json_answer({"error": {"message": "no"}}, 403)], 403, id="refused there"
        ),
        pytest.param(
            "",
            {"temperature": 0.5},
            [json_answer({"error": REFUSAL}, 400), WHOLE],
            200,
            id="healed",
        ),
        pytest.param("/count_tokens", {}, [], 200, id="a count"),
        pytest.param("/test_conversion", {}, [], 200, id="a dry run"),
    ],
)
def test_no_cycle_keeps_the_prompt(
    client: FlaskClient,
    upstream: UpstreamStub,
    path: str,
    members: dict[str, Any],
    answers: list[Script],
    status: int,
) -> None:
    asked = message_request(messages=[{"role": "user", "content": MARK}], **members)
    upstream.answer(*answers)
    response = client.post(f"/v1/messages{path}", json=asked)
    assert response.status_code == status
    response.get_data()
    response.close()
    del response, asked
    assert marked() == []


@pytest.mark.parametrize("path", ["", "/count_tokens"])
def test_no_cycle_keeps_the_prompt_of_a_native_request(
    connect: Connect, upstream: UpstreamStub, path: str
) -> None:
    message = {"type": "message", "content": [], "usage": {"input_tokens": 1, "output_tokens": 1}}
    upstream.answer(json_answer(message))
    client = connect(openai_base_url=upstream.base_url)
    asked = message_request(messages=[{"role": "user", "content": MARK}])
    client.post(f"/v1/messages{path}", json=asked)
    del asked
    assert marked() == []
