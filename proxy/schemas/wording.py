"""Texts of error messages.

Rule: the messages about malformed requests are here, or next to the only rule that raises them, as in
docs/protocol.md section 9. Of the client's values, messages contain only names and ids, which are
truncated, in a ``Complaint`` that also has the words for the log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from proxy.errors import Complaint, logged_words

REQUIRED = "Field required"
NOT_TEXT = "Input should be a valid string"
NOT_INTEGER = "Input should be a valid integer"
NOT_NUMBER = "Input should be a valid number"
NOT_FLAG = "Input should be a valid boolean"
NOT_OBJECT = "Input should be a valid dictionary"
NOT_LIST = "Input should be a valid list"
NOT_TEXT_OR_LIST = "Input should be a valid string or list"
NOT_LIST_OR_OBJECT = "Input should be a valid list or dictionary"
TOO_SHORT = "String should have at least 1 character"
EMPTY_ID = "String should match pattern '^[a-zA-Z0-9_-]+$'"
"""The message of the Messages API for an empty id; this proxy accepts other characters in ids."""
EXTRA = "Extra inputs are not permitted"
NO_TAG = "Unable to extract tag using discriminator 'type'"

CHOICE_NOT_FOUND = "tool_choice: the tool was not found in provided tools"
"""For the log."""

SHOWN_CHARS = 300
"""Maximum number of characters of a client's value in an error message."""

WHOLE_OBJECT = "_schema"
"""marshmallow's key for an error of a whole object."""


def one_of(choices: Sequence[str]) -> str:
    """``Input should be 'a', 'b' or 'c'``."""
    words = [f"'{choice}'" for choice in choices]
    return "Input should be " + " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def shown(text: str) -> str:
    """A client's name or id, truncated if it is longer than any real one."""
    return text if len(text) <= SHOWN_CHARS else text[:SHOWN_CHARS] + "..."


def unknown_tag(tag: object, expected: Sequence[str]) -> Complaint:
    """The error message for a ``type`` that the union does not have."""
    names = ", ".join(f"'{name}'" for name in expected)
    found = type(tag).__name__ if isinstance(tag, list | dict) else shown(str(tag))
    return Complaint(
        f"Input tag '{found}' found using 'type' does not match any of the expected tags: {names}",
        "the tag found using 'type' does not match any of the expected tags",
    )


def first_error(errors: Mapping[Any, Any]) -> str:
    """``path: text`` of the first error in marshmallow's nested mapping of errors."""
    path: list[str] = []
    found: Any = errors
    while isinstance(found, Mapping):
        key, found = next(iter(found.items()))
        if key != WHOLE_OBJECT:
            path.append(key if isinstance(key, str) else str(key))
    text = found[0] if isinstance(found, list) else found
    return Complaint(
        ": ".join(filter(None, [".".join(path), text])),
        ": ".join(filter(None, [".".join(map(logged_words, path)), logged_words(text)])),
    )
