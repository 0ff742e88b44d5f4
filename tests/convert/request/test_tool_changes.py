"""The net changes of a request's tools by its system turns."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.convert.request.tool_changes import tool_changes

Block = dict[str, Any]

DECLARED: list[Block] = [{"name": "f", "input_schema": {}}, {"type": "computer_toolset_20260801"}]
G: Block = {"name": "g", "input_schema": {"type": "object"}}
OTHER_G: Block = {"name": "g", "description": "new", "input_schema": {"type": "object"}}


def by_name(name: str) -> Block:
    return {"type": "tool_reference", "name": name}


def by_value(definition: Block) -> Block:
    return {"type": "tool_definition", "definition": definition}


def mcp(server: str, name: str | None = None) -> Block:
    if name is None:
        return {"type": "mcp_toolset_reference", "server_name": server}
    return {"type": "mcp_tool_reference", "server_name": server, "name": name}


def add(tool: Any, **more: Any) -> Block:
    return {"type": "tool_addition", "tool": tool, **more}


def remove(tool: Any, **more: Any) -> Block:
    return {"type": "tool_removal", "tool": tool, **more}


MARKED = {"cache_control": {"type": "ephemeral"}}


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([add(by_value(G))], [add(by_value(G))], id="added"),
        pytest.param([add(by_value(G)), remove(by_name("g"))], [], id="added and removed"),
        pytest.param(
            [add(by_value(G)), add(by_value(OTHER_G))], [add(by_value(OTHER_G))], id="replaced"
        ),
        pytest.param(
            [add(by_value(G)), remove(by_name("g")), add(by_name("g"))],
            [add(by_value(G))],
            id="added again by name",
        ),
        pytest.param([remove(by_name("f"))], [remove(by_name("f"))], id="a declared one removed"),
        pytest.param(
            [remove(by_name("f")), add(by_name("f"))],
            [add(by_name("f"))],
            id="removed and added again",
        ),
        pytest.param(
            [remove(by_value({**G, "name": "f"}))], [remove(by_name("f"))], id="removed by value"
        ),
        pytest.param([remove(by_name("h"))], [], id="an unknown one removed"),
        pytest.param(
            [remove(mcp("s")), add(mcp("s", "a"))],
            [remove(mcp("s")), add(mcp("s", "a"))],
            id="of an MCP server",
        ),
        pytest.param(
            [remove(mcp("s", "a")), add(mcp("s", "a"))], [add(mcp("s", "a"))], id="an MCP tool"
        ),
        pytest.param(
            [add(by_value({**G, **MARKED}), **MARKED), remove({**by_name("f"), **MARKED})],
            [add(by_value(G)), remove(by_name("f"))],
            id="without cache markers",
        ),
        pytest.param([add(None), add("g"), add({}), add(by_value([]))], [], id="malformed"),  # type: ignore[arg-type]
        pytest.param([{"type": "text", "text": "x"}], [], id="other blocks"),
    ],
)
def test_changes(blocks: list[Block], expected: list[Block]) -> None:
    turns: list[Block] = [{"role": "user", "content": "q"}, {"role": "system", "content": blocks}]
    assert tool_changes(turns, DECLARED) == expected
    one_by_one: list[Block] = [{"role": "system", "content": [block]} for block in blocks]
    assert tool_changes(one_by_one, DECLARED) == expected
    # As an earlier block has them.
    changes = [block for block in blocks if block["type"] != "text"]
    summarized = {"type": "compaction", "content": "s", "tool_changes": changes}
    for role in ("user", "assistant"):
        assert tool_changes([{"role": role, "content": [summarized]}], DECLARED) == expected


@pytest.mark.parametrize(
    "turn",
    [
        {"role": "user", "content": [add(by_value(G))]},
        {"role": "assistant", "content": [add(by_value(G))]},
        {"role": "system", "content": "text"},
        {"role": "system"},
        {"role": "assistant", "content": [{"type": "compaction", "content": "s"}]},
        {"role": "assistant", "content": [{"type": "compaction", "tool_changes": None}]},
        {"role": "user", "content": "text"},
    ],
)
def test_other_turns_change_nothing(turn: Block) -> None:
    assert tool_changes([turn], []) == []
