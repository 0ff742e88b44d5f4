"""The kinds of rate limits.

Rule: a new kind needs a row here and a call of ``Ticket.take`` where it is enforced. Stores, refusals
and settings read the rows and need no change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


# Compared by identity, so that it is a fast dictionary key.
@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """One kind of limit."""

    name: str
    """Its name in headers and in the store."""
    text: str
    """Its name in error messages."""
    window: Literal["moving", "fixed", "held"]
    """``moving``: the last minute at any time; refused requests are not counted. ``fixed``: a minute
    that begins with the first count, for costs that are known only afterwards, so that they may exceed
    the limit. ``held``: counted until it is given back."""
    setting: str
    """The field of ``Settings`` with the limit; None or 0: no limit."""


REQUESTS = Kind("requests", "requests per minute", "moving", "rate_limit_rpm")
TOKENS = Kind("tokens", "tokens per minute", "fixed", "rate_limit_tpm")
STREAMS = Kind("streams", "streams at a time", "held", "rate_limit_streams")
KINDS = (REQUESTS, TOKENS, STREAMS)

Amounts = Mapping[Kind, int]
"""The limits in force, by kind."""
