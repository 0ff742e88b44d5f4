"""Whatever the schemas accept can be converted, however odd: a converter indexes and trusts."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import orjson
from hypothesis import event, given, settings
from hypothesis import strategies as st

from proxy.convert.request.messages_to_chat import message_request_to_chat
from proxy.errors import InvalidRequest
from proxy.providers.profiles.base import Profile
from proxy.schemas import load_message_request
from tests.convert.random_requests import FLAGS
from tests.convert.request.test_golden_requests import CASES, NAMES

REQUESTS = [orjson.loads((CASES / f"{name}.in.json").read_bytes())["request"] for name in NAMES]
ODD: list[Any] = [
    *(None, 0, 1, -1, 1.5, "", "x", "data:", True, False, [], {}, [1], [None], [[]], ["a"]),
    *({"type": "x"}, {"type": None}, {"type": []}, {"a": 1}, {"type": "file", "file_id": "f"}),
    *([{"type": "text", "text": "y"}], [{"type": "text"}], "direct"),
]
MEMBERS = [
    *("cache_control", "citations", "type", "content", "input", "title", "text", "context"),
    *("allowed_callers", "strict", "properties", "required", "additionalProperties", "is_error"),
    *("transformations", "signature", "error_code", "stdout", "user_location", "max_uses"),
]
"""What a converter may look for where the client put something else."""

Place = tuple[Any, Any]
"""A container and a key or index of it."""


def places(value: Any) -> Iterator[Place]:
    if isinstance(value, dict):
        members = list(value.items())
        yield from ((value, name) for name in MEMBERS if name not in value)
    elif isinstance(value, list):
        members = list(enumerate(value))
    else:
        return
    for key, member in members:
        yield value, key
        yield from places(member)


@settings(max_examples=250, deadline=None)
@given(st.data(), FLAGS)
def test_accepted_requests(data: st.DataObject, flags: dict[str, Any]) -> None:
    request = deepcopy(data.draw(st.sampled_from(REQUESTS)))
    for _ in range(data.draw(st.integers(1, 2))):
        container, key = data.draw(st.sampled_from(list(places(request))))
        container[key] = deepcopy(data.draw(st.sampled_from(ODD)))
    try:
        accepted = load_message_request(request)
    except InvalidRequest:
        event("refused by the schemas")
        return
    profile = Profile(**flags, schema_drop=("$schema", "format", "additionalProperties"))
    try:
        chat = message_request_to_chat(accepted, profile, model="m", max_tokens=5)
    except InvalidRequest:
        event("refused by the converter")
        return
    event("converted")
    assert orjson.dumps(chat.body)
    assert chat.drops.header().isascii()
    assert chat.drops.header().isprintable()
