"""What our master does otherwise than gunicorn's: it stops in order and goes on during a reload.

Rule: gunicorn's own methods do the work; each is wrapped on the one arbiter there is, so that
``gunicorn -c`` and the command behave the same.
"""

from __future__ import annotations

import signal
from typing import Any

from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer

from proxy.server.shutdown import PROCESS


class _Reloaded(BaseException):
    """Ends gunicorn's wait for the old workers, which is the last thing in its reload."""


def amend(arbiter: Arbiter) -> None:
    """Change ``arbiter`` before it forks."""
    _announce_stop(arbiter)
    _halt_once(arbiter)
    _replace_retiring(arbiter)
    _reload_without_waiting(arbiter)


def _announce_stop(arbiter: Arbiter) -> None:
    """Tell the workers by other means than a signal that this is a stop."""
    stop = arbiter.stop

    def announced(graceful: bool = True) -> None:
        # systemd, and another master after SIGUSR2, go on with the same listeners.
        shared = arbiter.systemd or arbiter.reexec_pid or arbiter.master_pid
        seconds = arbiter.cfg.graceful_timeout
        PROCESS.order_stop(at_once=not graceful, last=not shared, seconds=seconds)
        stop(graceful)

    arbiter.stop = announced  # type: ignore[method-assign]


def _halt_once(arbiter: Arbiter) -> None:
    """End in order where no worker can start.

    gunicorn stops for the first one, and where a second one ends meanwhile with a stack trace.
    """
    halt, reap_workers = arbiter.halt, arbiter.reap_workers
    halting = False

    def halt_and_remember(*arguments: Any, **named: Any) -> None:
        nonlocal halting
        halting = True
        halt(*arguments, **named)

    def reap() -> None:
        try:
            reap_workers()
        except HaltServer:
            if not halting:
                raise

    arbiter.halt = halt_and_remember  # type: ignore[method-assign]
    arbiter.reap_workers = reap  # type: ignore[method-assign]


def _replace_retiring(arbiter: Arbiter) -> None:
    """Count as workers only those that were not told to end.

    gunicorn counts the others too: a worker that dies while old ones still drain would not be
    replaced before they are gone.
    """
    retiring: set[int] = set()
    kill_worker, manage_workers = arbiter.kill_worker, arbiter.manage_workers

    def kill(pid: int, sig: int) -> None:
        # After an abort it may go on: it ends what runs, which may take long.
        if sig in (signal.SIGTERM, signal.SIGABRT):
            retiring.add(pid)
        kill_worker(pid, sig)

    def manage() -> None:
        retiring.intersection_update(arbiter.WORKERS)
        for pid in tuple(retiring):
            # Once is not enough: it may have come before the new process could take it.
            kill_worker(pid, signal.SIGTERM)
        hidden = {pid: arbiter.WORKERS.pop(pid) for pid in retiring & arbiter.WORKERS.keys()}
        try:
            manage_workers()
        finally:
            arbiter.WORKERS.update(hidden)

    arbiter.kill_worker = kill  # type: ignore[method-assign]
    arbiter.manage_workers = manage  # type: ignore[method-assign]


def _reload_without_waiting(arbiter: Arbiter) -> None:
    """Go on as the master while old workers end.

    gunicorn waits for them, up to the graceful timeout, and obeys no signal and replaces no worker
    meanwhile. Nothing but that wait reaps workers inside a reload.
    """
    reload, reap_workers = arbiter.reload, arbiter.reap_workers
    reloading = False

    def reap() -> None:
        if reloading:
            raise _Reloaded
        reap_workers()

    def reload_and_go_on() -> None:
        nonlocal reloading
        reloading = True
        try:
            reload()
        except _Reloaded:
            pass
        finally:
            reloading = False

    arbiter.reload = reload_and_go_on  # type: ignore[method-assign]
    arbiter.reap_workers = reap  # type: ignore[method-assign]
