"""``python -m bench``: the whole comparison.

Rule: every phase is measured for all systems alternately, so that a change of the machine's speed
affects all of them.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.against import ROUNDS, measure_against, table
from bench.comparison import compare
from bench.endurance import Growth, over_requests, over_stream
from bench.figures import Measurements
from bench.isolation import measure_isolation
from bench.memory import measure_fresh, tables_mb
from bench.peers import PEERS_BY_COST, NotInstalled, Peer
from bench.places import BUILD, PLOT, RESULTS
from bench.plot import draw
from bench.processes import NotStarted
from bench.progress import say
from bench.report import Run, markdown, nginx_version
from bench.startup import measure_start
from bench.systems import Starter, System, direct, mock_upstream, nginx, ours
from bench.workloads import FULL, PEERS, QUICK, RAW, Pace


@dataclass(frozen=True, slots=True)
class Extent:
    """The size of a run."""

    pace: Pace
    requests: int
    tokens: int
    isolation_seconds: float


EXTENTS: Mapping[str, Extent] = {
    "quick": Extent(QUICK, 2_000, 500_000, 1.5),
    "full": Extent(FULL, 100_000, 10_000_000, 5.0),
    "peers": Extent(PEERS, 100_000, 10_000_000, 5.0),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the report, and write it unless the run is a quick one."""
    chosen = _parser().parse_args(arguments)
    shutil.rmtree(BUILD / "run", ignore_errors=True)
    if chosen.against:
        return _against(chosen.against, chosen.rounds)
    if shutil.which("nginx") is None:
        print("nginx is not installed; all figures are compared with it", file=sys.stderr)
        return 2
    run = measure(EXTENTS[chosen.extent], chosen.extent == "peers")
    run.measured.save(RAW)
    text = markdown(run)
    print(text)
    if chosen.extent != "quick":
        RESULTS.write_text(text, "utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    group = parser.add_mutually_exclusive_group()
    for name, what in (
        ("quick", "in under five minutes; nothing is written"),
        ("peers", "with other proxies, installed from their packages"),
    ):
        group.add_argument(
            f"--{name}", action="store_const", const=name, dest="extent", default="full", help=what
        )
    group.add_argument(
        "--against",
        type=Path,
        metavar="DIR",
        help="the quick workloads of this checkout beside the one in DIR, a minute for each round",
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of --against (%(default)s)")
    return parser


def _against(checkout: Path, rounds: int) -> int:
    pace = replace(QUICK, rounds=rounds)
    measured = measure_against(checkout, pace, EXTENTS["quick"].isolation_seconds)
    measured.save(RAW)
    print(table(measured))
    return 0


def measure(extent: Extent, with_peers: bool) -> Run:
    """All phases."""
    measured = Measurements()
    peers = _installed(measured) if with_peers else []
    starters: dict[str, Starter] = {"nginx": nginx, "ours": ours}
    starters |= {peer.name: peer.start for peer in peers}
    with mock_upstream() as upstream:
        _fresh_systems(starters, upstream, extent.pace.rounds, measured)
        with _running(starters, upstream, measured) as systems:
            compare(systems, extent.pace, measured)
            proxy = next(system for system in systems if system.name == "ours")
            for number in range(extent.pace.rounds):
                measure_isolation(proxy, extent.isolation_seconds, measured, number)
            names = [system.name for system in systems]
        growths = _long_life(upstream, extent)
    drawn = draw(measured, PLOT if extent is not EXTENTS["quick"] else BUILD / PLOT.name)
    if not drawn:
        measured.trouble("no plot: matplotlib is not installed")
    versions = [nginx_version(), *(peer.version for peer in peers)]
    plot = PLOT.name if drawn else None
    return Run(measured, names, versions, growths, extent.pace.rounds, plot)


def _installed(measured: Measurements) -> list[Peer]:
    usable = []
    for peer in PEERS_BY_COST:
        say(f"installing {peer.name}")
        try:
            peer.install()
        except NotInstalled as error:
            measured.trouble(f"{peer.name} cannot be installed here: {error}")
        else:
            usable.append(peer)
    return usable


def _fresh_systems(
    starters: Mapping[str, Starter], upstream: int, rounds: int, measured: Measurements
) -> None:
    """Startup time, idle memory, and memory for each stream, of systems just started."""
    tables = tables_mb()
    for number in range(rounds):
        say(f"fresh systems, round {number + 1} of {rounds}")
        measure_start(upstream, measured, number)
        for name, starter in starters.items():
            try:
                measure_fresh(name, starter, upstream, measured, number)
            except NotStarted as error:
                measured.trouble(f"{name} does not start: {error}")
            idle = measured.rounds(name, "memory: idle_mb").get(number)
            if idle is not None:
                bare = idle - tables if name == "ours" else idle
                measured.add(name, "memory: idle_mb_bare", number, bare)


@contextmanager
def _running(
    starters: Mapping[str, Starter], upstream: int, measured: Measurements
) -> Iterator[list[System]]:
    with ExitStack() as stack:
        systems = [direct(upstream)]
        for name, starter in starters.items():
            try:
                system = starter(upstream)
            except NotStarted as error:
                if name == "ours":
                    raise
                measured.trouble(f"{name} does not start: {error}")
                continue
            if system.process:
                stack.callback(system.process.stop)
            systems.append(system)
        yield systems


def _long_life(upstream: int, extent: Extent) -> list[Growth]:
    system = ours(upstream)
    try:
        say(f"{extent.requests:,} requests, then {extent.tokens:,} tokens in one stream")
        return [
            over_requests(system, extent.requests),
            over_stream(system, upstream, extent.tokens),
        ]
    finally:
        if system.process:
            system.process.stop()


if __name__ == "__main__":
    sys.exit(main())
