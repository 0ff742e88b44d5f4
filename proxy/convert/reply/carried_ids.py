"""An upstream's id of a tool call <-> the client's id that contains it.

Rule: an upstream gets its own id back unchanged, and this proxy stores no ids. An id that the Messages
API does not allow is encoded in the client's id. An id that is too long for this is encoded in a
``redacted_thinking`` block instead (docs/protocol.md 10.2).

Form: ``toolu_cp1_`` + random letters and digits + ``_`` + base64url(UTF-8 of the upstream's id), unpadded.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode

CARRIER = "toolu_cp1_"
"""Prefix of a client's id that contains an upstream's id. Other ids of Anthropic and of this proxy have
no second underscore."""
LONGEST_IN_ID = 128
"""Longest upstream id that is encoded in the client's id, in UTF-8 bytes: Claude Code uses the client's
id as a file name."""
_LONGEST_ENCODED = -(-LONGEST_IN_ID * 4 // 3)
FRESH_CHARACTERS = 10
"""Length of the random part, which makes the client's id unique; ``10 * log2(62)`` is 59 bits."""


def can_be_carried(upstream_id: str) -> bool:
    """Whether a client's id can contain ``upstream_id``: valid UTF-8, not empty and not too long."""
    try:
        return 0 < len(upstream_id.encode()) <= LONGEST_IN_ID
    except UnicodeEncodeError:
        return False


def carrier_id(upstream_id: str, fresh: str) -> str:
    """The client's id that contains ``upstream_id``; ``can_be_carried`` must be true for it.

    ``fresh`` is a new random id of this proxy (``toolu_`` and letters and digits).
    """
    unique = fresh.rpartition("_")[2][:FRESH_CHARACTERS]
    return f"{CARRIER}{unique}_{urlsafe_b64encode(upstream_id.encode()).decode().rstrip('=')}"


def carried_id(client_id: str) -> str | None:
    """The upstream's id in ``client_id``; None if it contains none."""
    if not client_id.startswith(CARRIER):
        return None
    encoded = client_id.removeprefix(CARRIER).partition("_")[2]
    if not 0 < len(encoded) <= _LONGEST_ENCODED:
        return None
    try:
        return urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode() or None
    except ValueError:
        return None
