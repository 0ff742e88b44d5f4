"""The interface of the stores, which count requests, tokens and streams.

Rule: the limiter uses this interface only, with counts in memory and in Redis alike.
"""

from __future__ import annotations

from typing import Protocol

from proxy.access.limits.headers import Level
from proxy.access.limits.kinds import Kind


class StoreUnavailable(Exception):
    """The store does not answer, or failed to answer a few seconds ago and is not called."""


class ForeignValue(Exception):
    """The store answers, but under this client's key it holds what this program cannot have written."""


class Store(Protocol):
    """Counts by kind and client; every call raises ``StoreUnavailable`` if the store does not answer.

    ``lease`` identifies one unit of a ``held`` kind; other kinds have no leases.
    """

    def take(self, kind: Kind, client: str, cost: int = 1, lease: str = "") -> bool:
        """Count ``cost``; false if the limit is reached.

        At the limit nothing is counted, except in a ``fixed`` window.
        """
        ...

    def give_back(self, kind: Kind, client: str, lease: str = "") -> None:
        """Undo the last ``take`` with cost 1; for a ``held`` kind, the ``take`` of ``lease``."""
        ...

    def level(self, kind: Kind, client: str) -> Level:
        """The present level of a kind that is counted per minute."""
        ...
