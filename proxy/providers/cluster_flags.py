"""What healing learned, shared by all machines that use the same Redis or Valkey.

Rule: a request never waits for Redis. While requests arrive, a greenlet sends this worker's changes and
reads those of the others every two seconds. If Redis does not answer, one warning is logged, the worker
continues with what it knows, and its changes are sent later. A base URL that may hold a credential is
not sent. Each field is decoded once, when it is new, in a thread; a hash with far more fields than are
ever written is removed unread.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from heapq import nsmallest
from typing import cast
from urllib.parse import parse_qsl, urlsplit

import gevent
from gevent.lock import BoundedSemaphore
from redis import Redis, RedisError

from proxy.concurrency import run_off_loop
from proxy.providers.learned_entry import (
    VALID_SECONDS,
    Learned,
    Pair,
    decoded_entry,
    encoded_entry,
    encoded_pair,
)
from proxy.providers.learned_flags import CAPACITY, LearnedFlags
from proxy.redis_client import is_outage

log = logging.getLogger(__name__)

EXCHANGE_SECONDS = 2.0
MOST_FIELDS = 8 * CAPACITY
"""More than machines write before one of them removes the surplus."""
HASH = "{claude-proxy:learned}"
"""The hash has a field for each pair; it expires an hour after its last change."""


class ClusterFlags:
    """Sends what ``learned`` learns and gives it what other machines learned.

    ``clock`` returns seconds since 1970.
    """

    def __init__(self, client: Redis, learned: LearnedFlags, clock: Callable[[], float]) -> None:
        self._client = client
        self._learned = learned
        self._clock = clock
        self._unsent: dict[Pair, Learned] = {}
        self._read: dict[bytes, bytes] = {}
        """The hash as it was last read."""
        self._times: dict[bytes, tuple[float, float]] = {}
        """By field of ``_read``: when it was changed and until when it is valid; 0 for a foreign one."""
        self._one_at_a_time = BoundedSemaphore(1)
        self._due = self._running = self._failing = self._closed = False
        learned.listen, learned.publish = self._wake, self._send

    def exchange(self) -> bool:
        """Send and read what changed; false if Redis does not answer."""
        with self._one_at_a_time:
            try:
                self._flush()
                self._adopt(self._fields())
            except RedisError as error:
                self._note_failure(error)
                return False
            self._note_answer()
            return True

    def close(self) -> None:
        """Try once to send the remaining changes, and stop the greenlet."""
        self._closed = True
        if self._unsent:
            self.exchange()

    def _wake(self) -> None:
        self._due = True
        if not self._running and not self._closed:
            self._running = True
            gevent.spawn(self._run)

    def _send(self, pair: Pair, entry: Learned) -> None:
        if _may_hold_credential(pair[0]):
            return
        self._unsent[pair] = entry
        self._wake()

    def _run(self) -> None:
        try:
            while (self._due or self._unsent) and not self._closed:
                self._due = False
                self.exchange()
                gevent.sleep(EXCHANGE_SECONDS)
        finally:
            # Also after a failure that is not one of Redis: the next request starts another.
            self._running = False

    def _flush(self) -> None:
        if not self._unsent:
            return
        batch = dict(self._unsent)
        fields = {encoded_pair(pair): encoded_entry(entry) for pair, entry in batch.items()}
        pipeline = self._client.pipeline()
        pipeline.hset(HASH, mapping=fields)  # type: ignore[arg-type]
        pipeline.expire(HASH, int(VALID_SECONDS))
        pipeline.execute()
        for pair, entry in batch.items():
            # It may have changed again meanwhile.
            if self._unsent.get(pair) is entry:
                del self._unsent[pair]

    def _fields(self) -> dict[bytes, bytes]:
        if self._client.hlen(HASH) > MOST_FIELDS:
            self._client.delete(HASH)
            return {}
        return cast(dict[bytes, bytes], self._client.hgetall(HASH))

    def _adopt(self, fields: dict[bytes, bytes]) -> None:
        changed = {
            field: entry for field, entry in fields.items() if self._read.get(field) != entry
        }
        if not changed:
            self._read = fields
            return
        now = self._clock()
        found = run_off_loop(_decoded, changed, now)
        # Not before: after a failure the same fields are decoded again.
        self._read = fields
        times = {field: (entry[1].changed, entry[1].valid_until) for field, entry in found.items()}
        foreign = dict.fromkeys(changed, (0.0, 0.0))
        kept = {field: times for field, times in self._times.items() if field in fields}
        self._times = kept | foreign | times
        self._learned.adopt(found.values())
        self._tidy(now)

    def _tidy(self, now: float) -> None:
        """Remove foreign and expired fields, and those changed first where there are too many."""
        removed = [field for field, (_, until) in self._times.items() if until <= now]
        surplus = len(self._times) - len(removed) - CAPACITY
        if surplus > 0:
            left = self._times.keys() - removed
            removed += nsmallest(surplus, left, key=lambda field: self._times[field][0])
        if removed:
            self._client.hdel(HASH, *removed)

    def _note_failure(self, error: RedisError) -> None:
        if not self._failing:
            # The error's message may repeat what was sent, including the password.
            name = type(error).__name__
            fault = "does not answer" if is_outage(error) else "holds something else"
            log.warning(
                "Redis %s, learned profile flags are not shared with other machines: %s",
                fault,
                name,
            )
        self._failing = True

    def _note_answer(self) -> None:
        if self._failing:
            log.warning("Redis answers again, learned profile flags are shared")
        self._failing = False


def _decoded(fields: Mapping[bytes, bytes], now: float) -> dict[bytes, tuple[Pair, Learned]]:
    """By field: the entry that it holds; without the foreign and the expired ones."""
    found = {field: decoded_entry(field, entry, now) for field, entry in fields.items()}
    return {field: entry for field, entry in found.items() if entry is not None}


def _may_hold_credential(url: str) -> bool:
    parts = urlsplit(url)
    names = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    return "@" in parts.netloc or not names <= {"api-version"}
