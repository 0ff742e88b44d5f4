"""The directory of the workers' metric files, and gunicorn's hooks for it.

Rule: the master prepares the directory before the first fork and deletes only metric files in it; at
its end it removes a directory that it created itself. Places (name prefixes of the files) are numbered;
a new worker gets the lowest free number, so that reloads do not add files.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from config.gunicorn import SHARED_MEMORY
from proxy.api.context import EXTENSION
from proxy.cli.errors import CannotStart
from proxy.cli.interrupt import before_the_end
from proxy.telemetry import multiprocess

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
PREFIX = "claude-proxy-metrics-"
UNLOCKED_SECONDS = 60
"""Age after which a private directory without a lock belongs to no running master."""
RELEASE_SECONDS = 2.0
"""Time for the newest worker of a killed master to release the lock."""
_REEXECUTED = "GUNICORN_PID"
"""Set by gunicorn if a running master started this one; the workers of both run for a while."""
_LOCK = "METRICS_DIRECTORY_LOCK"
"""Descriptor of that master's lock, which the new master inherits: the directory stays locked."""


def prepare_metrics_directory() -> None:
    """Make this process's workers store their metrics in files; raises ``CannotStart``.

    Calls after the first, as at each reload, do nothing.
    """
    if multiprocess.are_shared():
        return
    chosen = os.environ.get(VARIABLE, "")
    if chosen and not Path(chosen).name.startswith(PREFIX):
        _make_ready(Path(chosen))
    else:
        # A directory with our prefix belongs to the master that started this one.
        chosen = os.environ[VARIABLE] = _private_directory()
    multiprocess.use_directory(chosen)


def adopt_metrics_directory() -> None:
    """Store metrics in the operator's directory if gunicorn runs with another configuration."""
    chosen = os.environ.get(VARIABLE)
    if chosen and not multiprocess.are_shared():
        multiprocess.use_directory(chosen)


def _private_directory() -> str:
    # In memory, so that a slow disk does not delay requests.
    parent = SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK | os.X_OK) else None
    try:
        path = tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=parent)
    except OSError as error:
        raise CannotStart(
            f"cannot create a directory for the metrics ({error.strerror}): "
            f"set {VARIABLE} to a directory that this user may write to"
        ) from error
    _lock(path)
    atexit.register(_remove, path, os.getpid())
    before_the_end(_remove, path, os.getpid())
    _remove_abandoned(Path(path).parent)
    return path


def _lock(path: str) -> int | None:
    """Lock ``path`` until all processes have closed the descriptor; None if it is locked.

    Workers inherit the descriptor, so the lock lasts longer than a master that is killed.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _remove_abandoned(parent: Path) -> None:
    """Remove the private directories of masters that were killed."""
    for path in parent.glob(f"{PREFIX}*"):
        try:
            found = path.stat()
            # A newer directory may not be locked yet.
            old = time.time() - found.st_mtime > UNLOCKED_SECONDS
            if old and found.st_uid == os.getuid() and _lock(str(path)) is not None:
                shutil.rmtree(path, ignore_errors=True)
        except OSError:
            continue


def _remove(path: str, master: int) -> None:
    # Workers inherit the exit functions.
    if os.getpid() == master:
        shutil.rmtree(path, ignore_errors=True)


def _make_ready(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = _metric_files(directory)
        if _REEXECUTED in os.environ:
            _take_lock_over()
        else:
            _lock_exclusively(directory)
            for path in found:
                path.unlink()
        tempfile.TemporaryFile(dir=directory).close()
    except OSError as error:
        raise CannotStart(
            f"cannot write to {VARIABLE}={directory} ({error.strerror}): "
            "name a directory that this user may write to, or do not set it"
        ) from error


def _metric_files(directory: Path) -> list[Path]:
    found = list(directory.iterdir())
    others = [path.name for path in found if path.suffix != ".db"]
    if others:
        raise CannotStart(
            f"{VARIABLE}={directory} holds other files than metrics ({others[0]}): "
            "name a directory for metrics only"
        )
    return found


_MASTER_LOCKS: list[int] = []
"""The descriptor that locks the operator's directory. Workers close it: a worker of a killed master
must not prevent the next master from starting."""


def _lock_exclusively(directory: Path) -> None:
    deadline = time.monotonic() + RELEASE_SECONDS
    while (descriptor := _lock(str(directory))) is None:
        if time.monotonic() > deadline:
            raise CannotStart(
                f"{VARIABLE}={directory} is in use by another running service: "
                "name a separate directory for each, or do not set it"
            )
        time.sleep(0.05)
    _MASTER_LOCKS.append(descriptor)


def _hand_lock_over(arbiter: Any) -> None:
    """gunicorn's hook in the process that becomes the new master, before its exec."""
    for descriptor in _MASTER_LOCKS:
        os.set_inheritable(descriptor, True)
        arbiter.cfg.env_orig[_LOCK] = str(descriptor)


def _take_lock_over() -> None:
    descriptor = os.environ.pop(_LOCK, None)
    if descriptor is not None:
        os.set_inheritable(int(descriptor), False)
        _MASTER_LOCKS.append(int(descriptor))


def metrics_hooks() -> dict[str, Callable[..., None]]:
    """gunicorn's hooks by name."""
    return {
        "pre_exec": _hand_lock_over,
        "pre_fork": _choose_place,
        "post_fork": _take_place,
        "post_worker_init": _mark_serving,
        "child_exit": _free_place,
    }


_TAKEN: set[str] = set()
"""Places of running and draining workers; gunicorn's own list may lack draining ones."""


def _choose_place(arbiter: Any, worker: Any) -> None:
    numbered = (f"{arbiter.pid}-{number}" for number in range(len(_TAKEN) + 1))
    worker.place = next(place for place in numbered if place not in _TAKEN)
    _TAKEN.add(worker.place)


def _take_place(_: Any, worker: Any) -> None:
    while _MASTER_LOCKS:
        os.close(_MASTER_LOCKS.pop())
    multiprocess.take_place(worker.place)


def _mark_serving(worker: Any) -> None:
    worker.wsgi.extensions[EXTENSION].metrics.serving()


def _free_place(_: Any, worker: Any) -> None:
    multiprocess.clear_place(os.environ[VARIABLE], worker.place)
    _TAKEN.discard(worker.place)
