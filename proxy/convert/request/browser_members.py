"""The members of the browser toolset, as functions (anthropic SDK 2.14, ``browser_toolset_20260801``).

Rule: names of members and arguments are those that clients expect; the descriptions are sufficient
for a model that was not trained on the toolset (docs/protocol.md 1.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.convert.request.schema_parts import (
    either,
    integer,
    integers,
    number,
    object_schema,
    string,
    strings,
    words,
)

Definition = tuple[str, dict[str, Any]]

OFF_BY_DEFAULT = frozenset({"file_upload", "read_console", "read_network", "javascript_exec"})
"""Members that only ``configs`` enables."""

_TAB = {"tab_id": string("The tab to act on; the active one without it.")}
_POINT = object_schema(
    {
        "type": words(("coordinate",), "A point."),
        "x": integer("Pixels from the left edge of the viewport."),
        "y": integer("Pixels from the upper edge of the viewport."),
    },
    ["type", "x", "y"],
)
_ELEMENT = object_schema(
    {
        "type": words(("ref",), "An element."),
        "ref": string("A reference such as ref_7, from read_page or find in the same tab."),
    },
    ["type", "ref"],
)
_POINT_OR_ELEMENT = either("A point of the viewport or an element of the page.", _POINT, _ELEMENT)
_MODIFIERS = string("Modifier keys to hold meanwhile, such as shift or ctrl+shift.")
_SECONDS = "Seconds, at most 30."


def _in_tab(
    description: str, required: Mapping[str, Any] | None = None, **optional: Any
) -> Definition:
    return description, object_schema(
        {**(required or {}), **optional, **_TAB}, list(required or ())
    )


def _click(what: str) -> Definition:
    return _in_tab(
        f"{what} at a point or on an element of the page.",
        {"target": _POINT_OR_ELEMENT},
        modifiers=_MODIFIERS,
    )


BROWSER_MEMBERS: Mapping[str, Definition] = {
    "navigate": _in_tab(
        "Open a URL in the browser, or go through the tab's history.",
        {"url": string("The URL; https:// may be left out. Or one of back, forward and reload.")},
    ),
    "list_tabs": (
        "List the browser's open tabs: tab_id, title and URL of each.",
        object_schema({}, []),
    ),
    "new_tab": ("Open an empty tab in the browser and get its tab_id.", object_schema({}, [])),
    "switch_tab": (
        "Make a tab the active one, on which calls without a tab_id act.",
        object_schema({"tab_id": string("The tab to switch to.")}, ["tab_id"]),
    ),
    "close_tab": (
        "Close a tab of the browser.",
        object_schema({"tab_id": string("The tab to close.")}, ["tab_id"]),
    ),
    "read_page": _in_tab(
        "Get the page as a tree of its elements with references such as [ref_7], which other calls "
        "take as targets. At most 50,000 characters; use ref or a smaller depth to get less.",
        filter=words(
            ("interactive", "all"),
            "interactive: only elements to act on; all: also those outside the viewport; without "
            "it: every visible element.",
        ),
        depth=integer("Levels of the tree; 15 without it."),
        ref=string("The element whose part of the page to read; without it the whole page."),
    ),
    "get_page_text": _in_tab(
        "Get the visible text of the page as plain text, for articles and documentation."
    ),
    "read_console": _in_tab("Get the page's console output since the last call."),
    "read_network": _in_tab(
        "Get the page's network requests since the last call: method, URL, status, type, timing."
    ),
    "find": _in_tab(
        "Find elements of the page by a description and get references to at most 20 of them.",
        {"query": string("What to find, for example: search field, button to add to the cart.")},
    ),
    "form_input": _in_tab(
        "Set the value of an element of a form: input, text area, selection or checkbox.",
        {
            "target": _ELEMENT,
            "value": either(
                "The value; true or false for a checkbox, value or text of the option for a "
                "selection.",
                {"type": "string"},
                {"type": "number"},
                {"type": "boolean"},
            ),
        },
    ),
    "file_upload": _in_tab(
        "Choose files in a file input of the page. Give paths or document_ids.",
        {"target": _ELEMENT},
        paths=strings("Paths of files on the machine of the browser."),
        document_ids=strings("Ids of files that were made available for this."),
    ),
    "scroll_to": _in_tab("Scroll until an element of the page is visible.", {"target": _ELEMENT}),
    "screenshot": _in_tab("Get a screenshot of the browser's viewport."),
    "zoom": _in_tab(
        "Get an enlarged screenshot of a part of the viewport, to read small details.",
        {"region": integers("[x0, y0, x1, y1] in pixels of the viewport.", 4)},
    ),
    "left_click": _click("Click the left mouse button"),
    "right_click": _click("Click the right mouse button"),
    "middle_click": _click("Click the middle mouse button"),
    "double_click": _click("Click the left mouse button twice"),
    "triple_click": _click("Click the left mouse button three times, to select a line,"),
    "hover": _in_tab(
        "Move the cursor to a point or an element without a click.", {"target": _POINT_OR_ELEMENT}
    ),
    "left_click_drag": _in_tab(
        "Drag with the left mouse button from one point to another.",
        {"from": _POINT, "target": _POINT},
    ),
    "left_mouse_down": _in_tab(
        "Press the left mouse button at a point and keep it pressed.", {"target": _POINT}
    ),
    "left_mouse_up": _in_tab("Release the left mouse button at a point.", {"target": _POINT}),
    "mouse_move": _in_tab("Move the cursor to a point without a click.", {"target": _POINT}),
    "scroll": _in_tab(
        "Turn the mouse wheel at a point of the viewport.",
        {
            "target": _POINT,
            "scroll_direction": words(("up", "down", "left", "right"), "Where to scroll."),
        },
        scroll_amount=integer("Notches of the wheel, 1 to 10; 3 without it."),
    ),
    "type": _in_tab(
        "Type text where the page has the focus.", {"text": string("The text to type.")}
    ),
    "key": _in_tab(
        "Press keys in the browser.",
        {
            "text": string(
                "A key such as Return, a combination such as ctrl+a, or several after each other, "
                "with spaces between them."
            )
        },
        repeat=integer("How many times; 1 without it."),
    ),
    "hold_key": _in_tab(
        "Hold a key or a combination of keys down for some time.",
        {"text": string("The key or combination."), "duration": number(_SECONDS)},
    ),
    "wait": _in_tab(
        "Wait, for example until the page has changed.", {"duration": number(_SECONDS)}
    ),
    "javascript_exec": _in_tab(
        "Run JavaScript in the page and get the value of its last expression.",
        {"text": string("The code, which ends with the expression; without return.")},
    ),
}
