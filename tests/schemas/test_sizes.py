"""The bounds of lists (docs/protocol.md section 9)."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from proxy.schemas import load_count_request, load_message_request
from proxy.schemas.sizes import MAX_BLOCKS, MAX_MESSAGES, MAX_TOOLS
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


def turns(count: int) -> list[Json]:
    return [(user, assistant)[number % 2]("x") for number in range(count)]


def document(blocks: int) -> Json:
    content = [text("x")] * blocks
    return {"type": "document", "source": {"type": "content", "content": content}}


def results(*blocks: int) -> list[Json]:
    """A history whose last turn has one result for each number, with that many blocks."""
    used = [tool_use(id=f"a{number}") for number in range(len(blocks))]
    told = [
        tool_result(tool_use_id=f"a{number}", content=[text("x")] * count)
        for number, count in enumerate(blocks)
    ]
    return [user("x"), assistant(*used), user(*told)]


BLOCKS = (
    "content: a message should have at most 10000 blocks, including those in its tool results and "
    "documents, not 10001"
)


@pytest.mark.parametrize(
    ("allowed", "refused", "message"),
    [
        pytest.param(
            {"tools": [tool(name=f"t{number}") for number in range(MAX_TOOLS)]},
            {"tools": [1] * (MAX_TOOLS + 1)},
            "tools: List should have at most 2048 items after validation, not 2049",
            id="9 tools",
        ),
        pytest.param(
            {"messages": turns(MAX_MESSAGES - 1)},
            {"messages": turns(MAX_MESSAGES + 1)},
            "messages: List should have at most 100000 items after validation, not 100001",
            id="9 messages",
        ),
        pytest.param(
            {"messages": [user(*[text("x")] * MAX_BLOCKS)]},
            {"messages": [user("x"), assistant("x"), user(*[text("x")] * (MAX_BLOCKS + 1))]},
            f"messages.2.{BLOCKS}",
            id="9 blocks",
        ),
        pytest.param(
            {"messages": results(MAX_BLOCKS - 1)},
            {"messages": results(MAX_BLOCKS)},
            f"messages.2.{BLOCKS}",
            id="9 blocks of a result",
        ),
        pytest.param(
            {"messages": results(*[99] * 100)},
            {"messages": results(*[99] * 100, 0)},
            f"messages.2.{BLOCKS}",
            id="9 blocks of all results",
        ),
        pytest.param(
            {"messages": [user(document(MAX_BLOCKS - 1))]},
            {"messages": [user(document(MAX_BLOCKS))]},
            f"messages.0.{BLOCKS}",
            id="9 blocks of a document",
        ),
        pytest.param(
            {"system": [text("x")] * MAX_BLOCKS},
            {"system": [text("x")] * (MAX_BLOCKS + 1)},
            "system: List should have at most 10000 items after validation, not 10001",
            id="9 system blocks",
        ),
    ],
)
def test_bounds_of_lists(allowed: dict[str, Any], refused: dict[str, Any], message: str) -> None:
    for load in (load_message_request, load_count_request):
        load(orjson.dumps(request(**allowed)))
    assert refusal(request(**refused)) == message


@pytest.mark.parametrize("turns", [None, 1, [1, {}, {"content": [1, None, [2]]}]])
def test_what_is_no_list_is_refused_by_its_shape(turns: object) -> None:
    assert refusal(request(messages=turns)).startswith("messages")


def test_values_of_unknown_members_are_dropped_and_their_names_are_kept() -> None:
    body = request(
        unknown=[[]] * 1000,
        service_tier="auto",
        blank=[],
        nothing={},
        empty="",
        absent=None,
        cache_control={"type": "ephemeral"},
        container={"id": "c"},
        thread={"type": "create"},
        mcp_servers=[],
    )
    loaded = load_message_request(orjson.dumps(body))
    assert loaded.pop("unknown") is True
    assert loaded == {
        name: value
        for name, value in body.items()
        if name not in ("unknown", "blank", "nothing", "empty", "absent")
    }
