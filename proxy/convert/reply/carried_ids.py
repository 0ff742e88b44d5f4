"""An upstream's id of a tool call <-> the id that the client gets in its place.

Rule: an id that an upstream gave comes back to it exactly, and this proxy remembers nothing. One that
the Messages API does not allow is carried inside the client's id; one too long for that in a
``redacted_thinking`` block (docs/protocol.md 10.2).

``toolu_cp1_`` + fresh letters and digits + ``_`` + base64url(UTF-8 of the upstream's id), unpadded.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode

CARRIER = "toolu_cp1_"
"""Beginning of a client's id that contains an upstream's; ids of Anthropic's and of ours have no
second underscore."""
LONGEST_IN_ID = 128
"""UTF-8 bytes of the longest id that the client's id contains: Claude Code names files after it."""
_LONGEST_ENCODED = -(-LONGEST_IN_ID * 4 // 3)
FRESH_CHARACTERS = 10
"""Of the fresh part, which makes the client's id unique; ``10 * log2(62)`` is 59 bits."""


def can_be_carried(upstream_id: str) -> bool:
    """Whether a client's id can contain ``upstream_id``: text, neither empty nor long."""
    try:
        return 0 < len(upstream_id.encode()) <= LONGEST_IN_ID
    except UnicodeEncodeError:
        return False


def carrier_id(upstream_id: str, fresh: str) -> str:
    """The client's id that contains ``upstream_id``, which can be carried.

    ``fresh`` is a random id of this proxy's (``toolu_`` and letters and digits).
    """
    unique = fresh.rpartition("_")[2][:FRESH_CHARACTERS]
    return f"{CARRIER}{unique}_{urlsafe_b64encode(upstream_id.encode()).decode().rstrip('=')}"


def carried_id(client_id: str) -> str | None:
    """The upstream's id in ``client_id``; None where it contains none."""
    if not client_id.startswith(CARRIER):
        return None
    encoded = client_id.removeprefix(CARRIER).partition("_")[2]
    if not 0 < len(encoded) <= _LONGEST_ENCODED:
        return None
    try:
        return urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode() or None
    except ValueError:
        return None
