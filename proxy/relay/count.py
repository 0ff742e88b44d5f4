"""The input tokens of a request as its upstream counts them.

Rule: only the model's own route is called, no fallback. After any failure the result is None and the
caller counts locally, because a local count is more useful to clients than an error (docs/features.md
"Conversion, streaming, errors, counting").
"""

from __future__ import annotations

import logging
from dataclasses import replace
from time import monotonic

from proxy.errors import ClientGone, ProxyError
from proxy.providers.circuit_breaker import Breaker
from proxy.relay.attempts import with_failover
from proxy.relay.call import Call
from proxy.relay.healed import with_healing
from proxy.relay.protocols import PROTOCOLS
from proxy.telemetry.logs import error_words

log = logging.getLogger(__name__)

UNCOUNTED = frozenset({"stream", "thinking"})
"""Fields that do not change the count. A thinking budget is not valid with an output of one token."""


def count_upstream(call: Call) -> int | None:
    """The input tokens of ``call`` at its own route; None if the upstream returns no count.

    Raises ``ClientGone``.
    """
    candidate = call.candidates[0]
    if (candidate.breaker.open_until or 0.0) > monotonic():
        return None
    request = {name: call.request[name] for name in call.request if name not in UNCOUNTED}
    # A slow count is no sign that messages fail, so it is not reported to the provider's breaker.
    candidate = replace(candidate, breaker=Breaker())
    counted = replace(call, request={**request, "max_tokens": 1}, candidates=(candidate,))
    try:
        return with_failover(
            counted,
            lambda: with_healing(
                counted, lambda converted: PROTOCOLS[converted.api].count(counted, converted)
            ),
        )
    except ClientGone:
        raise
    except ProxyError as error:
        log.info(
            "count request_id=%s: %s returned no count (%s); counted locally",
            call.record.request_id,
            call.route.provider.name,
            error_words(error),
        )
        return None
