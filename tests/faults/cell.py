"""One cell of the matrix: a fault, where it strikes, and what the client must get.

Rule: nothing here runs anything; an expected outcome is data, with the reason for it beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.faults.upstream import Play

SAME, FRESH = "the same connection", "a new connection"
NO_RETRY = "x-should-retry: false"
BROKEN = "broken off"


@dataclass(frozen=True)
class Outcome:
    """What the client got, and what came after.

    ``answer``: of an error its type and message; of a converted stream its events in short, of a
    native one the events as they are; of a whole message its blocks. ``next``: by which connection
    the next request got its right answer.
    """

    status: int
    answer: tuple[str, ...]
    next: str
    framing: str = "finished"
    """``BROKEN`` where the end of the answer's HTTP framing never came."""
    headers: str = ""


@dataclass(frozen=True)
class Cell:
    """One trial. ``play`` is what the upstream does with the request, or makes it when it is large."""

    fault: str
    phase: str
    kind: str
    framing: str
    play: Play | Callable[[], Play]
    expected: Outcome
    why: str
    port: str = ""
    """Not listening, not accepting, or resetting: what the upstream's port does at first."""
    before: Play = field(default=())
    """An answer to an earlier request on the same connection."""

    @property
    def id(self) -> str:
        return f"{self.fault}-{self.phase}-{self.kind}-{self.framing}".replace("'", "")


def refusal(
    status: int, kind: str, message: str, *, next: str = FRESH, headers: str = ""
) -> Outcome:
    """An error answer."""
    return Outcome(status, (kind, message), next, headers=headers)


def bad_gateway(message: str, *, next: str = FRESH, headers: str = "") -> Outcome:
    return refusal(502, "api_error", message, next=next, headers=headers)


def answer(*parts: str, next: str = SAME, framing: str = "finished") -> Outcome:
    """A 200 with these events or blocks."""
    return Outcome(200, parts, next, framing)
