"""The signature of a ``compaction`` block of this proxy: a checksum of its summary.

Rule: the checksum detects that a client changed the summary; it does not prove who wrote it. Signatures
of other services cannot be checked and are accepted (docs/protocol.md 1.7).
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from proxy.convert.reply.reasoning import SIGNATURE_PREFIX

SEAL_PREFIX = f"{SIGNATURE_PREFIX}c."
"""Starts with the prefix of all signatures of this proxy, which are never sent to native upstreams."""


def sealed(summary: str) -> str:
    """The ``signature`` of a block with ``summary``: a prefix and 22 characters."""
    digest = sha256(summary.encode("utf-8", "surrogatepass")).digest()
    return SEAL_PREFIX + urlsafe_b64encode(digest[:16]).decode().rstrip("=")


def is_ours(block: Mapping[str, Any]) -> bool:
    """Whether this proxy made ``block``, a ``compaction`` block."""
    signature = block.get("signature")
    return type(signature) is str and signature.startswith(SEAL_PREFIX)


def is_changed(block: Mapping[str, Any]) -> bool:
    """Whether the signature of ``block`` is from this proxy but does not match its summary."""
    return is_ours(block) and block["signature"] != sealed(block["content"])
