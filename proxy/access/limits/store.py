"""Where requests, tokens and streams are counted.

Rule: whoever counts them, memory or Redis, the limiter sees only this.
"""

from __future__ import annotations

from typing import Protocol

from proxy.access.limits.headers import Level


class StoreAway(Exception):
    """The store does not answer, or did not a moment ago."""


class Store(Protocol):
    """Counts by client; every call raises ``StoreAway`` where the store cannot be asked."""

    def take_request(self, client: str) -> bool:
        """Count a request; False, and nothing counted, where the limit is reached."""
        ...

    def give_request_back(self, client: str) -> None:
        """Count the last request as not made."""
        ...

    def requests(self, client: str) -> Level:
        """What is left of the requests."""
        ...

    def tokens(self, client: str) -> Level:
        """What is left of the tokens."""
        ...

    def charge(self, client: str, tokens: int) -> None:
        """Count tokens, also beyond the limit."""
        ...

    def open_stream(self, client: str, lease: str) -> bool:
        """Count a stream until it is closed; False, and nothing counted, at the limit."""
        ...

    def close_stream(self, client: str, lease: str) -> None:
        """The stream is over."""
        ...
