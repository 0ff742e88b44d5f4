"""Parsers for the texts of variables.

Rule: a field takes the trimmed, non-empty text of a variable and returns its value, or raises
marshmallow's ``ValidationError`` with a phrase that continues "NAME='value' ...".
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

from marshmallow import ValidationError
from marshmallow.fields import Field

from config.endpoints import misplaced_endpoint
from config.hosts import host_entry, is_ip_or_localhost
from config.registry.values import is_anthropic

_BOOLEANS: Mapping[str, bool] = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}
_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*\.?")
_TOKENS = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?) ?([km]?)", re.IGNORECASE)
_TOKEN_FACTORS = {"": 1, "k": 1_000, "m": 1_000_000}
_MAX_TOKENS = 2**31 - 1
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_REFERENCE = re.compile(r"\$(?:\{.*\}|\(.*\)|[A-Za-z_][A-Za-z0-9_]*)")
"""A variable or a command of a shell; other keys may begin with a dollar too (`$2b$12$...`)."""
MAX_SECONDS = 86400.0


class Text(Field[str]):
    """Any printable text."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        return printable(str(value))


class Key(Field[str]):
    """A credential: visible ASCII, since it is sent in a header."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        key = checked_key(str(value))
        if "," in key:
            raise ValidationError(
                "contains a comma: several keys are `api_keys` in a registry file"
            )
        if "://" in key:
            raise ValidationError("is a URL: write the key; the URL is OPENAI_BASE_URL")
        if _REFERENCE.fullmatch(key):
            raise ValidationError("is a variable that nothing has replaced: write the key itself")
        return key


class Keys(Field[tuple[str, ...]]):
    """Credentials, comma-separated."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> tuple[str, ...]:
        keys = tuple(checked_key(key) for key in _listed(value))
        if not keys:
            raise ValidationError("contains no key")
        return keys


class Choice(Field[str]):
    """One of several words, case-insensitive; ``choices`` maps the spellings to the values."""

    def __init__(self, choices: Mapping[str, str]) -> None:
        super().__init__()
        self.choices = choices

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        chosen = self.choices.get(str(value).lower())
        if chosen is None:
            raise ValidationError(f"must be one of {', '.join(dict.fromkeys(self.choices))}")
        return chosen


class Boolean(Field[bool]):
    """``true``, ``1``, ``yes`` or ``on``; ``false``, ``0``, ``no`` or ``off``."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> bool:
        parsed = _BOOLEANS.get(str(value).lower())
        if parsed is None:
            raise ValidationError("must be true or false")
        return parsed


class Integer(Field[int]):
    """An integer within bounds."""

    def __init__(self, least: int, most: int) -> None:
        super().__init__()
        self.least, self.most = least, most

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        return _integer(str(value), self.least, self.most)


class IntegerOrOff(Field[int | None]):
    """An integer within bounds; 0 means no limit (None)."""

    def __init__(self, least: int, most: int) -> None:
        super().__init__(allow_none=True)
        self.least, self.most = least, most

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int | None:
        return _integer(str(value), self.least, self.most) or None


class Seconds(Field[float]):
    """A number of seconds above 0, at most a day."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> float:
        seconds = _number(str(value))
        if not 0 < seconds <= MAX_SECONDS:
            raise ValidationError(f"must be seconds above 0, at most {MAX_SECONDS:g}")
        return seconds


class SecondsOrOff(Field[float | None]):
    """As ``Seconds``; ``off`` or 0 means no limit (None)."""

    def __init__(self) -> None:
        super().__init__(allow_none=True)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> float | None:
        text = str(value).lower()
        seconds = 0.0 if text in ("off", "none") else _number(text)
        if not 0 <= seconds <= MAX_SECONDS:
            raise ValidationError(f"must be seconds above 0, at most {MAX_SECONDS:g}, or off")
        return seconds or None


class ListenHost(Field[str]):
    """An IP address to listen on (IPv6 with or without brackets), or a host name."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        host = str(value).removeprefix("[").removesuffix("]")
        if not is_ip_or_localhost(host) and not _HOST_NAME.fullmatch(host):
            raise ValidationError("must be an address or a host name to listen on")
        return host


class BaseUrl(Field[str]):
    """Base URL of an upstream: http or https, a host, no credentials, no fragment, no endpoint."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        url = str(value)
        checked_url(url)
        phrase = misplaced_endpoint(url, native=is_anthropic(url))
        if phrase is not None:
            raise ValidationError(phrase)
        return url


class ProxyUrl(Field[str]):
    """URL of a forward proxy; the scheme is optional, as in other programs; may have credentials."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("must be text (put it in quotes)")
        url = value if "://" in value else f"http://{value}"
        checked_url(url, userinfo=True)
        return url


class RedisUrl(Field[str]):
    """A Redis or Valkey server, ``redis://[user:password@]host[:port][/database]``."""

    SCHEMES = ("redis", "rediss", "valkey", "valkeys")

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("must be text (put it in quotes)")
        checked_url(value, schemes=self.SCHEMES, userinfo=True)
        return value


class Origins(Field[tuple[str, ...]]):
    """Origins of web pages, comma-separated, or ``*``."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> tuple[str, ...]:
        # Browsers send origins in lower case and without a slash at the end.
        origins = tuple(origin.rstrip("/").lower() for origin in _listed(value))
        for origin in origins:
            if origin == "*":
                continue
            parts = checked_url(origin, schemes=None)
            if parts.path or parts.query:
                raise ValidationError("must be origins such as https://app.example.com, or *")
        return origins


class Hosts(Field[tuple[str, ...]]):
    """Hosts that dynamic routes may connect to, comma-separated (docs/features.md)."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> tuple[str, ...]:
        hosts = []
        for text in _listed(value):
            try:
                hosts.append(host_entry(text))
            except ValueError as error:
                raise ValidationError(f"{text!r} {error}") from error
        return tuple(dict.fromkeys(hosts))


class TokenCount(Field[int | None]):
    """A number of tokens such as 8192, ``8k`` (8000), ``1.5k`` or ``1m``; 0 means no limit (None)."""

    def __init__(self) -> None:
        super().__init__(allow_none=True)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int | None:
        number = token_number(value)
        if number is None:
            raise ValidationError(
                "must be a whole number of tokens such as 8192, 8k, 1.5k or 1m, or 0 for no limit"
            )
        return number or None


def token_number(value: object) -> int | None:
    """``value`` as a number of tokens; None if it is not one."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    match = _TOKENS.fullmatch(str(value).strip())
    if match is None:
        return None
    number = float(match[1]) * _TOKEN_FACTORS[match[2].lower()]
    whole = round(number)
    return whole if abs(number - whole) < 1e-6 and whole <= _MAX_TOKENS else None


def checked_key(key: str) -> str:
    """``key``; if it is not visible ASCII, raises ``ValidationError``, whose text omits the key."""
    if key.lower().startswith("bearer "):
        raise ValidationError("begins with 'Bearer': write the key alone")
    if "\n" in key or "\r" in key:
        raise ValidationError("contains a line break: write the key in one line, and nothing else")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ValidationError(
            "contains a space, a control character or a non-ASCII character: write the key alone"
        )
    return key


def checked_url(
    url: str, *, userinfo: bool = False, schemes: tuple[str, ...] | None = ("http", "https")
) -> SplitResult:
    """The parts of an absolute URL; raises ``ValidationError``.

    ``schemes`` None allows any scheme, ``userinfo`` allows credentials.
    """
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise ValidationError("contains a space, a backslash, a control or a non-ASCII character")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ValidationError("has no valid host and port") from error
    if not parts.scheme or (schemes is not None and parts.scheme not in schemes):
        expected = " or ".join(f"{scheme}://" for scheme in schemes or ("https",))
        raise ValidationError(f"must begin with {expected}")
    if not host:
        raise ValidationError("has no host")
    if host in ("http", "https"):
        raise ValidationError("has the scheme twice: write https://HOST/PATH")
    if parts.fragment:
        raise ValidationError("has a fragment (#...)")
    if "@" in parts.netloc and not userinfo:
        raise ValidationError("contains credentials: give the key in OPENAI_API_KEY")
    return parts


def printable(text: str) -> str:
    """``text``; raises ``ValidationError`` if it contains a control character."""
    if not text.isprintable():
        raise ValidationError("contains a control character")
    return text


def _integer(text: str, least: int, most: int) -> int:
    number = int(text) if _WHOLE.fullmatch(text) else None
    if number is None or not least <= number <= most:
        raise ValidationError(f"must be a whole number from {least} to {most}")
    return number


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _listed(value: object) -> list[str]:
    return [item for part in str(value).split(",") if (item := part.strip())]
