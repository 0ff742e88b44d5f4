"""Anthropic's tools without a schema of their own, which the client executes -> functions.

Rule: the descriptions are sufficient for a model that was not trained on these tools: they contain
the commands, the argument names that clients expect, and the client's limits (docs/protocol.md 1.3).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from proxy.convert.request.schema_parts import integer, integers, object_schema, string

Tool = Mapping[str, Any]
Definition = tuple[str, dict[str, Any]]
"""Description and JSON Schema of the arguments."""

PREFIXES = ("bash_", "text_editor_", "memory_", "computer_")


def builtin_definition(tool: Tool) -> Definition:
    """Description and parameters of a ``bash_*``, ``text_editor_*``, ``memory_*``, ``computer_*`` tool."""
    prefix = next(prefix for prefix in PREFIXES if tool["type"].startswith(prefix))
    return _DEFINITION_FOR_PREFIX[prefix](tool)


def _command(names: Sequence[str]) -> dict[str, Any]:
    return {"type": "string", "enum": list(names), "description": "The command to run."}


def _bash(tool: Tool) -> Definition:
    description = (
        "Run a command in a bash shell and get its output. The session persists between calls: "
        "working directory, variables and background processes stay. Commands cannot be "
        "interactive. If the shell hangs or broke, call this with restart set to true and no "
        "command."
    )
    properties = {
        "command": string("The bash command to run. Required unless restart is true."),
        "restart": {"type": "boolean", "description": "True restarts the shell."},
    }
    return description, object_schema(properties, [])


def _text_editor(tool: Tool) -> Definition:
    commands = ["view", "create", "str_replace", "insert"]
    undo = ""
    if tool["type"] in _EDITORS_WITH_UNDO:
        commands.append("undo_edit")
        undo = " undo_edit: take back the last edit of the file."
    limit = tool.get("max_characters")
    cut = f" A view is cut after {limit} characters." if limit else ""
    description = (
        "View, create and edit text files. view: show a file with line numbers, or list a "
        "directory. create: write a new file, or overwrite one, with file_text. str_replace: "
        "replace old_str, which must occur exactly once in the file including white space, by "
        f"new_str. insert: put insert_text after line insert_line.{undo}{cut}"
    )
    inserted = "new_str" if tool["type"] in _EDITORS_WITH_UNDO else "insert_text"
    properties = {
        "command": _command(commands),
        "path": string("Absolute path of the file or directory."),
        "file_text": string("For create: the whole content of the file."),
        "old_str": string("For str_replace: the text to replace, exactly as in the file."),
        "new_str": string("For str_replace: the text to put in its place."),
        "insert_line": integer("For insert: the line after which to insert; 0 is the beginning."),
        "insert_text": string("For insert: the text to insert."),
        "view_range": integers(
            "For view of a file: first and last line, counted from 1; -1 as the last means the end.",
            2,
        ),
    }
    if inserted == "new_str":
        del properties["insert_text"]
        properties["new_str"] = string(
            "For str_replace: the text to put in place of old_str. For insert: the text to insert."
        )
        description = description.replace("insert_text", "new_str")
    return description, object_schema(properties, ["command", "path"])


_EDITORS_WITH_UNDO = frozenset({"text_editor_20241022", "text_editor_20250124"})
"""The first two versions: they have ``undo_edit``, and the text to insert is in ``new_str``."""


def _memory(tool: Tool) -> Definition:
    description = (
        "Read and write notes that outlast this conversation, as files below /memories. Look at "
        "/memories before starting on a task, and save what will matter later. view: list a "
        "directory or show a file. create: write a file with file_text. str_replace: replace "
        "old_str, which must occur exactly once, by new_str. insert: put insert_text after line "
        "insert_line. delete: remove a file or directory. rename: move old_path to new_path."
    )
    commands = ["view", "create", "str_replace", "insert", "delete", "rename"]
    properties = {
        "command": _command(commands),
        "path": string("Path below /memories; for every command but rename."),
        "view_range": integers("For view of a file: first and last line, counted from 1.", 2),
        "file_text": string("For create: the whole content of the file."),
        "old_str": string("For str_replace: the text to replace, exactly as in the file."),
        "new_str": string("For str_replace: the text to put in its place."),
        "insert_line": integer("For insert: the line after which to insert; 0 is the beginning."),
        "insert_text": string("For insert: the text to insert."),
        "old_path": string("For rename: the present path."),
        "new_path": string("For rename: the new path."),
    }
    return description, object_schema(properties, ["command"])


_ACTIONS = (
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
)
_LATER_ACTIONS = (
    "left_mouse_down",
    "left_mouse_up",
    "scroll",
    "hold_key",
    "wait",
    "triple_click",
)
"""Since computer_20250124."""


def _computer(tool: Tool) -> Definition:
    width, height = tool.get("display_width_px"), tool.get("display_height_px")
    size = f" The screen is {width} pixels wide and {height} high." if width and height else ""
    number = tool.get("display_number")
    display = "" if number is None else f" It is X11 display {number}."
    description = (
        "Use the computer's screen, mouse and keyboard. Take a screenshot to see the result of an "
        f"action before the next one.{size}{display} Coordinates are [x, y] in pixels from the "
        "upper left corner; click in the middle of what you mean."
    )
    actions = list(_ACTIONS)
    properties = {
        "action": {"type": "string", "enum": actions, "description": "What to do."},
        "coordinate": integers(
            "[x, y]: where to click, scroll or move to; for left_click_drag where to end.", 2
        ),
        "text": string(
            "For type: the text. For key and hold_key: a key or combination such as Return or "
            "ctrl+s. For clicks and scroll: a modifier key to hold."
        ),
    }
    if tool["type"] != "computer_20241022":
        actions += _LATER_ACTIONS
        properties |= _LATER_PROPERTIES
    if tool.get("enable_zoom"):
        actions.append("zoom")
        properties["region"] = integers(
            "For zoom: [x0, y0, x1, y1], the part of the screen to see in full resolution.", 4
        )
    return description, object_schema(properties, ["action"])


_LATER_PROPERTIES: Mapping[str, Any] = {
    "start_coordinate": integers("For left_click_drag: [x, y] where to start.", 2),
    "scroll_direction": {
        "type": "string",
        "enum": ["up", "down", "left", "right"],
        "description": "For scroll: the direction.",
    },
    "scroll_amount": integer("For scroll: the number of wheel clicks."),
    "duration": {
        "type": "number",
        "description": "For hold_key and wait: seconds, at most 100.",
    },
}

_DEFINITION_FOR_PREFIX: Mapping[str, Callable[[Tool], Definition]] = {
    "bash_": _bash,
    "text_editor_": _text_editor,
    "memory_": _memory,
    "computer_": _computer,
}
