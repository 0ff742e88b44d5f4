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

_TAB = {"tab_id": string("The tab to use. Default: the active tab.")}
_POINT = object_schema(
    {
        "type": words(("coordinate",), "A point."),
        "x": integer("Pixels from the left edge of the viewport."),
        "y": integer("Pixels from the top edge of the viewport."),
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
_MODIFIERS = string("Modifier keys to hold during the action, such as shift or ctrl+shift.")
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
        "Open a URL in the browser, go back or forward in the tab's history, or reload the page.",
        {"url": string("The URL, with or without https://, or one of: back, forward, reload.")},
    ),
    "list_tabs": (
        "List the browser's open tabs: tab_id, title and URL of each.",
        object_schema({}, []),
    ),
    "new_tab": ("Open an empty tab in the browser. Returns its tab_id.", object_schema({}, [])),
    "switch_tab": (
        "Make a tab the active tab, which is used by calls without a tab_id.",
        object_schema({"tab_id": string("The tab to switch to.")}, ["tab_id"]),
    ),
    "close_tab": (
        "Close a tab of the browser.",
        object_schema({"tab_id": string("The tab to close.")}, ["tab_id"]),
    ),
    "read_page": _in_tab(
        "Get the page as a tree of elements with references such as [ref_7]. Use a reference as the "
        "target of other calls. At most 50,000 characters; use ref or a smaller depth to get less.",
        filter=words(
            ("interactive", "all"),
            "interactive: only interactive elements; all: also elements outside the viewport. "
            "Default: all visible elements.",
        ),
        depth=integer("Maximum depth of the tree. Default: 15."),
        ref=string("The element to read, with its descendants. Default: the whole page."),
    ),
    "get_page_text": _in_tab(
        "Get the visible text of the page as plain text, for articles and documentation."
    ),
    "read_console": _in_tab("Get the page's console output since the last call."),
    "read_network": _in_tab(
        "Get the page's network requests since the last call: method, URL, status, type, timing."
    ),
    "find": _in_tab(
        "Find elements of the page by a description. Returns references to at most 20 elements.",
        {"query": string("What to find, for example: search field, button to add to the cart.")},
    ),
    "form_input": _in_tab(
        "Set the value of a form element: input, text area, select element or checkbox.",
        {
            "target": _ELEMENT,
            "value": either(
                "The value. For a checkbox: true or false. For a select element: the value or text "
                "of the option.",
                {"type": "string"},
                {"type": "number"},
                {"type": "boolean"},
            ),
        },
    ),
    "file_upload": _in_tab(
        "Choose files in a file input of the page. Give paths or document_ids.",
        {"target": _ELEMENT},
        paths=strings("Paths of files on the machine that runs the browser."),
        document_ids=strings("Ids of files that were provided for upload."),
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
        scroll_amount=integer("Number of wheel clicks, 1 to 10. Default: 3."),
    ),
    "type": _in_tab("Type text into the focused element.", {"text": string("The text to type.")}),
    "key": _in_tab(
        "Press keys in the browser.",
        {
            "text": string(
                "A key such as Return, a combination such as ctrl+a, or a sequence of these, "
                "separated by spaces."
            )
        },
        repeat=integer("Number of times. Default: 1."),
    ),
    "hold_key": _in_tab(
        "Hold down a key or a combination of keys for a duration.",
        {"text": string("The key or combination."), "duration": number(_SECONDS)},
    ),
    "wait": _in_tab(
        "Wait, for example until the page has changed.", {"duration": number(_SECONDS)}
    ),
    "javascript_exec": _in_tab(
        "Run JavaScript in the page and get the value of its last expression.",
        {"text": string("The code. It must end with an expression, without return.")},
    ),
}
