"""The workloads of the comparison, and the figures of each.

Rule: a workload gives the same figures for every system, each under a name that contains its unit.
A figure is compared only with figures of the same round.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from bench.driver import Load, Outcome
from bench.places import BUILD

ENDLESS = 10_000_000
PERIOD_MS = 20
_KB = {"small": 0.3, "10kB": 10.0, "126kB": 126.0, "300kB": 300.0, "1MB": 1000.0}

Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Workload:
    """A load and the reading of its outcome; ``peers``: whether other proxies run it too."""

    name: str
    load: Load
    read: Callable[[Load, Outcome], Figures]
    peers: bool = False


class Unusable(Exception):
    """The outcome gives no figure: there was no response, or too many failures."""


def _cpu_per_request(load: Load, outcome: Outcome) -> Figures:
    if not outcome.requests:
        raise Unusable(outcome.first_failure or "no answer in time")
    cpu_ms = outcome.cpu_seconds * 1000 / outcome.requests
    return {"cpu_ms": cpu_ms, "cpu_us_per_kb": cpu_ms * 1000 / _KB[load.body]}


def _cpu_per_delta(load: Load, outcome: Outcome) -> Figures:
    if not outcome.deltas:
        raise Unusable(outcome.first_failure or "no delta in time")
    return {"cpu_us": outcome.cpu_seconds * 1e6 / outcome.deltas}


def _paced(load: Load, outcome: Outcome) -> Figures:
    if outcome.added_ms is None:
        raise Unusable(outcome.first_failure or "no delta in time")
    offered = load.connections * 1000 / PERIOD_MS
    delivered = outcome.deltas / outcome.seconds
    return {
        "cpu_us": outcome.cpu_seconds * 1e6 / outcome.deltas,
        "delivered": delivered,
        "delivered_share": delivered / offered,
        "added_p50_ms": outcome.added_ms.p50,
        "added_p99_ms": outcome.added_ms.p99,
    }


def _first_delta(load: Load, outcome: Outcome) -> Figures:
    if outcome.first_delta_ms is None:
        raise Unusable(outcome.first_failure or "no delta in time")
    return {"ttft_p50_ms": outcome.first_delta_ms.p50, "ttft_p99_ms": outcome.first_delta_ms.p99}


def _request(body: str, *, route: str = "chat", peers: bool = False) -> Workload:
    name = f"{body}" if route == "chat" else f"{route} {body}"
    load = Load(body, "small", route, connections=2 if body == "1MB" else 4, at_least=3)
    return Workload(name, load, _cpu_per_request, peers)


def _stream(kind: str, deltas: int, *, route: str = "chat", peers: bool = False) -> Workload:
    answer = f"{kind}-{deltas}"
    name = answer if route == "chat" else f"{route} {answer}"
    return Workload(name, Load("small", answer, route, deltas=deltas), _cpu_per_delta, peers)


def _paced_streams(streams: int, *, peers: bool = False) -> Workload:
    answer = f"paced-{PERIOD_MS}ms-{ENDLESS}"
    load = Load(
        "small",
        answer,
        connections=streams,
        ramp=0.2 + streams / 1000,
        await_open=5 + streams / 100,
        deltas=ENDLESS,
        drain=0,
    )
    return Workload(f"paced {streams}", load, _paced, peers)


def _ttft(body: str, *, peers: bool = False) -> Workload:
    load = Load(body, "text-10", connections=1, deltas=10, at_least=3)
    return Workload(f"ttft {body}", load, _first_delta, peers)


WORKLOADS: tuple[Workload, ...] = (
    _request("small", peers=True),
    _request("10kB", peers=True),
    _request("126kB", peers=True),
    _request("300kB", peers=True),
    _request("1MB", peers=True),
    _stream("text", 100),
    _stream("text", 1000, peers=True),
    _stream("text", 10000),
    _stream("tool", 1000, peers=True),
    _stream("reasoning", 1000),
    _ttft("small", peers=True),
    _ttft("126kB", peers=True),
    _request("small", route="native"),
    _request("126kB", route="native"),
    _stream("text", 1000, route="native"),
    _request("small", route="dynamic"),
    _stream("text", 1000, route="dynamic"),
    _paced_streams(20, peers=True),
    _paced_streams(100),
    _paced_streams(500, peers=True),
    _paced_streams(1000),
)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a round takes, in seconds for each measurement."""

    rounds: int
    seconds: float
    paced_seconds: float
    warmup: float = 0.15
    first_warmup: float = 0.5


QUICK = Pace(rounds=3, seconds=0.35, paced_seconds=1.0, warmup=0.1, first_warmup=0.25)
FULL = Pace(rounds=5, seconds=1.5, paced_seconds=4.0)
PEERS = Pace(rounds=3, seconds=1.0, paced_seconds=2.5, first_warmup=2.0)


def timed(workload: Workload, pace: Pace) -> Load:
    """The workload's load with the times of ``pace``."""
    if workload.read is _paced:
        return replace(workload.load, seconds=pace.paced_seconds)
    return replace(workload.load, seconds=pace.seconds, warmup=pace.warmup)


def warming(workload: Workload, pace: Pace) -> Load:
    """A first load of that kind, not measured: it fills caches and warms just-in-time compilers."""
    return replace(workload.load, seconds=pace.first_warmup, await_open=1.0)


RAW = BUILD / "measurements.json"
"""Every figure of the last run."""
