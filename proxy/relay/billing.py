"""What an upstream bills for an answer that did not come to its end.

Rule: from the moment the whole request is sent, an attempt costs its input and what was received of
the answer, unless the upstream refused it or failed before it answered. Who leaves then, the client or
this proxy at its limits, stops neither the upstream's work nor its bill.
"""

from __future__ import annotations

from proxy.errors import ClientGone, Overloaded, ProxyError, UpstreamError
from proxy.failures.policy import failure_kind
from proxy.tokens.estimate import BYTES_PER_TOKEN
from proxy.upstream.sent_state import is_sent
from proxy.upstream.session import UpstreamResponse

ENVELOPE_BYTES = 200
"""Of a whole answer, what stands before the first word of the model."""
BILLED_FAILURES = frozenset({"timeout", "broken"})
"""By ``failure_kind``: given up while the upstream worked, or broken in the midst of an answer."""


def is_billed(error: ProxyError) -> bool:
    """Whether the attempt that ``error`` ended costs tokens; asked where it is caught."""
    if not is_sent():
        return False
    if isinstance(error, UpstreamError):
        return failure_kind(error) in BILLED_FAILURES
    return isinstance(error, ClientGone | Overloaded)


def unfinished_tokens(response: UpstreamResponse | None) -> int:
    """Output tokens in what came of a whole answer; 0 before it and once it is complete."""
    return 0 if response is None else whole_tokens(response.unfinished)


def whole_tokens(size: int) -> int:
    """Output tokens in a whole answer of ``size`` bytes."""
    return max(0, size - ENVELOPE_BYTES) // BYTES_PER_TOKEN
