"""Parsers for the values of a registry file.

Rule: a field takes a decoded YAML or JSON value and returns the registry's value, or raises
marshmallow's ``ValidationError`` with a phrase that continues "KEY: ...". No phrase contains a
credential.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError
from marshmallow.fields import Field

from config.fields import checked_key, checked_url
from config.headers import CLIENT_SET_HEADERS, is_header_name, is_header_value

OWN_MEMBERS = frozenset({"messages", "model", "stream"})
"""Members of the body that ``extra_body`` must not replace."""


class String(Field[str]):
    """Text that is not empty."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        return checked_text(value)


class OptionalString(Field[str | None]):
    """Text; an empty one is None, as where the key is left out."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str | None:
        return checked_text(value) if value != "" else None


class Strings(Field[tuple[str, ...]]):
    """A list of texts, or a single text."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> tuple[str, ...]:
        if isinstance(value, str):
            value = [value]
        if not isinstance(value, list):
            raise ValidationError("must be a list of texts")
        return tuple(checked_text(item) for item in value)


class Setting(Field[str]):
    """The text of a setting, which the field of ``config.variables`` parses later."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        text = None if isinstance(value, list) else scalar_text(value)
        if text is None:
            raise ValidationError("must be a single value")
        return text


class OneOf(Field[str]):
    """One of several words."""

    def __init__(self, choices: tuple[str, ...]) -> None:
        super().__init__(allow_none=True)
        self.choices = choices

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if value not in self.choices:
            raise ValidationError(f"must be one of {', '.join(self.choices)}")
        return str(value)


class Flag(Field[bool]):
    """``true`` or ``false``."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("must be true or false")
        return value


class Number(Field[float]):
    """A number within bounds."""

    def __init__(self, least: float, most: float = math.inf, *, above: bool = False) -> None:
        super().__init__(allow_none=True)
        self.least, self.most, self.above = least, most, above

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> float:
        plain = isinstance(value, int | float) and not isinstance(value, bool)
        # A larger integer does not fit into a float, and infinity is neither a price nor a time.
        most = min(self.most, sys.float_info.max)
        if not plain or not self.least <= value <= most or (self.above and value == 0):
            bound = "above" if self.above else "from"
            end = "" if self.most == math.inf else f" to {self.most:g}"
            raise ValidationError(f"must be a number {bound} {self.least:g}{end}")
        return float(value)


class Url(Field[str]):
    """Base URL of an upstream: http or https, a host, no credentials and no fragment."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        text = checked_text(value)
        if "@" in text.partition("?")[0]:
            raise ValidationError("contains credentials: give the key in api_key_env")
        checked_url(text)
        return text


class Keys(Field[tuple[str, ...]]):
    """One credential, or a list of them; empty ones are ignored."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> tuple[str, ...]:
        given = value if isinstance(value, list) else [value]
        if not all(isinstance(key, str) for key in given):
            raise ValidationError("must be text: put it in quotes")
        return tuple(checked_key(key.strip()) for key in given if key.strip())


class Headers(Field[dict[str, str]]):
    """Headers by their lower-case names."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> dict[str, str]:
        headers = {}
        for name, text in _mapping(value).items():
            if not is_header_name(name):
                raise ValidationError(f"{name!r} is not the name of a header")
            if name.lower() in CLIENT_SET_HEADERS:
                raise ValidationError(f"{name} is set by the HTTP client itself")
            text = str(text) if isinstance(text, int | float) else text
            if not isinstance(text, str) or not is_header_value(text):
                raise ValidationError(
                    f"{name} contains characters that are not allowed in a header"
                )
            headers[name.lower()] = text
        return headers


class Members(Field[dict[str, Any]]):
    """Members of a JSON object, except those in ``refused``."""

    def __init__(self, refused: frozenset[str] = frozenset()) -> None:
        super().__init__(allow_none=True)
        self.refused = refused

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> dict[str, Any]:
        members = _mapping(value)
        for name in members.keys() & self.refused:
            raise ValidationError(f"{name} cannot be replaced")
        _check_plain(members)
        return members


def scalar_text(value: object) -> str | None:
    """``value`` in the notation of environment variables; None if that has no notation for it."""
    if isinstance(value, list):
        texts = [scalar_text(item) for item in value]
        return None if None in texts else ",".join(map(str, texts))
    return str(value).strip() if isinstance(value, str | int | float) else None


def checked_text(value: object) -> str:
    """``value`` without surrounding white space.

    Raises ``ValidationError`` unless it is printable text.
    """
    if not isinstance(value, str):
        raise ValidationError("must be text (put it in quotes)")
    text = value.strip()
    if not text or not text.isprintable():
        raise ValidationError("is empty" if not text else "contains a control character")
    return text


def _mapping(value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ValidationError("must be a mapping of names to values")
    return dict(value)


def _check_plain(value: object) -> None:
    """Refuse values that JSON has no type for, such as YAML's dates."""
    if isinstance(value, dict):
        for name, member in value.items():
            _check_plain(name)
            _check_plain(member)
    elif isinstance(value, list):
        for item in value:
            _check_plain(item)
    elif not (value is None or isinstance(value, str | int | float)):
        raise ValidationError(f"contains a {type(value).__name__}: put it in quotes")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValidationError("contains a number that JSON does not allow")
    elif isinstance(value, int) and not -(2**63) <= value < 2**64:
        raise ValidationError("contains a whole number of more than 64 bits: put it in quotes")
    elif isinstance(value, str) and not _is_unicode(value):
        raise ValidationError("contains a lone surrogate")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
