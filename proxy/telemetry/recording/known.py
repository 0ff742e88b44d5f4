"""Credentials in every form in which they may be written, prepared to be found quickly.

Rule: pure and immutable, since a request's greenlet and the writer's thread use the same ones.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

from proxy.redaction import SHORTEST_SECRET


class KnownSecrets:
    """Forms of secrets that are looked for together; immutable, as two threads use it."""

    __slots__ = ("forms", "longest", "pattern", "starts")

    def __init__(self, forms: Iterable[bytes] = ()) -> None:
        self.forms = sorted(set(forms), key=len, reverse=True)
        self.longest = len(self.forms[0]) if self.forms else 0
        self.pattern = re.compile(_alternatives(self.forms))
        self.starts = frozenset(form[:end] for form in self.forms for end in range(1, len(form)))


def _alternatives(forms: Iterable[bytes]) -> bytes:
    """A pattern for any of ``forms``, the longest that fits; common beginnings are compared once."""
    by_byte: dict[bytes, list[bytes]] = {}
    for form in forms:
        by_byte.setdefault(form[:1], []).append(form)
    optional = by_byte.pop(b"", None) is not None
    branches = []
    for group in by_byte.values():
        start = _common_start(min(group), max(group))
        rest = [form[len(start) :] for form in group]
        branches.append(re.escape(start) + (_alternatives(rest) if any(rest) else b""))
    return b"(?:" + b"|".join(branches) + b")" + b"?" * optional


def _common_start(first: bytes, last: bytes) -> bytes:
    pairs = enumerate(zip(first, last, strict=False))
    return first[: next((at for at, (one, other) in pairs if one != other), len(first))]


def forms_of(secrets: Iterable[str]) -> Iterator[bytes]:
    """How ``secrets`` may be written. Placeholders of fewer than 8 characters are none."""
    for secret in secrets:
        if len(secret) >= SHORTEST_SECRET:
            yield from {form.encode("utf-8", "replace") for form in _forms(secret)}


def _forms(secret: str) -> Iterator[str]:
    """How ``secret`` may be written: as it is, in a JSON string, in a URL, as base64."""
    for in_json in (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]):
        # Some write a slash as ``\\/``.
        yield from (in_json, in_json.replace("/", "\\/"))
    for in_url in (quote(secret, safe=""), quote_plus(secret)):
        yield from (in_url, re.sub("%..", lambda found: found[0].lower(), in_url))
    yield secret
    yield base64.b64encode(secret.encode("utf-8", "replace")).decode("ascii").rstrip("=")


NOTHING = KnownSecrets()
