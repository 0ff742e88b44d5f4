"""Tools without a schema of their own: docs/protocol.md 1.3, edge case 95a."""

from __future__ import annotations

from typing import Any

import pytest

from tests.convert.request_builders import convert

EDIT = ["view", "create", "str_replace", "insert"]
MOUSE = [
    "key",
    "type",
    "mouse_move",
    "left_click",
    "left_click_drag",
    "right_click",
    "middle_click",
    "double_click",
    "screenshot",
    "cursor_position",
]
MORE = ["left_mouse_down", "left_mouse_up", "scroll", "hold_key", "wait", "triple_click"]
EDIT_ARGUMENTS = {
    "command",
    "path",
    "file_text",
    "old_str",
    "new_str",
    "insert_line",
    "view_range",
}
CLICK_ARGUMENTS = {"action", "coordinate", "text"}
LATER_ARGUMENTS = {"start_coordinate", "scroll_direction", "scroll_amount", "duration"}
SCREEN = {"display_width_px": 1024, "display_height_px": 768}


def function_for(tool_type: str, name: str, **extra: Any) -> dict[str, Any]:
    chat = convert(tools=[{"type": tool_type, "name": name, **extra}])
    function: dict[str, Any] = chat.body["tools"][0]["function"]
    assert chat.drops.report() == []
    return function


@pytest.mark.parametrize(
    ("tool_type", "extra", "arguments", "required", "choices"),
    [
        pytest.param(
            "bash_20250124", {}, {"command", "restart"}, [], None, id="1.3 bash_* as a function"
        ),
        pytest.param(
            "text_editor_20250728",
            {},
            EDIT_ARGUMENTS | {"insert_text"},
            ["command", "path"],
            EDIT,
            id="1.3 text_editor_* as a function",
        ),
        pytest.param(
            "text_editor_20241022",
            {},
            EDIT_ARGUMENTS,
            ["command", "path"],
            [*EDIT, "undo_edit"],
            id="1.3 text_editor_*, the form that could undo",
        ),
        pytest.param(
            "memory_20250818",
            {},
            EDIT_ARGUMENTS | {"insert_text", "old_path", "new_path"},
            ["command"],
            [*EDIT, "delete", "rename"],
            id="1.3 memory_* as a function",
        ),
        pytest.param(
            "computer_20241022",
            SCREEN,
            CLICK_ARGUMENTS,
            ["action"],
            MOUSE,
            id="1.3 computer_*, the first form",
        ),
        pytest.param(
            "computer_20250124",
            SCREEN,
            CLICK_ARGUMENTS | LATER_ARGUMENTS,
            ["action"],
            [*MOUSE, *MORE],
            id="1.3 computer_* as a function",
        ),
        pytest.param(
            "computer_20251124",
            {**SCREEN, "enable_zoom": True},
            CLICK_ARGUMENTS | LATER_ARGUMENTS | {"region"},
            ["action"],
            [*MOUSE, *MORE, "zoom"],
            id="1.3 computer_* with zoom",
        ),
    ],
)
def test_builtin(
    tool_type: str,
    extra: dict[str, Any],
    arguments: set[str],
    required: list[str],
    choices: list[str] | None,
) -> None:
    function = function_for(tool_type, "thing", **extra)
    parameters = function["parameters"]
    assert function["name"] == "thing"
    assert function["description"]
    assert parameters["type"] == "object"
    assert set(parameters["properties"]) == arguments
    assert parameters["required"] == required
    if choices is not None:
        assert parameters["properties"][required[0]]["enum"] == choices
    assert all("description" in argument for argument in parameters["properties"].values())


@pytest.mark.parametrize(
    ("tool_type", "extra", "told"),
    [
        pytest.param(
            "computer_20250124",
            SCREEN,
            "1024 pixels wide and 768 high",
            id="1.3 size of the screen",
        ),
        pytest.param(
            "computer_20250124",
            {**SCREEN, "display_number": 0},
            "X11 display 0.",
            id="1.3 number of the display",
        ),
        pytest.param(
            "text_editor_20250728",
            {"max_characters": 900},
            "cut after 900 characters",
            id="1.3 limit of a view",
        ),
        pytest.param(
            "bash_20250124",
            {"input_examples": [{"command": "ls"}]},
            '\n\nExamples:\n{"command":"ls"}',
            id="1.3 examples of a built-in tool",
        ),
        pytest.param(
            "text_editor_20250124",
            {},
            "insert: put new_str after line insert_line",
            id="1.3 the older editor inserts new_str",
        ),
    ],
)
def test_description(tool_type: str, extra: dict[str, Any], told: str) -> None:
    assert told in function_for(tool_type, "thing", **extra)["description"]


def test_definitions_are_not_shared_between_requests() -> None:
    first = function_for("computer_20250124", "computer", **SCREEN)
    first["parameters"]["properties"].clear()
    assert function_for("computer_20250124", "computer", **SCREEN)["parameters"]["properties"]
