"""The IP addresses of upstream hosts: every lookup for an upstream connection is made here.

Rule: a caller waits for an answer no longer than it may wait for the whole connection, and a name server
that is silent about some names delays no other name. A name is looked up once at a time, in a thread
of its own, and callers share its answer for a few seconds. The number of lookups is limited, for each
domain and in all (docs/decisions.md "upstream").
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from time import monotonic
from typing import Any

import gevent
from gevent import monkey
from gevent.event import Event
from urllib3.util.connection import allowed_gai_family

from proxy.concurrency import WorkerThreads

ANSWER_SECONDS = 5.0
"""How long an answer is used without asking again. ``getaddrinfo`` does not return a TTL."""
FAILURE_SECONDS = 5.0
"""How long a failed lookup is not repeated."""
LAST_ANSWER_SECONDS = 600.0
"""How long the last answer is used while the name servers do not answer."""
SILENT_SECONDS = 1.0
"""Age of a lookup from which its name servers count as silent; an answer takes milliseconds."""
MOST_LOOKUPS = 32
"""Lookups at the same time; each takes a thread, which cannot be interrupted."""
MOST_IN_DOMAIN = 8
"""Of these, for names that end in the same two labels, whose name servers are probably the same."""
MOST_NAMES = 1024
"""Names whose answers are kept."""
LOCALHOST = ("::1", "127.0.0.1")

_FINAL = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})
"""Errors by which name servers say that a name has no address."""

# Twice, since clients' names have lookups of their own (``proxy.upstream.clients``).
_THREADS = WorkerThreads(2 * MOST_LOOKUPS)

getaddrinfo: Callable[..., Any] = monkey.get_original("socket", "getaddrinfo")
"""The system's resolver, which reads /etc/hosts and nsswitch.conf too. Blocks the calling thread."""


class LookupTimeout(TimeoutError):
    """The name servers did not answer in time, or too many other lookups wait for theirs."""


@dataclass(slots=True)
class _Answer:
    """What the last lookup of a name found; ``failure`` where it failed."""

    addresses: tuple[str, ...]
    failure: OSError | None
    until: float
    """When the name is looked up again."""
    last_until: float
    """How long the addresses are used while the name servers do not answer."""

    def result(self) -> tuple[str, ...]:
        if self.failure is None:
            return self.addresses
        # A copy: each raise would add to the traceback of the one that is kept.
        raise type(self.failure)(*self.failure.args)


@dataclass(slots=True)
class _Lookup:
    """A lookup that is being made; ``ended`` is set once it has an answer."""

    began: float
    domain: str
    ended: Event = field(default_factory=Event)
    answer: _Answer | None = None


class NameLookup:
    """Looks names up and keeps their answers; for the greenlets of one worker.

    ``clock`` returns seconds of a monotonic clock.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._answers: dict[str, _Answer] = {}
        self._running: dict[str, _Lookup] = {}
        self._freed = Event()
        """Set when the next lookup ends, and then replaced."""

    def addresses(self, host: str, seconds: float) -> tuple[str, ...]:
        """The IP addresses of ``host``, in the system's order, within ``seconds``.

        Addresses and ``localhost`` are not looked up. Raises ``LookupTimeout``, ``socket.gaierror``
        or another ``OSError``, and ``UnicodeError`` for a name that cannot be one.
        """
        if host == "localhost":
            return LOCALHOST if allowed_gai_family() == socket.AF_UNSPEC else LOCALHOST[1:]
        if _is_address(host):
            return (host,)
        host.encode("idna")
        if not monkey.is_module_patched("threading"):
            return _looked_up(host)
        now = self._clock()
        known = self._answers.get(host)
        if known is not None and now < known.until:
            return known.result()
        usable = known is not None and known.failure is None and now < known.last_until
        try:
            answer = self._asked(host, min(seconds, SILENT_SECONDS) if usable else seconds)
        except LookupTimeout:
            if known is not None and usable:
                return known.addresses
            raise
        return answer.result()

    def _asked(self, host: str, seconds: float) -> _Answer:
        """The answer of a lookup of ``host``, which may take ``seconds`` from its beginning on.

        The wait for room, if there is none for another lookup, is part of these seconds.
        """
        asked = self._clock()
        lookup = self._running.get(host) or self._begun(host, asked + seconds)
        left = min(asked, lookup.began) + seconds - self._clock()
        if left > 0:
            lookup.ended.wait(left)
        if lookup.answer is None:
            raise LookupTimeout(f"no answer in {seconds:g} s")
        return lookup.answer

    def _begun(self, host: str, deadline: float) -> _Lookup:
        domain = ".".join(host.rstrip(".").rsplit(".", 2)[-2:])
        while (lookup := self._running.get(host)) is None:
            holders = self._holders(domain)
            if not holders:
                lookup = self._running[host] = _Lookup(self._clock(), domain)
                gevent.spawn(self._run, host, lookup)
                break
            silent_at = max(holder.began for holder in holders) + SILENT_SECONDS
            left = min(silent_at, deadline) - self._clock()
            if left <= 0:
                raise LookupTimeout("too many lookups without an answer")
            self._freed.wait(left)
        return lookup

    def _holders(self, domain: str) -> list[_Lookup]:
        """The lookups that leave no room for another one in ``domain``; empty where there is room."""
        running = list(self._running.values())
        if len(running) >= MOST_LOOKUPS:
            return running
        same = [lookup for lookup in running if lookup.domain == domain]
        return same if len(same) >= MOST_IN_DOMAIN else []

    def _run(self, host: str, lookup: _Lookup) -> None:
        """Make ``lookup`` and store its answer; runs in its own greenlet."""
        found: tuple[str, ...] | OSError = OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        try:
            found = _THREADS.pool().apply(_outcome, (host,))
        finally:
            lookup.answer = self._kept(host, found)
            del self._running[host]
            lookup.ended.set()
            freed, self._freed = self._freed, Event()
            freed.set()

    def _kept(self, host: str, found: tuple[str, ...] | OSError) -> _Answer:
        now, known = self._clock(), self._answers.pop(host, None)
        if not isinstance(found, OSError):
            answer = _Answer(found, None, now + ANSWER_SECONDS, now + LAST_ANSWER_SECONDS)
        elif known is not None and now < known.last_until and _is_silence(found):
            answer = replace(known, until=now + FAILURE_SECONDS)
        else:
            answer = _Answer((), found, now + FAILURE_SECONDS, now)
        while len(self._answers) >= MOST_NAMES:
            del self._answers[next(iter(self._answers))]
        self._answers[host] = answer
        return answer


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _is_silence(failure: OSError) -> bool:
    """Whether the name servers gave no answer, rather than that the name has no address."""
    return not (isinstance(failure, socket.gaierror) and failure.errno in _FINAL)


def _outcome(host: str) -> tuple[str, ...] | OSError:
    """``_looked_up`` for a thread of gevent's pools, which would report an exception itself."""
    try:
        return _looked_up(host)
    except OSError as error:
        # Without the frames of the lookup.
        return error.with_traceback(None)


def _looked_up(host: str) -> tuple[str, ...]:
    """The addresses of ``host`` by one call of the system's resolver; blocks the calling thread."""
    answers = getaddrinfo(host, 0, allowed_gai_family(), socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(answer[4][0]) for answer in answers))
