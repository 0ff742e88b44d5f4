"""Where the processes of one service keep what they count, so that each can tell of all.

Rule: files belong to a place, not to a process: a worker goes on where its predecessor in the place
ended, so counters survive a kill and a reload, and there are never more files than places. What is
open now (live gauges) goes with its worker.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from glob import glob
from typing import ParamSpec, TypeVar

from prometheus_client import CollectorRegistry, Metric, values
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from proxy.concurrency import run_off_loop

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(slots=True)
class _Here:
    """What this process knows of the files."""

    directory: str | None = None
    place: str = ""


_HERE = _Here()


def use_directory(directory: str) -> None:
    """Let metrics that are made from now on keep their values in files in ``directory``.

    prometheus_client reads the directory from the variable PROMETHEUS_MULTIPROC_DIR, which must be
    set as well.
    """
    _HERE.directory = directory
    # Its own choice was made at its import, and names files after processes.
    values.ValueClass = values.MultiProcessValue(process_identifier=_place)  # type: ignore[no-untyped-call]


def take_place(place: str) -> None:
    """Count under the name ``place``, which no other living process has."""
    _HERE.place = place


def clear_place(directory: str, place: str) -> None:
    """Forget what was open in ``place``: nobody works there any more."""
    mark_process_dead(place, directory)  # type: ignore[no-untyped-call]


def are_shared() -> bool:
    """Whether the metrics of this process are kept in files."""
    return _HERE.directory is not None


def of_all_processes(registry: CollectorRegistry) -> Iterable[Metric]:
    """The metrics of all processes; of this one alone, from ``registry``, where it has no files."""
    if _HERE.directory is None:
        return registry.collect()
    return merged(_HERE.directory, "*")


def counters_of_this_place(registry: CollectorRegistry) -> Iterable[Metric]:
    """The counters of this process and of its predecessors in the same place."""
    if _HERE.directory is None:
        return registry.collect()
    return merged(_HERE.directory, f"counter_{_place()}")


def read_off_loop(reader: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What ``reader`` makes of the files, read where it does not hold up the event loop."""
    if _HERE.directory is None:
        return reader(*args, **kwargs)
    return run_off_loop(reader, *args, **kwargs)


def merged(directory: str, names: str) -> Iterable[Metric]:
    """The metrics in the files ``names`` (a pattern) of ``directory``."""
    files = glob(os.path.join(directory, f"{names}.db"))
    metrics: Iterable[Metric] = MultiProcessCollector.merge(files, accumulate=True)  # type: ignore[no-untyped-call]
    return metrics


def _place() -> str:
    return _HERE.place or str(os.getpid())
