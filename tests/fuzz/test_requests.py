"""Laws over request bodies: valid ones are answered, damaged ones refused by the name of a field."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import gevent
import orjson
import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from tests.convert.random_requests import REQUESTS
from tests.fuzz.answers import HANG_SECONDS, assert_error, assert_message, assert_stream
from tests.fuzz.budget import law
from tests.schemas.test_agreement import BODIES, JSON_VALUES, mutated_bodies
from tests.upstream_stub import Recorded, Script, UpstreamStub, completion, json_answer, text_stream

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")
Json = dict[str, Any]
ANSWER = "The answer"


def _valid(body: Json) -> Json:
    """``body`` without what is refused on purpose: nothing said, and choices among no tools."""
    for turn in body["messages"]:
        turn["content"] = turn["content"] or "x"
    # A question: blocks that are dropped say nothing.
    body["messages"].insert(0, {"role": "user", "content": "x"})
    if not body.get("tools"):
        body.pop("tool_choice", None)
    if "stop_sequences" in body:
        body["stop_sequences"] = [f"{stop}." for stop in body["stop_sequences"]]
    return body


def _forces_server_tool(body: Json) -> bool:
    """What a Chat upstream cannot do: its refusal is tested elsewhere."""
    return bool(body.get("tool_choice", {}).get("name") == "web_search")


VALID = st.one_of(
    REQUESTS.map(_valid),
    st.sampled_from([body for body in BODIES if not _forces_server_tool(body)]).map(copy.deepcopy),
)


def _replied(recorded: Recorded) -> Script:
    if recorded.json.get("stream"):
        return text_stream(*ANSWER)
    return json_answer(completion(ANSWER))


def asked(client: FlaskClient, body: bytes, path: str = "/v1/messages") -> TestResponse:
    """The whole answer to ``body``."""
    with gevent.Timeout(HANG_SECONDS):
        response = client.post(path, data=body, content_type="application/json")
        assert response.data
    response.close()
    return response


@law
@given(VALID)
def test_a_valid_request_is_answered(client: FlaskClient, stub: UpstreamStub, body: Json) -> None:
    stub.default = _replied
    stub.requests.clear()
    response = asked(client, orjson.dumps(body))
    assert response.status_code == 200, response.data
    if body.get("stream"):
        deltas = [event.get("delta", {}) for event in assert_stream(response)]
        assert "".join(delta.get("text", "") for delta in deltas) == ANSWER
    else:
        assert assert_message(response)["content"] == [{"type": "text", "text": ANSWER}]
    [sent] = stub.requests
    assert sent.json["messages"]
    assert sent.json.get("stream", False) is bool(body.get("stream"))


@law
@given(VALID)
def test_the_tokens_of_a_valid_request_are_counted(client: FlaskClient, body: Json) -> None:
    counted = {name: body[name] for name in body if name in COUNTED}
    response = asked(client, orjson.dumps(counted), "/v1/messages/count_tokens")
    assert response.status_code == 200, response.data
    assert orjson.loads(response.data)["input_tokens"] >= 0


COUNTED = frozenset(
    {"model", "messages", "system", "tools", "tool_choice", "thinking", "output_config"}
)


OBJECTS: st.SearchStrategy[Any] = st.just({"a": 1})
NUMBERS: st.SearchStrategy[Any] = st.sampled_from([-1, 0.5, 7, 10**30])
TEXTS: st.SearchStrategy[Any] = st.text(min_size=1, max_size=5)
LISTS: st.SearchStrategy[Any] = st.just([1])
FLAGS: st.SearchStrategy[Any] = st.booleans()
WRONG: list[tuple[str, st.SearchStrategy[Any]]] = [
    ("model", NUMBERS | FLAGS | LISTS | OBJECTS | st.none()),
    ("max_tokens", st.sampled_from([-1, 0.5, "x", [], {}, True])),
    ("messages", NUMBERS | TEXTS | FLAGS | OBJECTS | st.none() | st.just([])),
    ("messages.0", NUMBERS | TEXTS | FLAGS | LISTS | st.none()),
    ("messages.0.role", NUMBERS | FLAGS | LISTS | OBJECTS | st.sampled_from(["", "tool", "User"])),
    ("messages.0.content", NUMBERS | FLAGS | OBJECTS),
    ("messages.0.content.0", NUMBERS | FLAGS | TEXTS | LISTS),
    ("messages.0.content.0.type", NUMBERS | FLAGS | LISTS | OBJECTS | st.just("nothing")),
    ("system", NUMBERS | FLAGS | OBJECTS | LISTS),
    ("stream", NUMBERS | TEXTS | LISTS | OBJECTS),
    ("temperature", st.sampled_from([-0.1, 1.1, 1e300]) | TEXTS | LISTS | OBJECTS | FLAGS),
    ("top_p", st.sampled_from([-0.1, 1.1]) | TEXTS | LISTS | OBJECTS),
    ("stop_sequences", NUMBERS | TEXTS | OBJECTS | LISTS),
    ("tools", NUMBERS | TEXTS | FLAGS | OBJECTS | LISTS),
    ("tool_choice", NUMBERS | TEXTS | LISTS | OBJECTS),
    ("thinking", NUMBERS | TEXTS | LISTS | OBJECTS),
    ("metadata", NUMBERS | TEXTS | LISTS),
]
"""Fields, and values that none of them may have."""


@law
@given(VALID, st.sampled_from(WRONG).flatmap(lambda row: st.tuples(st.just(row[0]), row[1])))
def test_a_wrong_value_is_refused_by_its_fields_name(
    client: FlaskClient, stub: UpstreamStub, body: Json, wrong: tuple[str, Any]
) -> None:
    stub.requests.clear()
    path, value = wrong
    # What would be refused as well, and might be named first.
    body = {"model": "m", "max_tokens": 9, "messages": body["messages"]}
    first = body["messages"][0]
    if isinstance(first["content"], str):
        first["content"] = [{"type": "text", "text": "x"}]
    holder: Any = body
    *way, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    for key in way:
        holder = holder[key]
    holder[last] = value
    response = asked(client, orjson.dumps(body, default=str) if value != 10**30 else _huge(body))
    assert response.status_code == 400, (path, value)
    # The tag of a union is part of the whole, and it is the whole that is refused.
    named = path.removesuffix(".type")
    assert re.match(rf"{re.escape(named)}\b", assert_error(response)), (path, value)
    assert stub.requests == []


def _huge(body: Json) -> bytes:
    # orjson writes no integer above 64 bits.
    return json.dumps(body).encode()


FIELD_NAMED = re.compile(
    r"[A-Za-z_][\w.\-]*: .|Tool '.*' not found in provided tools|.* is not supported here: .*|`max_tokens` must be greater than",
    re.DOTALL,
)
"""The exceptions are Anthropic's own words (docs/protocol.md section 9)."""


@law
@given(mutated_bodies())
def test_a_mutated_request_is_answered_or_refused_by_a_fields_name(
    client: FlaskClient, stub: UpstreamStub, body: Json
) -> None:
    stub.default = _replied
    response = asked(client, orjson.dumps(body))
    if response.status_code != 200:
        message = assert_error(response)
        assert response.status_code == 400
        assert FIELD_NAMED.match(message), message


@st.composite
def damaged_bytes(draw: st.DrawFn) -> bytes:
    """The bytes of a request, cut, doubled, or with some of them changed."""
    data = bytearray(orjson.dumps(draw(st.sampled_from(BODIES))))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        action = draw(st.sampled_from(["cut", "insert", "replace", "remove"]))
        if action == "cut":
            del data[at:]
        elif action == "remove":
            del data[at : at + draw(st.integers(1, 5))]
        elif action == "insert":
            data[at:at] = draw(PIECES)
        else:
            piece = draw(PIECES)
            data[at : at + len(piece)] = piece
    return bytes(data)


PIECES = st.one_of(
    st.binary(max_size=4),
    st.sampled_from(
        [b"[" * 3000, b'{"a":' * 3000, b"9" * 5000, b"1e999", b"NaN", b"-0", b"\\ud800", b"\x00",
         b"\xff\xfe", b"\xef\xbb\xbf", b'"', b"\\", b",", b"null", b"true", b"-", b"\\u0000"]
    ),
)  # fmt: skip


@law
@given(st.one_of(damaged_bytes(), JSON_VALUES.map(orjson.dumps), st.binary(max_size=50)))
def test_any_bytes_are_answered_or_refused(
    client: FlaskClient, stub: UpstreamStub, body: bytes
) -> None:
    stub.default = _replied
    for path in ("/v1/messages", "/v1/messages/count_tokens", "/v1/messages/test_conversion"):
        response = asked(client, body, path)
        if response.status_code != 200:
            assert_error(response)
            assert response.status_code == 400
