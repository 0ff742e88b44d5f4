"""Where requests, tokens and streams are counted.

Rule: the limiter knows only this, whether memory or Redis counts.
"""

from __future__ import annotations

from typing import Protocol

from proxy.access.limits.headers import Level
from proxy.access.limits.kinds import Kind


class StoreUnavailable(Exception):
    """The store does not answer, or did not a moment ago."""


class Store(Protocol):
    """Counts by kind and client; every call raises ``StoreUnavailable`` where the store does not answer.

    ``lease`` names one holder of a ``held`` kind; other kinds have none.
    """

    def take(self, kind: Kind, client: str, cost: int = 1, lease: str = "") -> bool:
        """Count ``cost``; false where the limit is reached.

        At the limit nothing is counted, except in a ``fixed`` window.
        """
        ...

    def give_back(self, kind: Kind, client: str, lease: str = "") -> None:
        """Undo the last ``take`` of 1, of a ``held`` kind the one of ``lease``."""
        ...

    def level(self, kind: Kind, client: str) -> Level:
        """What is left of a kind that is counted by the minute."""
        ...
