"""Faults of tool blocks and tool definitions in the words of the Messages API (docs/protocol.md 9)."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from proxy.schemas import load_count_request, load_message_request
from tests.schemas.body_builders import (
    Json,
    assistant,
    refusal,
    request,
    text,
    tool,
    tool_result,
    tool_use,
    user,
)

PATTERN = "String should match pattern '^[a-zA-Z0-9_-]+$'"
SHORT = "String should have at least 1 character"
UNIQUE = "`tool_use` ids must be unique"
SERVER_CALL: Json = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
SERVER_RESULT: Json = {"type": "web_search_tool_result", "tool_use_id": "s", "content": []}
MCP_CALL: Json = {"type": "mcp_tool_use", "id": "m", "name": "f", "input": {}}
MCP_RESULT: Json = {"type": "mcp_tool_result", "tool_use_id": "m", "content": "x"}


@pytest.mark.parametrize(
    ("turns", "message"),
    [
        pytest.param(
            [user(), assistant(tool_use("")), user(tool_result(""))],
            f"messages.1.content.0.tool_use.id: {PATTERN}",
            id="id of a call",
        ),
        pytest.param(
            [user("x"), assistant(text(), tool_use(name=""))],
            f"messages.1.content.1.tool_use.name: {SHORT}",
            id="name of a call",
        ),
        pytest.param(
            [user("x"), assistant(tool_use()), user(text(), tool_result(""))],
            f"messages.2.content.1.tool_result.tool_use_id: {PATTERN}",
            id="id of a result",
        ),
        pytest.param(
            [user("x"), assistant({**SERVER_CALL, "id": ""})],
            f"messages.1.content.0.server_tool_use.id: {PATTERN}",
            id="id of a server call",
        ),
        pytest.param(
            [user("x"), assistant({**SERVER_CALL, "name": ""})],
            f"messages.1.content.0.server_tool_use.name: {SHORT}",
            id="name of a server call",
        ),
        pytest.param(
            [user("x"), assistant(SERVER_CALL, {**SERVER_RESULT, "tool_use_id": ""})],
            f"messages.1.content.1.web_search_tool_result.tool_use_id: {PATTERN}",
            id="id of a server result",
        ),
        pytest.param(
            [user("x"), assistant({**MCP_CALL, "id": ""})],
            f"messages.1.content.0.mcp_tool_use.id: {PATTERN}",
            id="id of an MCP call",
        ),
        pytest.param(
            [user("x"), assistant(MCP_CALL, {**MCP_RESULT, "tool_use_id": ""})],
            f"messages.1.content.1.mcp_tool_result.tool_use_id: {PATTERN}",
            id="id of an MCP result",
        ),
        pytest.param(
            [user("x"), assistant(tool_use(), tool_use()), user(tool_result())],
            f"messages.1.content.1: {UNIQUE}",
            id="twice in a row",
        ),
        pytest.param(
            [user("x"), assistant(tool_use(), text(), tool_use("b"), tool_use(name="other"))],
            f"messages.1.content.3: {UNIQUE}",
            id="apart, another tool, in the last turn",
        ),
        pytest.param(
            [user("x"), assistant(tool_use(), tool_use()), user("no result")],
            f"messages.1.content.1: {UNIQUE}",
            id="before a missing result is reported",
        ),
        pytest.param(
            [user("x"), assistant(tool_use()), assistant(tool_use()), user(tool_result())],
            f"messages.2.content.0: {UNIQUE}",
            id="in two messages of one turn",
        ),
        pytest.param(
            [
                user("x"),
                assistant(tool_use("a")),
                user(tool_result("a")),
                assistant(tool_use("b"), tool_use("b")),
                user(tool_result("b")),
            ],
            f"messages.3.content.1: {UNIQUE}",
            id="in a later turn",
        ),
    ],
)
def test_refused_turns(turns: list[Json], message: str) -> None:
    turns[0] = user("x")
    assert refusal(request(*turns)) == message


@pytest.mark.parametrize(
    "turns",
    [
        pytest.param(
            [user("x"), assistant(tool_use("a b:c.0")), user(tool_result("a b:c.0"))],
            id="odd characters",
        ),
        pytest.param(
            [
                user("x"),
                assistant(tool_use()),
                user(tool_result()),
                assistant(tool_use()),
                user(tool_result()),
            ],
            id="an id used again in a later turn",
        ),
        pytest.param(
            [user("x"), assistant(tool_use()), user(tool_result(), tool_result())],
            id="two results of one call",
        ),
        pytest.param(
            [user("x"), assistant(SERVER_CALL, SERVER_CALL, SERVER_RESULT)],
            id="ids of server calls",
        ),
        pytest.param([user("x"), assistant(tool_use(" "))], id="a blank id"),
    ],
)
def test_tolerated_turns(turns: list[Json]) -> None:
    load_message_request(orjson.dumps(request(*turns)))


@pytest.mark.parametrize(
    "kind",
    ["string", "array", "null", "Object", "", 5, True, [], ["string", "null"], {"object": 1}],
)
def test_a_schema_whose_root_is_no_object(kind: Any) -> None:
    definition = tool(input_schema={"type": kind, "properties": {}})
    for load in (load_message_request, load_count_request):
        load(orjson.dumps(request(tools=[tool()])))
        with pytest.raises(
            Exception, match=r"tools\.1\.custom\.input_schema\.type: Input"
        ) as caught:
            load(orjson.dumps(request(tools=[tool("b"), definition])))
        assert str(caught.value).endswith("Input should be 'object'")


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        {},
        {"type": None},
        {"type": ["object", "null"]},
        {"properties": {"type": {"type": "string"}}},
        {"$ref": "#/$defs/a", "$defs": {"a": {"type": "object"}}},
        {"anyOf": [{"type": "object"}, {"type": "string"}]},
    ],
)
def test_a_schema_that_admits_objects(schema: Json) -> None:
    load_message_request(orjson.dumps(request(tools=[tool(input_schema=schema)])))


def test_a_choice_without_a_name() -> None:
    choice = {"type": "tool", "name": ""}
    body = request(tools=[tool()], tool_choice=choice)
    assert refusal(body) == f"tool_choice.tool.name: {SHORT}"
