from __future__ import annotations

from typing import Any

import pytest

from proxy.convert.reply.tool_fragments import LEGACY_PLACE, legacy_fragment, tool_fragment

DEEP: dict[str, Any] = {}
for _ in range(300):
    DEEP = {"a": DEEP}


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        pytest.param(
            {"index": 1, "id": "c", "function": {"name": "f", "arguments": "{}"}},
            {"place": 1, "id": "c", "name": "f", "arguments": "{}", "custom": False},
            id="3 tool_calls function",
        ),
        pytest.param(
            {"id": "c", "type": "custom", "custom": {"name": "f", "input": "raw"}},
            {"name": "f", "arguments": "raw", "custom": True},
            id="3 tool_calls custom",
        ),
        pytest.param({"index": -1}, {"place": None}, id="edge 80 index -1"),
        pytest.param({"index": "0"}, {"place": None}, id="edge 80 index a string"),
        pytest.param({"index": True}, {"place": None}, id="edge 80 index true"),
        pytest.param({"index": 1.0}, {"place": None}, id="edge 80 index a float"),
        pytest.param({"function": {"name": None}}, {"name": ""}, id="edge 83 name null"),
        pytest.param({"function": {"name": 7}}, {"name": ""}, id="edge 83 name a number"),
        pytest.param({"function": {"name": " "}}, {"name": ""}, id="edge 83 name blank"),
        pytest.param({"function": "f", "id": 5}, {"name": "", "id": ""}, id="3 odd types"),
        pytest.param({"name": "f", "arguments": "{}"}, {"name": "f", "arguments": "{}"}, id="flat"),
        pytest.param(
            {"function": {"arguments": {"a": [1]}}}, {"arguments": '{"a":[1]}'}, id="3 an object"
        ),
        pytest.param({"function": {"arguments": None}}, {"arguments": ""}, id="edge 76 null"),
        pytest.param({"extra_content": {"google": {}}}, {"state": {"google": {}}}, id="10.3 state"),
        pytest.param({"extra_content": DEEP}, {"state": None}, id="10.3 state nobody can write"),
        pytest.param({"extra_content": {}}, {"state": None}, id="10.3 no state"),
    ],
)
def test_tool_fragment(entry: object, expected: dict[str, Any]) -> None:
    fragment = tool_fragment(entry)
    assert fragment is not None
    assert {name: getattr(fragment, name) for name in expected} == expected


@pytest.mark.parametrize("entry", [None, "f", 3, ["f"]], ids=str)
def test_what_is_no_object_is_no_fragment(entry: object) -> None:
    assert tool_fragment(entry) is None
    assert legacy_fragment(entry) is None


def test_3_legacy_function_call_is_one_call() -> None:
    fragment = legacy_fragment({"name": "f", "arguments": "{}"})
    assert fragment is not None
    assert (fragment.place, fragment.name, fragment.arguments) == (LEGACY_PLACE, "f", "{}")
