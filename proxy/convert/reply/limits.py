"""How many parts an upstream's answer may have.

Rule: an answer with more of them ends as a failure of the upstream that names what was too many. Each
limit is above what a model can write in its longest answer, and below what would occupy a worker for
seconds. Members of objects beyond their limit are ignored instead.
"""

from __future__ import annotations

from collections.abc import Callable

from proxy.errors import UpstreamError

MOST_CHOICES = 16
"""Choices of an answer, since this proxy asks for one; a larger number of a choice counts as none."""
MOST_PARTS = 10_000
"""Entries of one list: content parts, items of reasoning, tool calls."""
MOST_CALLS = 2_000
"""Tool calls of an answer, with and without a name."""
MOST_BLOCKS = 10_000
"""Content blocks of an answer: clients cannot send back a message with more."""
MOST_MEMBERS = 64
"""Members of a usage report or of an item of reasoning that are kept."""
PIECES_BETWEEN_PAUSES = 128
"""Pieces of an answer after which other requests may continue; they take about 1 ms."""
TOKENS_BETWEEN_PAUSES = 1024
"""Tokens of arguments that are read between two pauses, in about 1 ms."""
EVENTS_BETWEEN_PAUSES = 1024
"""Events that are joined between two pauses, in about 1 ms."""

Pause = Callable[[], None]
"""Lets other requests continue. Converters are pure, so the caller provides it."""


def no_pause() -> None:
    """Continue at once."""


def too_many(what: str, most: int) -> UpstreamError:
    """The failure of an upstream whose answer has more than ``most`` ``what``."""
    return UpstreamError(f"the upstream's answer has more than {most} {what}")
