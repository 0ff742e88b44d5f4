"""Reads an upstream's error body in any of the known shapes.

Rule: accepts any value without an exception, and does not decide on the status or the message for the
client. Shapes: OpenAI's ``error`` object, ``error`` as text, FastAPI's ``detail``, a single ``message``,
Gemini's list of one, OpenRouter's error inside an error, JSON inside a text, frames of an event stream,
web pages, an empty body.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from proxy.failures.quoted_error import quoted_error

BODY_CHARACTERS = 500
"""Characters of a body without a message that are quoted (docs/protocol.md section 5)."""
MESSAGE_CHARACTERS = 4000
PARAM_CHARACTERS = 200
"""Longest path of a field."""
FRAME_CHARACTERS = 64 * 1024
"""Characters of a body that are searched for an event stream."""
PATH_PARTS = 64
"""Parts of the path in a field error that are quoted."""
NESTING = 6
"""Maximum nesting of errors inside errors."""

_STATUS_FIELDS = ("code", "status", "status_code")
_CODE_FIELDS = ("code", "error_code", "status", "errorCode", "errcode", "status_code")
_KIND_FIELDS = ("type", "error_type")
_MESSAGE_FIELDS = (
    *("message", "detail", "error", "errors", "msg", "error_message"),
    *("error_msg", "errorMsg", "errmsg", "status_msg"),
)
_MINIMAX = "base_resp"
_FRAME_FIELDS = ("data", "error")
_FRAME_STARTS = ("data:", "event:", "id:", "retry:", ":", "error: {", "error:{")
_TITLE = re.compile(r"<(title|h1)[^>]*>(.{1,300}?)</\1>", re.IGNORECASE | re.DOTALL)
_HIDDEN = re.compile(r"<(script|style)\b.*?(?:</\1>|$)", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]*>?")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class ErrorFacts:
    """The content of an error body; a missing member is None, a missing message ``""``."""

    message: str = ""
    code: str | None = None
    """A code string or a vendor's number; never an HTTP status."""
    kind: str | None = None
    param: str | None = None
    status: int | None = None
    """An HTTP status (400 to 599) in the body."""
    quoted_status: int | None = None
    """The status of another answer that the message quotes."""
    page: bool = False
    """True if the body is a web page; the message is its title."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """The innermost error object."""
    objects: tuple[Mapping[str, Any], ...] = ()
    """All error objects, from the outermost to the innermost."""


def read_error(payload: object) -> ErrorFacts:
    """The content of an error body, which is decoded JSON or the body's text or bytes."""
    facts = _facts(payload, NESTING)
    if not facts.message and isinstance(payload, Mapping | list) and payload:
        facts = replace(facts, message=_compact(payload)[:BODY_CHARACTERS])
    return replace(facts, message=one_line(_start(facts.message))[:MESSAGE_CHARACTERS])


def one_line(text: str) -> str:
    """``text`` on one line, without control characters; other spacing is kept."""
    if not _UNPRINTABLE.search(text):
        return text.strip()
    return " ".join(_UNPRINTABLE.sub(" ", text).split())


def _start(text: str) -> str:
    """The beginning of ``text``, long enough for a message."""
    return text.lstrip()[: 2 * MESSAGE_CHARACTERS]


def _facts(payload: object, depth: int) -> ErrorFacts:
    if isinstance(payload, bytes):
        payload = payload.decode("utf-8", "replace")
    if isinstance(payload, str):
        return _text_facts(payload, depth)
    if isinstance(payload, list) and depth:
        return _list_facts(payload, depth - 1)
    if isinstance(payload, Mapping) and depth:
        return _object_facts(payload, depth - 1)
    return ErrorFacts()


def _text_facts(text: str, depth: int) -> ErrorFacts:
    text = text.strip().removeprefix("\ufeff")
    if text.startswith(("{", "[")):
        try:
            facts = _facts(orjson.loads(text), depth)
        except orjson.JSONDecodeError:
            facts = ErrorFacts()
        if facts.message:
            return facts
    elif text.startswith(_FRAME_STARTS):
        facts = _frame_facts(text[:FRAME_CHARACTERS], depth)
        if facts.message:
            return facts
    start = text[:MESSAGE_CHARACTERS]
    if start.startswith("<") and "</" in start:
        return ErrorFacts(message=_page_title(start), page=True)
    return _quoted_facts(text, depth)


def _quoted_facts(text: str, depth: int) -> ErrorFacts:
    """The facts of a plain text, or of an error of another answer that it quotes."""
    plain = ErrorFacts(message=text[:MESSAGE_CHARACTERS])
    quoted = quoted_error(text)
    if quoted is None:
        return plain
    facts = _facts(quoted.body, depth - 1) if depth and isinstance(quoted.body, Mapping) else plain
    facts = facts if facts.message else plain
    return replace(facts, quoted_status=quoted.status)


def _frame_facts(text: str, depth: int) -> ErrorFacts:
    """The facts of the first error in a body that is an event stream."""
    for frame in re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n")):
        lines = [line.partition(":") for line in frame.split("\n")]
        data = "\n".join(value.strip() for name, _, value in lines if name in _FRAME_FIELDS)
        if data and data != "[DONE]" and depth:
            facts = _facts(data, depth - 1)
            if facts.message:
                return facts
    return ErrorFacts()


def _list_facts(items: list[Any], depth: int) -> ErrorFacts:
    """The facts of a list of errors (Gemini sends a list of one) or of FastAPI's field errors."""
    fields = [_field_error(item) for item in items[:3] if isinstance(item, Mapping)]
    if fields and all(fields):
        return ErrorFacts(message="; ".join(fields))
    for item in items[:1]:
        return _facts(item, depth)
    return ErrorFacts()


def _field_error(item: Mapping[str, Any]) -> str:
    where, text = item.get("loc"), item.get("msg")
    if not isinstance(where, list) or not isinstance(text, str):
        return ""
    path = ".".join(str(part) for part in where[:PATH_PARTS] if isinstance(part, str | int))
    return f"{_start(path)}: {_start(text)}"


def _object_facts(error: Mapping[str, Any], depth: int) -> ErrorFacts:
    """Facts of one error object; those of an inner error take precedence."""
    inner = _inner_facts(error, depth)
    param = error.get("param")
    return ErrorFacts(
        message=inner.message,
        code=inner.code or _word(error, _CODE_FIELDS),
        kind=inner.kind or _word(error, _KIND_FIELDS),
        param=inner.param or (param[:PARAM_CHARACTERS] if isinstance(param, str) else None) or None,
        status=_status(error) or inner.status,
        quoted_status=inner.quoted_status,
        page=inner.page,
        details=inner.details or error,
        objects=(error, *inner.objects),
    )


def _inner_facts(error: Mapping[str, Any], depth: int) -> ErrorFacts:
    metadata = error.get("metadata")
    candidates = [metadata.get("raw")] if isinstance(metadata, Mapping) else []
    fields: tuple[str, ...] = _MESSAGE_FIELDS
    if isinstance(error.get("error"), Mapping):
        fields = ("error", *(name for name in _MESSAGE_FIELDS if name != "error"))
    candidates += [error.get(name) for name in fields]
    if isinstance(error.get(_MINIMAX), Mapping):
        candidates.append({"type": _MINIMAX, **error[_MINIMAX]})
    named = ErrorFacts()
    for candidate in candidates:
        facts = _facts(candidate, depth)
        if facts.message:
            return facts
        if facts.code or facts.kind or facts.status:
            named = facts
    return named


def _word(error: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    for name in names:
        value = error.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str) and value and _http_status(value) is None:
            return value[:100]
    return None


def _status(error: Mapping[str, Any]) -> int | None:
    for name in _STATUS_FIELDS:
        status = _http_status(error.get(name))
        if status is not None:
            return status
    return None


def _http_status(value: object) -> int | None:
    if isinstance(value, str) and len(value) == 3 and value.isdecimal():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 400 <= value <= 599:
        return value
    return None


def _page_title(page: str) -> str:
    title = _TITLE.search(page)
    text = title[2] if title else _HIDDEN.sub(" ", page)
    words = html.unescape(_TAG.sub(" ", text)).split()
    return " ".join(words)[:200]


def _compact(value: object) -> str:
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        return ""
