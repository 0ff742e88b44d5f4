"""The limiter that the settings configure.

Rule: importing the packages ``limits`` and ``redis`` takes 0.1 seconds and several megabytes in each
worker, so they are imported in functions, and only if limits are set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from config.settings import Settings
from proxy.access.limits.kinds import KINDS
from proxy.access.limits.limiter import Limiter, Limits

if TYPE_CHECKING:
    from proxy.access.limits.redis_store import RedisStore

SERVED = "requests are served without rate limits until it does"
REFUSED = "requests are refused until it does"


def chosen_limits(settings: Settings) -> Limits:
    """The limits of ``settings``; false if none is set."""
    amounts = {kind: getattr(settings, kind.setting) or 0 for kind in KINDS}
    in_force = {kind: amount for kind, amount in amounts.items() if amount}
    return Limits(in_force, fail_closed=settings.rate_limit_fail == "closed")


def build_limiter(settings: Settings) -> Limiter | None:
    """The limiter of one worker, None if no limit is set; opens no connection."""
    limits = chosen_limits(settings)
    if not limits:
        return None
    if settings.redis_url is None:
        from proxy.access.limits.memory_store import MemoryStore

        return Limiter(limits, MemoryStore(limits.amounts))
    return Limiter(limits, _shared(settings.redis_url, limits))


def try_store(settings: Settings) -> None:
    """Log a warning if the limits of ``settings`` are counted in Redis and it does not answer."""
    limits = chosen_limits(settings)
    if limits and settings.redis_url is not None:
        store = _shared(settings.redis_url, limits)
        store.reach()
        store.close()


def _shared(url: str, limits: Limits) -> RedisStore:
    from proxy.access.limits.redis_store import RedisStore

    meanwhile = REFUSED if limits.fail_closed else SERVED
    return RedisStore(url, limits.amounts, meanwhile=meanwhile)
