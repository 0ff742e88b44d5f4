"""How many requests a worker answers at a time.

Rule: fewer than the connections that gunicorn accepts; the rest is reserved for probes and refusals,
because a worker whose connections are all in use does not answer even a health check.
"""

from __future__ import annotations

import resource
from collections.abc import Callable, Container

from config.settings import Settings
from proxy.errors import Overloaded

RETRY_SECONDS = 5
"""Retry-After of a refusal."""
FILES_OF_ITS_OWN = 100
"""Open files of a worker besides two for each request, to the client and to the upstream."""
SPARE_FILES = 30
"""How many of ``FILES_OF_ITS_OWN`` are reserved for connections of probes and refusals."""
SPARE_CONNECTIONS = 100
"""Most connections that are reserved for probes and refusals. Up to this bound it is a tenth of all."""
DEFAULT_BOUND = Settings(workers=1).max_concurrency


def _frees_none(_: Container[object]) -> bool:
    return False


class Admission:
    """The slots of one worker; a request occupies one until its answer has ended.

    ``free_one`` ends a request that has a slot but whose client does not read, given the holders of all
    slots; False if there is none.
    """

    __slots__ = ("_free_one", "_holders", "most", "running")

    def __init__(
        self, most: int, free_one: Callable[[Container[object]], bool] = _frees_none
    ) -> None:
        self.most = most
        self.running = 0
        self._free_one = free_one
        self._holders: set[object] = set()

    def enter(self, holder: object) -> None:
        """Take a slot, to be given back by one call of ``leave``; raises ``Overloaded``.

        ``holder`` is what answers the request: its greenlet.
        """
        # The request that is ended gives its slot back within the next pass of the event loop.
        if self.running >= self.most and not self._free_one(self._holders):
            raise Overloaded(
                "too many requests are in progress: try again later",
                headers={"retry-after": str(RETRY_SECONDS)},
            )
        self.running += 1
        self._holders.add(holder)

    def leave(self, holder: object) -> None:
        """Give the slot of ``holder`` back."""
        self.running -= 1
        self._holders.discard(holder)


def admitted(settings: Settings, open_files: int | None) -> int:
    """How many requests a worker may answer at a time: as configured, but not above the bounds.

    The bounds are its connections and ``open_files``, the number of files that the process may open
    (None: any number).
    """
    return min(settings.max_concurrency, *_bounds(settings, open_files).values())


def open_files() -> int | None:
    """How many files this process may open; None: any number."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return None if most == resource.RLIM_INFINITY else most


def connections_that_fit(wanted: int, open_files: int | None) -> int:
    """How many connections a worker may accept without running out of open files."""
    if open_files is None:
        return wanted
    upstream = _requests_that_fit(open_files)
    return min(wanted, max(2, open_files - FILES_OF_ITS_OWN + SPARE_FILES - upstream))


def spare(connections: int) -> int:
    """How many of a worker's connections are reserved for probes and refusals."""
    return min(SPARE_CONNECTIONS, max(2, connections // 10))


def admission_warning(settings: Settings, open_files: int | None) -> str | None:
    """The warning if fewer requests are admitted than configured; None if there is no reason for it.

    The default is lowered to fit WORKER_CONNECTIONS without a warning.
    """
    bounds, wanted = _bounds(settings, open_files), settings.max_concurrency
    if wanted == DEFAULT_BOUND:
        wanted = min(wanted, bounds[_CONNECTIONS])
    name = min(bounds, key=bounds.__getitem__)
    most = bounds[name]
    if most >= wanted:
        return None
    remedy = {
        _CONNECTIONS: f"of CLAUDE_PROXY_WORKER_CONNECTIONS={settings.worker_connections} some stay "
        "free for health checks and refusals: raise it, or lower CLAUDE_PROXY_MAX_CONCURRENCY",
        _FILES: f"each needs two open files, and only {open_files} are allowed: raise the limit "
        "(ulimit -n), or lower CLAUDE_PROXY_MAX_CONCURRENCY",
    }[name]
    return f"a worker answers {most} requests at a time instead of {wanted}: {remedy}"


_CONNECTIONS, _FILES = "connections", "files"


def _bounds(settings: Settings, open_files: int | None) -> dict[str, int]:
    connections = settings.worker_connections
    bounds = {_CONNECTIONS: max(1, connections - spare(connections))}
    if open_files is not None:
        bounds[_FILES] = _requests_that_fit(open_files)
    return bounds


def _requests_that_fit(open_files: int) -> int:
    return max(1, (open_files - FILES_OF_ITS_OWN) // 2)
