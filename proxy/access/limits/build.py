"""The limiter that the settings ask for.

Rule: the packages ``limits`` and ``redis`` take a tenth of a second to import and several megabytes
in each worker, so they are imported here, in functions, and only by who limits anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from config.settings import Settings
from proxy.access.limits.limiter import Limiter, Limits

if TYPE_CHECKING:
    from proxy.access.limits.redis_store import RedisStore

SERVED = "requests are served without rate limits until it is back"
REFUSED = "requests are refused until it is back"


def chosen_limits(settings: Settings) -> Limits:
    """The limits of ``settings``; false where there are none."""
    return Limits(
        requests=settings.rate_limit_rpm or 0,
        tokens=settings.rate_limit_tpm or 0,
        streams=settings.rate_limit_streams or 0,
        fail_closed=settings.rate_limit_fail == "closed",
    )


def build_limiter(settings: Settings) -> Limiter | None:
    """The limiter of one worker, None where nothing is limited; opens no connection."""
    limits = chosen_limits(settings)
    if not limits:
        return None
    if settings.redis_url is None:
        from proxy.access.limits.memory_store import MemoryStore

        return Limiter(limits, MemoryStore(limits.requests, limits.tokens, limits.streams))
    return Limiter(limits, _shared(settings.redis_url, limits))


def try_store(settings: Settings) -> None:
    """Warn where the limits of ``settings`` are counted in a store that does not answer."""
    limits = chosen_limits(settings)
    if limits and settings.redis_url is not None:
        store = _shared(settings.redis_url, limits)
        store.reach()
        store.close()


def _shared(url: str, limits: Limits) -> RedisStore:
    from proxy.access.limits.redis_store import RedisStore

    meanwhile = REFUSED if limits.fail_closed else SERVED
    return RedisStore(url, limits.requests, limits.tokens, limits.streams, meanwhile=meanwhile)
