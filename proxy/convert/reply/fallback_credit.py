"""The credit token of a refusal; without it the fallback middleware of SDKs does not try the next model.

Rule: the token is opaque and has no value, because no upstream of these protocols has such a credit. A
request with a token is answered like any other (docs/protocol.md section 3).
"""

from __future__ import annotations

from dataclasses import replace

from proxy.convert.reply.stop_reasons import Stop
from proxy.ids import random_id

BETA_PREFIX = "fallback-credit-"


def asks_for_credit(betas: str | None) -> bool:
    """Whether ``betas``, an ``anthropic-beta`` header, names a version of the fallback credit."""
    if betas is None or BETA_PREFIX not in betas:
        return False
    return any(beta.strip().startswith(BETA_PREFIX) for beta in betas.split(","))


def with_credit(stop: Stop) -> Stop:
    """``stop`` with the members of ``BetaRefusalStopDetails`` that the middleware requires.

    It states that there is no prefill claim: the SDK repeats the request without the partial answer.
    Another stop than a refusal is returned unchanged.
    """
    if stop.details is None:
        return stop
    credit = {
        "fallback_credit_token": random_id("fct_"),
        "fallback_has_prefill_claim": False,
    }
    return replace(stop, details=stop.details | credit)
