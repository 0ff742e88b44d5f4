"""What a view requires of its requests: key, slot, rate limits, log level.

Rule: a view declares it once, where it is registered. Authentication, cross-site checks, admission,
rate limits, the access log and OpenAPI read the declaration; none of them knows a path.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The declaration of one view; the default needs a key and a slot and has no rate limit."""

    keyed: bool = True
    """Needs an auth key where one is in force, and is refused to web pages of foreign origins."""
    slot: bool = True
    """Holds a slot of the worker until its answer is over."""
    counted: bool = False
    """May call an upstream: counts against the client's rate limits."""
    spends: bool = False
    """May use tokens: refused when the client's token limit is reached, charged afterwards."""
    costly_get: bool = False
    """A plain GET costs money, so a browser that names no page is refused too."""
    quiet: bool = False
    """Logged at DEBUG: probes would fill the log."""


OPEN = Access(keyed=False, slot=False)
"""Answered to every client, also when the worker is full."""
PROBE = Access(keyed=False, slot=False, quiet=True)
STATISTICS = Access(slot=False)
"""Needs the key, is answered also when the worker is full."""
SCRAPED = Access(slot=False, quiet=True)
"""The same for a monitoring system that asks every few seconds."""
KEYED = Access()
"""Calls no upstream but takes CPU time. Holds for unknown paths too."""
COUNTED = Access(counted=True)
"""May call an upstream, at no cost."""
SPENDS = Access(counted=True, spends=True)
