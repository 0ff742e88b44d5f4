"""Usage counts of all machines, summed in Redis or Valkey.

Rule: a request never waits for Redis. Every two seconds a worker sends what it counted since the last
batch. A batch that could not be sent is kept and sent later; no batch is added twice, because Redis
stores the number of each worker's last batch. What is read is checked: a field that is none of these
counts is left out, and one that is not a number is counted from zero.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, cast

import gevent
import orjson
from gevent.lock import BoundedSemaphore
from redis import Redis, RedisError

from proxy.concurrency import run_off_loop
from proxy.redis_client import is_outage
from proxy.telemetry.multiprocess import read_off_loop
from proxy.telemetry.request_record import RequestRecord
from proxy.telemetry.stats import LABELS_OF_SECTION, Counts, Key
from proxy.telemetry.uncaught import Logged

log = logging.getLogger(__name__)

FLUSH_SECONDS = 2.0
HASH = "{claude-proxy:usage}"
"""The hash has a field for each number, and ``since``. The braces keep all keys on one cluster node."""
SINCE = "since"
REMEMBERED_SECONDS = 86_400
"""How long Redis stores the number of a worker's last batch."""

MOST_FIELDS = 50_000
LARGEST = 1e14
"""Largest count that is accepted; sums of as many fields fit into 64 bits."""
LATEST = 4e9
"""Seconds since 1970 in the year 2096; a later start is not used."""

ADD = """
local function add(field, number)
  local done = redis.pcall('HINCRBYFLOAT', KEYS[1], field, number)
  if type(done) == 'table' and done.err then
    if not (string.find(done.err, 'float') or string.find(done.err, 'NaN')) then return done end
    redis.call('HSET', KEYS[1], field, number)
  end
end
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  redis.call('HSETNX', KEYS[1], 'since', ARGV[3])
  for i = 4, #ARGV, 2 do
    local failed = add(ARGV[i], ARGV[i + 1])
    if failed then return failed end
  end
end
redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[2])
return 1
"""


class ClusterUsage:
    """Adds one worker's counts to the sums, and reads the sums.

    ``counted`` returns the counts of this worker and its predecessors in the same place
    (``proxy.telemetry.multiprocess``).
    """

    def __init__(self, client: Redis, counted: Callable[[], Counts]) -> None:
        self._client = client
        self._counted = counted
        self._sent: Counts | None = None
        self._batch: Counts = {}
        self._number = 0
        self._worker = ""
        self._one_at_a_time = BoundedSemaphore(1)
        self._due = self._running = self._failing = self._closed = False

    def expect(self, record: RequestRecord) -> None:
        """Schedule a batch; to be called before ``record`` is counted."""
        self._due = True
        if self._sent is None:
            # Predecessors have sent their counts. Read without yielding to the loop, so that nothing
            # is counted during the read.
            self._sent = self._counted()
            self._worker = f"{HASH}:{uuid.uuid4().hex}"
        if not self._running:
            self._running = True
            gevent.spawn(self._run)

    def flush(self) -> bool:
        """Send what is not sent yet; false while Redis does not answer."""
        with self._one_at_a_time:
            while self._batch or self._next_batch():
                try:
                    self._send()
                except RedisError as error:
                    self._note_failure(error)
                    return False
                self._batch = {}
        return True

    def close(self) -> None:
        """Try once to send the remaining counts, and stop the background sender."""
        self._closed = True
        self.flush()

    def sums(self) -> tuple[Counts, float] | None:
        """The sums of all machines and their start (seconds since 1970); None: Redis does not answer."""
        try:
            fields = cast(dict[bytes, bytes], self._client.hgetall(HASH))
        except RedisError as error:
            self._note_failure(error)
            return None
        self._note_answer()
        return run_off_loop(counts_of, fields), _since(fields)

    def _run(self) -> None:
        logged = Logged()
        while self._due or self._batch:
            gevent.sleep(FLUSH_SECONDS)
            if self._closed:
                break
            # A failure that is not one of Redis must not end the sending of all later counts.
            with logged:
                self.flush()
        self._running = False

    def _next_batch(self) -> bool:
        if self._sent is None or not self._due:
            return False
        self._due = False
        try:
            counts, sent = read_off_loop(self._counted), self._sent
        except BaseException:
            self._due = True
            raise
        self._batch = {key: n - sent.get(key, 0) for key, n in counts.items() if n != sent.get(key)}
        self._sent = counts
        self._number += 1
        return bool(self._batch)

    def _send(self) -> None:
        fields: list[Any] = []
        for key, number in self._batch.items():
            fields += (orjson.dumps(key), repr(number))
        arguments = (self._number, REMEMBERED_SECONDS, time.time(), *fields)
        self._client.eval(ADD, 2, HASH, self._worker, *arguments)
        self._note_answer()

    def _note_failure(self, error: RedisError) -> None:
        if not self._failing:
            # The error's message may repeat what was sent, including the password.
            name = type(error).__name__
            fault = "does not answer" if is_outage(error) else "holds something else"
            log.warning("Redis %s, usage counts are kept and sent later: %s", fault, name)
        self._failing = True

    def _note_answer(self) -> None:
        if self._failing:
            log.warning("Redis answers again, usage counts are shared")
        self._failing = False


def counts_of(fields: Mapping[bytes, bytes]) -> Counts:
    """The counts in the fields of ``HASH``, without foreign fields."""
    found: Counts = {}
    for field, value in islice(fields.items(), MOST_FIELDS):
        key, number = _key(field), _number(value)
        if key is not None and number is not None:
            found[key] = number
    return found


def _since(fields: Mapping[bytes, bytes]) -> float:
    since = _number(fields.get(SINCE.encode(), b""))
    return time.time() if since is None or since > LATEST else since


def _key(field: bytes) -> Key | None:
    """The section and the labels that ``field`` names; None if it names none of the statistics."""
    try:
        names = orjson.loads(field)
    except ValueError:
        return None
    if not (isinstance(names, list) and names and all(isinstance(name, str) for name in names)):
        return None
    return tuple(names) if LABELS_OF_SECTION.get(names[0]) == len(names) - 1 else None


def _number(value: bytes) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if 0 <= number <= LARGEST else None
