"""The answer to one client request, whole or streamed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

JSON = "application/json"


class AnswerStream(Iterator[bytes], Protocol):
    """A body that is sent piece by piece."""

    def close(self) -> None:
        """Called by the server when the answer has ended, however it ended."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers and body for the client."""

    status: int
    headers: Mapping[str, str]
    """With lower-case names; without a ``content-type`` the body is JSON."""
    body: bytes = b""
    stream: AnswerStream | None = None
    """The body if it is sent piece by piece."""
