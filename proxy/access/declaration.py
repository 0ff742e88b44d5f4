"""What a view requires of its requests: key, slot, rate limits, log level.

Rule: a view declares it once, where it is registered. Authentication, cross-site checks, admission,
rate limits, the access log and OpenAPI read the declaration; none of them compares paths.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The declaration of one view; the default requires a key and a slot, without rate limits."""

    keyed: bool = True
    """Requires an auth key if any are in force, and refuses web pages of other origins."""
    slot: bool = True
    """Occupies a slot of the worker until its answer has ended."""
    counted: bool = False
    """May call an upstream or read PDFs: counts against the client's rate limits."""
    spends: bool = False
    """May use tokens: refused when the client's token limit is reached, charged afterwards."""
    costly_get: bool = False
    """A GET costs money: a browser that sends neither ``origin`` nor ``sec-fetch-site`` is refused."""
    quiet: bool = False
    """Logged at DEBUG, because the many probes would fill the log."""


OPEN = Access(keyed=False, slot=False)
"""Answered to every client, also when the worker is full."""
PROBE = Access(keyed=False, slot=False, quiet=True)
STATISTICS = Access(slot=False)
"""Requires an auth key; answered also when the worker is full."""
SCRAPED = Access(slot=False, quiet=True)
"""As ``STATISTICS``, for a monitoring system that sends a request every few seconds."""
KEYED = Access()
"""Calls no upstream and reads no body. Applies to unknown paths too."""
COUNTED = Access(counted=True)
"""May call an upstream or read PDFs, without using tokens."""
SPENDS = Access(counted=True, spends=True)
