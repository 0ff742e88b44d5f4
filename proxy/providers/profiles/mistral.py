"""Mistral: nine-character tool ids, a marked prefill, no field it does not know.

Its streams report usage in the last chunk unasked.
"""

from __future__ import annotations

from proxy.providers.profiles.base import Vendor

MISTRAL = Vendor(
    name="mistral",
    hosts={
        "api.mistral.ai": "/v1",
        "codestral.mistral.ai": "/v1",
    },
    flags={"tool_id": "nine", "prefill": "prefix", "no_stream_usage": True},
)
