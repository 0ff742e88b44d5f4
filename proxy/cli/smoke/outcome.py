"""What a check found.

Rule: ``failed`` is what a user of the proxy has to know: the proxy or its upstream did not do its part.
What the model cannot do, where the chain to it is in order, is ``not supported``; what was not tested
is ``skipped``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Result = Literal["passed", "failed", "not supported", "skipped"]


class Failed(Exception):
    """The proxy or its upstream broke its part; the message names what."""


class NotSupported(Exception):
    """The model cannot do it; the chain to it is in order."""


class Skipped(Exception):
    """It was not tested; the message gives the reason."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What a check cost."""

    requests: int = 0
    input_tokens: int = 0
    """With those read from and written to a cache."""
    output_tokens: int = 0

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.requests + other.requests,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
        )


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the report."""

    check: str
    result: Result
    note: str
    seconds: float
    spent: Spent
    model: str | None = None
    """As the client names it; None for a check of the server."""
