"""What healing learned, shared by all machines that use the same Redis or Valkey.

Rule: a request never waits for Redis. While requests arrive, a greenlet sends this worker's changes and
reads those of the others every two seconds. If Redis does not answer, one warning is logged, the worker
continues with what it knows, and its changes are sent later. A base URL that may hold a credential is
not sent.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import cast
from urllib.parse import parse_qsl, urlsplit

import gevent
from gevent.lock import BoundedSemaphore
from redis import Redis, RedisError

from proxy.providers.learned_entry import (
    VALID_SECONDS,
    Learned,
    Pair,
    decoded_entry,
    encoded_entry,
    encoded_pair,
)
from proxy.providers.learned_flags import CAPACITY, LearnedFlags

log = logging.getLogger(__name__)

EXCHANGE_SECONDS = 2.0
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
        self._one_at_a_time = BoundedSemaphore(1)
        self._due = self._running = self._failing = self._closed = False
        learned.listen, learned.publish = self._wake, self._send

    def exchange(self) -> bool:
        """Send and read what changed; false if Redis does not answer."""
        with self._one_at_a_time:
            try:
                self._flush()
                fields = cast(dict[bytes, bytes], self._client.hgetall(HASH))
                self._adopt(fields)
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

    def _adopt(self, fields: dict[bytes, bytes]) -> None:
        now = self._clock()
        changed = fields.items() - self._read.items()
        self._read = fields
        found = (decoded_entry(pair, entry, now) for pair, entry in changed)
        self._learned.adopt([entry for entry in found if entry is not None])
        if changed:
            self._tidy(fields, now)

    def _tidy(self, fields: dict[bytes, bytes], now: float) -> None:
        """Remove expired fields, and those changed first where there are too many."""
        entries = {pair: decoded_entry(pair, entry, now) for pair, entry in fields.items()}
        usable = [(entry[1].changed, pair) for pair, entry in entries.items() if entry is not None]
        surplus = [pair for _, pair in sorted(usable)[: max(0, len(usable) - CAPACITY)]]
        removed = [*(pair for pair, entry in entries.items() if entry is None), *surplus]
        if removed:
            self._client.hdel(HASH, *removed)

    def _note_failure(self, error: RedisError) -> None:
        if not self._failing:
            # The error's message may repeat what was sent, including the password.
            name = type(error).__name__
            log.warning(
                "Redis does not answer, learned profile flags are not shared with other machines: %s",
                name,
            )
        self._failing = True

    def _note_answer(self) -> None:
        if self._failing:
            log.warning("Redis answers again, learned profile flags are shared")
        self._failing = False


def _may_hold_credential(url: str) -> bool:
    parts = urlsplit(url)
    names = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    return "@" in parts.netloc or not names <= {"api-version"}
