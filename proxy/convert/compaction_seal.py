"""The signature of a ``compaction`` block of this proxy: a checksum of its summary, and names of tools.

Rule: the checksum detects that a client changed the summary; it does not prove who wrote it. Signatures
of other services cannot be checked and are accepted (docs/protocol.md 1.7). The names are those of the
tools that the summarized turns use, since these turns are gone when tools are left out (1.3).
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping
from hashlib import sha256
from itertools import islice
from typing import Any

import orjson

from proxy.convert.reply.reasoning import SIGNATURE_PREFIX

SEAL_PREFIX = f"{SIGNATURE_PREFIX}c."
"""Starts with the prefix of all signatures of this proxy, which are never sent to native upstreams."""
MOST_NAMES = 128
"""Names of tools in a signature; no upstream with a limit accepts more functions by default."""
LONGEST_NAMES = 1 << 16
"""Characters of the names in a signature, beyond which they are not read."""


def sealed(summary: str, tools: Iterable[str] = ()) -> str:
    """The ``signature`` of a block with ``summary``: a prefix, 22 characters, and the names of ``tools``.

    Names beyond ``MOST_NAMES`` are left out.
    """
    digest = sha256(summary.encode("utf-8", "surrogatepass")).digest()
    names = list(islice(dict.fromkeys(tools), MOST_NAMES))
    ending = f".{_encoded(orjson.dumps(names))}" if names else ""
    return f"{SEAL_PREFIX}{_encoded(digest[:16])}{ending}"


def is_ours(block: Mapping[str, Any]) -> bool:
    """Whether this proxy made ``block``, a ``compaction`` block."""
    signature = block.get("signature")
    return type(signature) is str and signature.startswith(SEAL_PREFIX)


def is_changed(block: Mapping[str, Any]) -> bool:
    """Whether the signature of ``block`` is from this proxy but does not match its summary."""
    return is_ours(block) and _parts(block)[0] != _parts({"signature": sealed(block["content"])})[0]


def tools_before(block: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the tools that the turns summarized by ``block`` use; empty if it has none."""
    encoded = _parts(block)[1] if is_ours(block) else ""
    if not encoded or len(encoded) > LONGEST_NAMES:
        return ()
    try:
        names = orjson.loads(urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except ValueError:
        return ()
    texts = isinstance(names, list) and all(isinstance(name, str) for name in names)
    return tuple(names) if texts else ()


def _parts(block: Mapping[str, Any]) -> tuple[str, str]:
    """The checksum and the encoded names in the signature of ``block``."""
    signature: str = block["signature"]
    digest, _, names = signature.removeprefix(SEAL_PREFIX).partition(".")
    return digest, names


def _encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")
