"""The members of the computer toolset, as functions (anthropic SDK 2.14, ``computer_toolset_20260801``).

Rule: names of members and arguments are those that clients expect; the descriptions are sufficient
for a model that was not trained on the toolset (docs/protocol.md 1.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.convert.request.schema_parts import integer, integers, object_schema, string, words

_COORDINATE = integers(
    "[x, y] in pixels of the screenshot, from its upper left corner. Default: the cursor's position.",
    2,
)
_PLACE = integers("[x, y] in pixels of the screenshot, from its upper left corner.", 2)
_HELD = string("Modifier keys to hold during the action, such as shift or ctrl+shift.")
_KEYS = string("A key such as Return, or a combination such as ctrl+s or alt+Tab.")

Definition = tuple[str, dict[str, Any]]


def _click(what: str) -> Definition:
    properties = {"coordinate": _COORDINATE, "text": _HELD}
    return f"{what} on the computer's screen.", object_schema(properties, [])


COMPUTER_MEMBERS: Mapping[str, Definition] = {
    "key": (
        "Press a key or a combination of keys on the computer's keyboard.",
        object_schema(
            {"text": _KEYS, "repeat": integer("Number of times to press it. Default: 1.")},
            ["text"],
        ),
    ),
    "hold_key": (
        "Hold down a key or a combination of keys for a duration.",
        object_schema(
            {"text": _KEYS, "duration": integer("Seconds to hold it.")}, ["text", "duration"]
        ),
    ),
    "type": (
        "Type text on the computer's keyboard.",
        object_schema({"text": string("The text to type.")}, ["text"]),
    ),
    "cursor_position": (
        "Get the position of the cursor on the screen, as x and y in pixels.",
        object_schema({}, []),
    ),
    "mouse_move": (
        "Move the cursor without a click, for example to hover. To click, use a click tool directly.",
        object_schema({"coordinate": _PLACE}, ["coordinate"]),
    ),
    "left_mouse_down": (
        "Press the left mouse button at the cursor's position and keep it pressed.",
        object_schema({}, []),
    ),
    "left_mouse_up": ("Release the left mouse button.", object_schema({}, [])),
    "left_click": _click("Click the left mouse button"),
    "left_click_drag": (
        "Drag with the left mouse button from start_coordinate to coordinate.",
        object_schema(
            {"start_coordinate": _PLACE, "coordinate": _PLACE, "text": _HELD},
            ["start_coordinate", "coordinate"],
        ),
    ),
    "right_click": _click("Click the right mouse button"),
    "middle_click": _click("Click the middle mouse button"),
    "double_click": _click("Click the left mouse button twice"),
    "triple_click": _click("Click the left mouse button three times"),
    "scroll": (
        "Turn the mouse wheel at a position on the screen. Use this to scroll, not Page_Up and "
        "Page_Down.",
        object_schema(
            {
                "scroll_direction": words(("up", "down", "left", "right"), "Where to scroll."),
                "scroll_amount": integer("Number of wheel clicks."),
                "coordinate": _COORDINATE,
                "text": _HELD,
            },
            ["scroll_direction", "scroll_amount"],
        ),
    ),
    "wait": (
        "Wait, for example until a program has started.",
        object_schema({"duration": integer("Seconds to wait.")}, ["duration"]),
    ),
    "screenshot": (
        "Get a screenshot of the computer's screen. Take one to see the result of an action.",
        object_schema({}, []),
    ),
    "zoom": (
        "Get an enlarged screenshot of a part of the screen, to read small details.",
        object_schema(
            {"region": integers("[x0, y0, x1, y1] in pixels of the whole screenshot.", 4)},
            ["region"],
        ),
    ),
}
