"""Refusals of a request's content under another status than 400 and 422.

Rule: gateways answer 402, 404, 405, 500 or 501 where they have no route for what a request holds. Only
words that can mean nothing else count there: a 404 is a missing model, a 500 a failure of the server.
"""

from __future__ import annotations

import re

from proxy.errors import UpstreamError
from proxy.failures.complaints import LONGEST_TEXT, as_sent
from proxy.failures.image_steps import TEXT_ONLY
from proxy.failures.limit_steps import AFFORDABLE
from proxy.failures.mode_steps import CHOICE_REFUSED, STREAM_WANTED
from proxy.failures.refused_media import IMAGE_REFUSED

NEVER = frozenset({401, 408, 409, 410, 413, 429, 502, 503, 504, 529})
"""Statuses that say what is wrong themselves."""
PAYMENT_REQUIRED = 402

_MODES: tuple[re.Pattern[str], ...] = (TEXT_ONLY, CHOICE_REFUSED, STREAM_WANTED)


def refuses_in_other_status(error: UpstreamError, text: str) -> bool:
    """Whether ``error`` refuses the content of a request although its status says something else.

    ``text`` is the trusted part of the error's text.
    """
    status = error.upstream_status
    if status is None or status in NEVER:
        return False
    if error.message.startswith(IMAGE_REFUSED):
        return True
    text = as_sent(text[:LONGEST_TEXT].lower())
    if status == PAYMENT_REQUIRED:
        return AFFORDABLE.search(text) is not None
    return any(pattern.search(text) for pattern in _MODES)
