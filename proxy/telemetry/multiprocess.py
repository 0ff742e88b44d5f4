"""Metric files that all processes of one service share, so that each process reports the sums.

Rule: a file belongs to a worker slot (a place), not to a process. A worker continues the counters of
its predecessor in the place, so counters are kept when a worker is killed or reloaded, and the number
of files does not grow. Live gauges are deleted when their worker ends.
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
from proxy.telemetry.metric_file import MetricFile

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(slots=True)
class _Here:
    """The directory and the place of this process."""

    directory: str | None = None
    place: str = ""


_HERE = _Here()


def use_directory(directory: str) -> None:
    """Keep the values of metrics created from now on in files in ``directory``.

    prometheus_client reads the directory from the variable PROMETHEUS_MULTIPROC_DIR, which must be
    set as well.
    """
    _HERE.directory = directory
    values.MmapedDict = MetricFile  # type: ignore[attr-defined]
    # The library's default, which it sets at its import, names files by process id.
    values.ValueClass = values.MultiProcessValue(process_identifier=_place)  # type: ignore[no-untyped-call]


def take_place(place: str) -> None:
    """Use the files of ``place``, which no other running process uses."""
    _HERE.place = place


def clear_place(directory: str, place: str) -> None:
    """Delete the live gauges of ``place``: its worker has ended."""
    mark_process_dead(place, directory)  # type: ignore[no-untyped-call]


def are_shared() -> bool:
    """Whether the metrics of this process are kept in files."""
    return _HERE.directory is not None


def of_all_processes(registry: CollectorRegistry) -> Iterable[Metric]:
    """The metrics of all processes; if none are kept in files, those in ``registry``."""
    if _HERE.directory is None:
        return registry.collect()
    return merged(_HERE.directory, "*")


def counters_of_this_place(registry: CollectorRegistry) -> Iterable[Metric]:
    """The counters of this process and of its predecessors in the same place."""
    if _HERE.directory is None:
        return registry.collect()
    return merged(_HERE.directory, f"counter_{_place()}")


def read_off_loop(reader: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The result of ``reader``, which reads the files, without blocking the event loop."""
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
