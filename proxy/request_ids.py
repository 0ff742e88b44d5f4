"""The ids by which a request is found again in logs on either side.

Rule: an inbound id is believed only when it cannot break a log line or a header.
"""

from __future__ import annotations

import re

from proxy.convert.reply import random_id

_BELIEVED = re.compile(r"[A-Za-z0-9._-]{8,128}")


def new_request_id() -> str:
    """``req_`` and 24 random base62 characters (docs/protocol.md section 5)."""
    return random_id("req_")


def correlation_id(inbound: str | None, request_id: str) -> str:
    """``x-request-id`` for the answer, the log and the upstream: the client's where it is sane."""
    if inbound and _BELIEVED.fullmatch(inbound):
        return inbound
    return request_id
