"""The files in which the workers count, and gunicorn's hooks around them.

Rule: made by the master before the first fork, emptied only where nothing else is lost, and removed
with the master where it was made here. Places are numbered: a new worker gets the lowest number
that no living one has, so that files do not grow in number with reloads.
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
from proxy.cli.interrupt import before_the_end
from proxy.cli.process import CannotStart
from proxy.telemetry import multiprocess

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
PREFIX = "claude-proxy-metrics-"
SETTLED_SECONDS = 60
LET_GO_SECONDS = 2.0
"""How long a killed master's youngest worker may take to let its lock go."""
_REEXECUTED = "GUNICORN_PID"
"""Set by gunicorn where a running master started this one, whose workers go on for a while."""
_LOCK = "METRICS_DIRECTORY_LOCK"
"""By which that master names the descriptor of its lock: the directory must stay locked when only
the new one is left."""


def prepare_metrics_directory() -> None:
    """Let the workers of this process count into files; raises ``CannotStart``.

    Harmless when repeated, as at each reload.
    """
    if multiprocess.are_shared():
        return
    chosen = os.environ.get(VARIABLE, "")
    if chosen and not Path(chosen).name.startswith(PREFIX):
        _make_ready(Path(chosen))
    else:
        # One with our prefix is that of the master that started this one.
        chosen = os.environ[VARIABLE] = _private_directory()
    multiprocess.use_directory(chosen)


def adopt_metrics_directory() -> None:
    """Count into the operator's directory in a server that another configuration started."""
    chosen = os.environ.get(VARIABLE)
    if chosen and not multiprocess.are_shared():
        multiprocess.use_directory(chosen)


def _private_directory() -> str:
    # Memory, so that a slow disk never holds up a request.
    parent = SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK | os.X_OK) else None
    try:
        path = tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=parent)
    except OSError as error:
        raise CannotStart(
            f"cannot make a directory for the metrics ({error.strerror}): "
            f"set {VARIABLE} to a directory that this user may write"
        ) from error
    _lock(path)
    atexit.register(_remove, path, os.getpid())
    before_the_end(_remove, path, os.getpid())
    _sweep(Path(path).parent)
    return path


def _lock(path: str) -> int | None:
    """Lock ``path`` until all processes have closed the descriptor; None where others hold it.

    Workers inherit it, so the lock outlives a master that is killed before them.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _sweep(parent: Path) -> None:
    """Remove what masters that were killed have left."""
    for path in parent.glob(f"{PREFIX}*"):
        try:
            found = path.stat()
            # A younger one may not be locked yet.
            mine = found.st_uid == os.getuid() and time.time() - found.st_mtime > SETTLED_SECONDS
            if mine and _lock(str(path)) is not None:
                shutil.rmtree(path, ignore_errors=True)
        except OSError:
            continue


def _remove(path: str, master: int) -> None:
    # Workers inherit this call with everything else.
    if os.getpid() == master:
        shutil.rmtree(path, ignore_errors=True)


def _make_ready(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = list(directory.iterdir())
        strange = [path for path in found if path.suffix != ".db"]
        if strange:
            raise CannotStart(
                f"{VARIABLE}={directory} holds other files than metrics ({strange[0].name}): "
                "name a directory of its own"
            )
        if _REEXECUTED in os.environ:
            _take_lock_over()
        else:
            _keep_others_out(directory)
            for path in found:
                path.unlink()
        tempfile.TemporaryFile(dir=directory).close()
    except OSError as error:
        raise CannotStart(
            f"cannot write to {VARIABLE}={directory} ({error.strerror}): "
            "name a directory that this user may write, or leave it unset"
        ) from error


_MASTERS_ONLY: list[int] = []
"""The descriptor that locks the operator's directory. Workers close it: one that outlives a killed
master must not keep the next one from starting."""


def _keep_others_out(directory: Path) -> None:
    deadline = time.monotonic() + LET_GO_SECONDS
    while (descriptor := _lock(str(directory))) is None:
        if time.monotonic() > deadline:
            raise CannotStart(
                f"{VARIABLE}={directory} is in use by another service that runs: "
                "name a directory of its own for each, or leave it unset"
            )
        time.sleep(0.05)
    _MASTERS_ONLY.append(descriptor)


def _hand_lock_over(arbiter: Any) -> None:
    """Called in the process that is about to become another master."""
    for descriptor in _MASTERS_ONLY:
        os.set_inheritable(descriptor, True)
        arbiter.cfg.env_orig[_LOCK] = str(descriptor)


def _take_lock_over() -> None:
    descriptor = os.environ.pop(_LOCK, None)
    if descriptor is not None:
        os.set_inheritable(int(descriptor), False)
        _MASTERS_ONLY.append(int(descriptor))


def metrics_hooks() -> dict[str, Callable[..., None]]:
    """gunicorn's hooks by name."""
    return {
        "pre_exec": _hand_lock_over,
        "pre_fork": _choose_place,
        "post_fork": _take_place,
        "post_worker_init": _serving,
        "child_exit": _free_place,
    }


_TAKEN: set[str] = set()
"""Places of workers that run or still drain: the master's own list, since gunicorn's is without
the latter at times."""


def _choose_place(arbiter: Any, worker: Any) -> None:
    numbered = (f"{arbiter.pid}-{number}" for number in range(len(_TAKEN) + 1))
    worker.place = next(place for place in numbered if place not in _TAKEN)
    _TAKEN.add(worker.place)


def _take_place(_: Any, worker: Any) -> None:
    while _MASTERS_ONLY:
        os.close(_MASTERS_ONLY.pop())
    multiprocess.take_place(worker.place)


def _serving(worker: Any) -> None:
    worker.wsgi.extensions[EXTENSION].metrics.serving()


def _free_place(_: Any, worker: Any) -> None:
    multiprocess.clear_place(os.environ[VARIABLE], worker.place)
    _TAKEN.discard(worker.place)
