"""Arguments of tool calls: text from an upstream -> the JSON object that a ``tool_use`` requires.

Rule: arguments that are an object pass unchanged. Any other text becomes an object by one of the repairs
of docs/protocol.md section 3.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from proxy.convert.reply.limits import Pause, no_pause
from proxy.convert.reply.object_text import ObjectText
from proxy.errors import UpstreamError

_OBJECT_START = re.compile(r"\s*(?:```[A-Za-z]*\s*)?\{")
_START_TO_COME = re.compile(r"\s*(?:`{0,2}|```[A-Za-z]*\s*)\Z")
_STRUCTURE = re.compile(r'["{}\[\]]')
_STRING_REST = re.compile(r'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)

BATCH = 64
"""Number of fragments that are scanned together."""
COPY_CHARS = 64 * 1024
"""Longest arguments that are kept to recognise a copy of them."""
SAFE_BRACKETS = 200
"""With fewer opening brackets the nesting cannot exceed the JSON writer's limit (254 levels)."""


class ReadArguments(NamedTuple):
    """Arguments as JSON text, ``""`` for an empty object."""

    text: str
    repaired: bool


def arguments_to_input(arguments: str, pause: Pause = no_pause) -> dict[str, Any]:
    """The ``input`` for the text of a call's arguments.

    Blank and ``null`` -> ``{}``; text that cannot be repaired -> ``{"_raw": text}``; other JSON values
    -> ``{"value": ...}``.
    """
    text = read_arguments(arguments, pause=pause).text
    value: dict[str, Any] = orjson.loads(text) if text else {}
    return value


def arguments_to_json(arguments: str) -> str:
    """``arguments_to_input`` as JSON text; ``""`` for an empty object."""
    return read_arguments(arguments).text


def read_arguments(
    arguments: str, types: Mapping[str, type] | None = None, pause: Pause = no_pause
) -> ReadArguments:
    """The object in ``arguments``; ``types``: types of the members that may be strings of JSON.
    ``pause`` is called now and then where the text is read token by token.

    The text of an object is not changed, so numbers and key order stay as the model wrote them.
    """
    if not arguments or arguments.isspace():
        return ReadArguments("", repaired=False)
    try:
        value = orjson.loads(arguments)
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        return _repaired(arguments, types, pause) or _raw(arguments)
    if arguments.count("{") + arguments.count("[") > SAFE_BRACKETS and not is_writable(value):
        return _raw(arguments)
    if value is None or value == {}:
        return ReadArguments("", repaired=False)
    if isinstance(value, dict):
        return _object(arguments.strip(), value, types, pause)
    inner = _inner_object(value, types, pause) if isinstance(value, str) else None
    return inner or ReadArguments(json_text({"value": value}), repaired=False)


def object_start(text: str) -> int | None:
    """Where the object begins, which may be in a code fence; -1 if more text is needed."""
    match = _OBJECT_START.match(text)
    if match is not None:
        return match.end() - 1
    return -1 if _START_TO_COME.match(text) else None


def _raw(arguments: str) -> ReadArguments:
    return ReadArguments(json_text({"_raw": arguments}), repaired=True)


def _object(
    text: str, value: dict[str, Any], types: Mapping[str, type] | None, pause: Pause
) -> ReadArguments:
    """``text``, a JSON object, with members decoded that are strings of JSON."""
    if not types or not any(isinstance(value.get(name), str) for name in types):
        return ReadArguments(text, repaired=False)
    return ReadArguments(ObjectText(types, pause).feed(text), repaired=False)


def _inner_object(
    text: str, types: Mapping[str, type] | None, pause: Pause
) -> ReadArguments | None:
    """The object in arguments that are a JSON string with the JSON of an object."""
    if object_start(text) != len(text) - len(text.lstrip()):
        return None
    try:
        inner = orjson.loads(text)
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        return _repaired(text, types, pause)
    if not is_writable(inner):
        return None
    read = _object(text.strip(), inner, types, pause) if inner else ReadArguments("", repaired=True)
    return read._replace(repaired=True)


def _repaired(
    arguments: str, types: Mapping[str, type] | None, pause: Pause
) -> ReadArguments | None:
    """The object in text that is not valid JSON; None if there is none, or if it is incomplete."""
    start = object_start(arguments)
    if start is None or start < 0:
        return None
    reader = ObjectText(types, pause)
    text = reader.feed(arguments[start:])
    if not reader.complete:
        return None
    text += reader.end()
    try:
        value = orjson.loads(text)
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        return None
    if not is_writable(value):
        return None
    return ReadArguments(text if value else "", repaired=True)


def json_text(value: object) -> str:
    """Compact JSON of any decoded JSON value; raises ``UpstreamError`` if it is nested too deeply."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        # Nested deeper than orjson can write, or with numbers or characters that it refuses.
        try:
            return json.dumps(value, separators=(",", ":"))
        except RecursionError as error:
            raise UpstreamError("the upstream sent JSON that is nested too deeply") from error


def is_writable(value: object) -> bool:
    """True if ``value`` can be written as JSON inside a message, which adds levels of nesting."""
    try:
        orjson.dumps([[[[[[[[value]]]]]]]])
    except TypeError:
        return False
    return True


class ArgumentScan:
    """Finds the end of a JSON object or string that arrives in fragments.

    ``add`` only collects fragments. They are scanned in batches, each character once, so the cost is
    linear and small.
    """

    __slots__ = ("_complete", "_depth", "_escaped", "_in_string", "_seen", "_waiting")

    def __init__(self) -> None:
        self._waiting: list[str] = []
        self._seen = ""
        self._depth = 0
        self._in_string = False
        self._escaped = False
        self._complete = False

    def add(self, fragment: str) -> None:
        self._waiting.append(fragment)
        if len(self._waiting) >= BATCH:
            self._scan_waiting()

    @property
    def complete(self) -> bool:
        """True once the value is closed; never true for numbers and literals."""
        self._scan_waiting()
        return self._complete

    @property
    def in_string(self) -> bool:
        self._scan_waiting()
        return self._in_string

    def is_copy(self, text: str) -> bool:
        """True if ``text`` equals all text so far; False for very long arguments."""
        self._scan_waiting()
        return len(text) <= COPY_CHARS and text.strip() == self._seen.strip()

    def _scan_waiting(self) -> None:
        if not self._waiting:
            return
        text = "".join(self._waiting)
        self._waiting.clear()
        if len(self._seen) <= COPY_CHARS:
            self._seen += text
        position = 0
        if self._escaped:
            position, self._escaped = 1, False
        while position < len(text) and not self._complete:
            read = self._read_string if self._in_string else self._read_structure
            position = read(text, position)

    def _read_string(self, text: str, position: int) -> int:
        match = _STRING_REST.match(text, position)
        end = match.end() if match else position
        if end < len(text):
            if text[end] == '"':
                self._in_string = False
                self._complete = self._depth == 0
            else:
                self._escaped = True
        return end + 1

    def _read_structure(self, text: str, position: int) -> int:
        match = _STRUCTURE.search(text, position)
        if match is None:
            return len(text)
        character = match.group()
        if character == '"':
            self._in_string = True
        elif character in "{[":
            self._depth += 1
        else:
            self._depth -= 1
            self._complete = self._depth <= 0
        return match.end()


def repeats_from_start(so_far: str, fragment: str) -> bool:
    """True if ``fragment`` must be a repetition of ``so_far``, followed by more text.

    Some servers send all arguments so far in every chunk (edge case 87). ``so_far`` is the first fragment
    of a call and ``fragment`` the second. The second is a repetition if it begins with the first and
    cannot continue it as JSON, because a ``{`` is not allowed at the end of the first.
    """
    if not (so_far.startswith("{") and fragment.startswith(so_far)):
        return False
    scan = ArgumentScan()
    scan.add(so_far)
    if scan.in_string:
        # As a continuation, the first quote would end that string; few characters may follow a string.
        after = fragment[fragment.index('"') + 1 :][:1]
        return bool(after) and not after.isspace() and after not in ":,}]"
    return so_far.rstrip()[-1] not in ":,["
