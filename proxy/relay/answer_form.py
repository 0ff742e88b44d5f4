"""The protocol of an answer, which may differ from that of the request.

Rule: some gateways answer a Chat Completions request with Responses, or the reverse. The answer is read as
what it is (docs/edge-cases.md, rule 216). Only bytes outside of JSON strings count: a quote within a
string has a backslash before it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

Form = Literal["chat", "responses"]

SEARCHED_BYTES = 4096
"""Bytes at the start of a stream that are searched."""
_MARKS = re.compile(
    rb'"type": ?"response\.(?P<responses>)|^event: ?response\.(?P<named>)'
    rb'|"object": ?"chat\.completion(?:\.chunk)?"(?P<chat>)',
    re.MULTILINE,
)


def form_of_stream(data: bytes, expected: Form) -> Form:
    """The protocol of the event stream that begins with ``data``; ``expected`` if it does not show."""
    found = _MARKS.search(data[:SEARCHED_BYTES])
    if found is None:
        return expected
    return "chat" if found["chat"] is not None else "responses"


def form_of_answer(answer: object, expected: Form) -> Form:
    """The protocol of a whole decoded answer; ``expected`` if it does not show."""
    if not isinstance(answer, Mapping):
        return expected
    members: Mapping[str, Any] = answer
    if expected == "chat" and members.get("object") == "response" and "choices" not in members:
        return "responses"
    if expected == "responses" and "output" not in members:
        return "chat" if isinstance(members.get("choices"), list) else expected
    return expected
