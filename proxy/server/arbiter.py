"""Changes to gunicorn's master process: orderly stop, replacement of workers, reload without blocking.

Rule: gunicorn's own methods do the work. They are wrapped on the arbiter instance, so that
``gunicorn -c``, which creates its own arbiter, and the ``claude-proxy`` command behave the same.
"""

from __future__ import annotations

import signal
from typing import Any

from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer

from proxy.server.shutdown import PROCESS


class _Reloaded(BaseException):
    """Ends gunicorn's wait for the old workers, which is the last step of its reload."""


def amend(arbiter: Arbiter) -> None:
    """Apply all changes to ``arbiter``; called before it forks."""
    _announce_stop(arbiter)
    _halt_once(arbiter)
    _replace_retiring(arbiter)
    _reload_without_waiting(arbiter)


def _announce_stop(arbiter: Arbiter) -> None:
    """Record a stop in shared memory, because workers get the same signal for a reload."""
    stop = arbiter.stop

    def announced(graceful: bool = True) -> None:
        # The listeners stay open in systemd, or in the other master after SIGUSR2.
        shared = arbiter.systemd or arbiter.reexec_pid or arbiter.master_pid
        seconds = arbiter.cfg.graceful_timeout
        PROCESS.order_stop(at_once=not graceful, last=not shared, seconds=seconds)
        stop(graceful)

    arbiter.stop = announced  # type: ignore[method-assign]


def _halt_once(arbiter: Arbiter) -> None:
    """Stop in order, without a stack trace, if several workers fail to start.

    gunicorn stops when the first worker fails to start. If a second worker fails during that stop,
    gunicorn exits with a stack trace.
    """
    halt, reap_workers = arbiter.halt, arbiter.reap_workers
    halting = False

    def noted_halt(*arguments: Any, **named: Any) -> None:
        nonlocal halting
        halting = True
        halt(*arguments, **named)

    def reap() -> None:
        try:
            reap_workers()
        except HaltServer:
            if not halting:
                raise

    arbiter.halt = noted_halt  # type: ignore[method-assign]
    arbiter.reap_workers = reap  # type: ignore[method-assign]


def _replace_retiring(arbiter: Arbiter) -> None:
    """Replace a worker that dies while old workers drain.

    gunicorn also counts the workers that were signalled to end, so it would not replace a dead
    worker until they have exited. Here they are removed from its list while it counts.
    """
    retiring: set[int] = set()
    kill_worker, manage_workers = arbiter.kill_worker, arbiter.manage_workers

    def kill(pid: int, sig: int) -> None:
        # An aborted worker may run for long, because it finishes its requests.
        if sig in (signal.SIGTERM, signal.SIGABRT):
            retiring.add(pid)
        kill_worker(pid, sig)

    def manage() -> None:
        retiring.intersection_update(arbiter.WORKERS)
        for pid in tuple(retiring):
            # Sent again, since the first signal may have arrived before the handlers were installed.
            kill_worker(pid, signal.SIGTERM)
        hidden = {pid: arbiter.WORKERS.pop(pid) for pid in retiring & arbiter.WORKERS.keys()}
        try:
            manage_workers()
        finally:
            arbiter.WORKERS.update(hidden)

    arbiter.kill_worker = kill  # type: ignore[method-assign]
    arbiter.manage_workers = manage  # type: ignore[method-assign]


def _reload_without_waiting(arbiter: Arbiter) -> None:
    """Return from a reload without waiting for the old workers.

    gunicorn waits for them up to the graceful timeout; until then it handles no signal and replaces
    no worker. Within a reload only that wait calls ``reap_workers``, so this call ends the reload.
    """
    reload, reap_workers = arbiter.reload, arbiter.reap_workers
    reloading = False

    def reap() -> None:
        if reloading:
            raise _Reloaded
        reap_workers()

    def reload_at_once() -> None:
        nonlocal reloading
        reloading = True
        try:
            reload()
        except _Reloaded:
            pass
        finally:
            reloading = False

    arbiter.reload = reload_at_once  # type: ignore[method-assign]
    arbiter.reap_workers = reap  # type: ignore[method-assign]
