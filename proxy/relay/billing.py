"""Whether an incomplete answer is billed, and its output tokens.

Rule: once the whole request is sent, an attempt costs its input and the received part of the answer,
unless the upstream refused it or failed before it answered. If the connection is closed later, because
the client left or a time limit expired, the upstream may still complete and bill the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from proxy.errors import ClientGone, Overloaded, ProxyError, UpstreamError
from proxy.failures.policy import failure_kind
from proxy.tokens.estimate import BYTES_PER_TOKEN
from proxy.upstream.sent_state import is_sent
from proxy.upstream.session import UpstreamResponse

ENVELOPE_BYTES = 200
"""Bytes of a whole answer before the model's output."""
BILLED_FAILURES = frozenset({"timeout", "broken"})
"""Kinds of failures that are billed: a time limit expired, or the answer broke off."""


def is_billed(error: Exception) -> bool:
    """Whether the attempt that ``error`` ended costs tokens; to be called where ``error`` is caught.

    An exception of this program itself changes nothing for the upstream, which answers and bills.
    """
    if not is_sent():
        return False
    if isinstance(error, UpstreamError):
        return failure_kind(error) in BILLED_FAILURES
    return isinstance(error, ClientGone | Overloaded) or not isinstance(error, ProxyError)


class Billed:
    """A context for one attempt that calls ``estimate`` if an exception ends it and it is billed."""

    __slots__ = ("_estimate", "response")

    def __init__(self, estimate: Callable[[UpstreamResponse | None], object]) -> None:
        self._estimate = estimate
        self.response: UpstreamResponse | None = None
        """The upstream's answer, once there is one; passed to ``estimate``."""

    def __enter__(self) -> Billed:
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, Exception) and is_billed(error):
            self._estimate(self.response)


def unfinished_tokens(response: UpstreamResponse | None) -> int:
    """Output tokens in the received part of a whole answer; 0 once it is complete."""
    return 0 if response is None else whole_tokens(response.unfinished)


def whole_tokens(size: int) -> int:
    """Output tokens in a whole answer of ``size`` bytes."""
    return max(0, size - ENVELOPE_BYTES) // BYTES_PER_TOKEN
