"""The state of a Responses upstream's reasoning <-> opaque text in a signature.

Rule: the text names the host that the state belongs to, and contains what the upstream encrypted byte for
byte (docs/protocol.md, "State in signatures").
"""

from __future__ import annotations

import re

from proxy.convert.reply.private_state import pack_members

_PREFIX = "cp1.r1."
_ENCRYPTED = re.compile(r"[A-Za-z0-9_=+/-]+")


def packed_state(origin: str, item_id: str, encrypted: str) -> str:
    """The signature or ``data`` with the state of the reasoning item ``item_id``."""
    if "." not in item_id and _ENCRYPTED.fullmatch(encrypted):
        return f"{_PREFIX}{origin}.{item_id}.{encrypted}"
    item = {"type": "reasoning", "id": item_id, "encrypted_content": encrypted}
    return pack_members({"responses_item": item, "at": origin})
