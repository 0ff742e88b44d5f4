"""The answer to one client request, whole or streamed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers and body for the client."""

    status: int
    headers: Mapping[str, str]
    """With lower-case names; without a ``content-type`` the body is JSON."""
    body: bytes = b""
    stream: Iterator[bytes] | None = None
    """The body if it is sent piece by piece; with ``close``, as WSGI requires."""
