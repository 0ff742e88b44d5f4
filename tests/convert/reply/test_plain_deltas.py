from __future__ import annotations

from typing import Any

import pytest

from proxy.convert.reply.plain_deltas import plain_arguments, plain_reasoning, plain_text
from tests.convert.chunk_builders import chunk, end, entry, reasoning, text, tool, tools

CALLS = [{"index": 0}]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        pytest.param(text("a"), "a", id="text"),
        pytest.param(chunk({"role": "assistant", "content": "a", "tool_calls": None}), "a", id="nulls"),
        pytest.param(chunk({"content": "a", "reasoning_details": []}), "a", id="empty list"),
        pytest.param(chunk({"content": "a", "extra_content": {"x": 1}}), None, id="state"),
        pytest.param(chunk({"content": "a"}, usage=None), "a", id="no usage"),
        pytest.param(text(""), None, id="empty"),
        pytest.param(text(["a"]), None, id="parts"),
        pytest.param(text("a", "stop"), None, id="finish"),
        pytest.param(chunk({"content": "a"}, usage={"x": 1}), None, id="usage"),
        pytest.param(chunk({"content": "a"}, error={"x": 1}), None, id="error"),
        pytest.param(chunk({"content": "a", "reasoning": "b"}), None, id="reasoning"),
        pytest.param(chunk({"content": "a", "tool_calls": CALLS}), None, id="tool calls"),
        pytest.param(chunk({"content": "a", "refusal": "b"}), None, id="refusal"),
        pytest.param({"choices": [{"index": 1, "delta": {"content": "a"}}]}, None, id="index 1"),
        pytest.param({"choices": []}, None, id="no choice"),
        pytest.param({"choices": [None]}, None, id="null choice"),
        pytest.param({"choices": [{"delta": None}]}, None, id="null delta"),
        pytest.param({"choices": [{"delta": {"content": "a"}}] * 2}, None, id="two choices"),
        pytest.param({"choices": [{"delta": {"content": "a"}, "usage": {"x": 1}}]}, None, id="in it"),
        pytest.param(None, None, id="null"),
        pytest.param("a", None, id="string"),
    ],
)  # fmt: skip
def test_plain_text(item: object, expected: str | None) -> None:
    assert plain_text(item) == expected


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        pytest.param(reasoning("a"), "a", id="reasoning"),
        pytest.param(chunk({"content": None, "reasoning_content": "a"}), "a", id="null content"),
        pytest.param(chunk({"content": "b", "reasoning_content": "a"}), None, id="content"),
        pytest.param(chunk({"reasoning": "a", "reasoning_content": "a"}), None, id="two spellings"),
        pytest.param(chunk({"reasoning": "a"}), None, id="the other spelling"),
        pytest.param(reasoning(["a"]), None, id="parts"),
        pytest.param(text("a"), None, id="text"),
        pytest.param(5, None, id="number"),
    ],
)
def test_plain_reasoning(item: object, expected: str | None) -> None:
    assert plain_reasoning(item, "reasoning_content") == expected


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        pytest.param(tool(2, arguments="a"), "a", id="arguments"),
        pytest.param(tool(2, "call_1", arguments="a"), "a", id="its id"),
        pytest.param(tool(2, "call_2", arguments="a"), None, id="another id"),
        pytest.param(tool(2, name="f", arguments="a"), None, id="a name"),
        pytest.param(tool(2, arguments=""), None, id="empty"),
        pytest.param(tool(2, arguments={"a": 1}), None, id="an object"),
        pytest.param(tool(1, arguments="a"), None, id="another index"),
        pytest.param(tool(arguments="a"), None, id="no index"),
        pytest.param(tools(entry(2, arguments="a"), entry(2, arguments="b")), None, id="two"),
        pytest.param(chunk({"content": "x", "tool_calls": [entry(2, arguments="a")]}), None, id="text too"),
        pytest.param(tools({"index": 2, "custom": {"input": "a"}}), None, id="custom"),
        pytest.param(tools({**entry(2, arguments="a"), "custom": {}}), None, id="custom too"),
        pytest.param(tools({**entry(2, arguments="a"), "extra_content": {"x": 1}}), None, id="state"),
        pytest.param(chunk({"tool_calls": [None]}), None, id="null"),
        pytest.param(end(), None, id="finish"),
    ],
)  # fmt: skip
def test_plain_arguments(item: Any, expected: str | None) -> None:
    assert plain_arguments(item, 2, "call_1") == expected
