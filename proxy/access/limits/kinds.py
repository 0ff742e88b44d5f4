"""The kinds of rate limits.

Rule: a kind is a row here and a call of ``Ticket.take`` where it is enforced; stores, refusals and
settings know kinds by their rows only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


# Compared by identity, which makes it a fast key.
@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """One kind of limit."""

    name: str
    """In headers and in the store."""
    text: str
    """In refusals."""
    window: Literal["moving", "fixed", "held"]
    """``moving``: exact, a refused request takes nothing. ``fixed``: a minute that begins with the
    first count, for costs that are known afterwards and may exceed the limit. ``held``: until it is
    given back."""
    setting: str
    """The field of ``Settings`` that holds the limit; None or 0 is no limit."""


REQUESTS = Kind("requests", "requests per minute", "moving", "rate_limit_rpm")
TOKENS = Kind("tokens", "tokens per minute", "fixed", "rate_limit_tpm")
STREAMS = Kind("streams", "streams at a time", "held", "rate_limit_streams")
KINDS = (REQUESTS, TOKENS, STREAMS)

Amounts = Mapping[Kind, int]
"""The limits in force."""
