"""The input tokens of a request as its upstream counts them.

Rule: only the model's own route is asked; on any failure None, and the caller counts locally: clients
count in order to decide, and an error does not help them (docs/features.md "Conversion, streaming,
errors, counting").
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
"""Fields of a request that change no count. A thinking budget does not fit one token of output."""


def count_upstream(call: Call) -> int | None:
    """The input tokens of ``call`` by its own route; None where the upstream does not count.

    Raises ``ClientGone``.
    """
    candidate = call.candidates[0]
    if (candidate.breaker.open_until or 0.0) > monotonic():
        return None
    request = {name: call.request[name] for name in call.request if name not in UNCOUNTED}
    # A slow count says nothing of messages, so it does not affect the provider's own breaker.
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
