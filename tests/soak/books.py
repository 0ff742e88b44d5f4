"""The counts of a soak by clients, log, metrics and statistics, and their differences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.soak.clients import ABORT, CLIENT_ERROR, CLIENTS, CUT, SUCCESS, UPSTREAM_ERROR, Crowd

GROWTH_BLOCKS = 10_000
"""Caches fill up; ten minutes leak more by a block for every fourth request."""
GROWTH_MB = 6.0
"""Of what the C library's allocator keeps: buffers of all sizes leave gaps."""
GROWTH_DESCRIPTORS = CLIENTS
"""Connections to the upstream are kept, as many as were busy at a time."""
GROWTH_GREENLETS = 4 + CLIENTS
"""The greenlets of upstream calls are kept too, as many as were busy at a time."""


@dataclass(frozen=True)
class Worker:
    """What a calm worker holds."""

    pid: int
    greenlets: int
    blocks: int
    """Of memory that Python's objects have, garbage collected."""
    descriptors: int
    memory_mb: float


@dataclass
class Books:
    """What clients, log, metrics and statistics say; ``faults`` are where they differ."""

    clients: Counter[str]
    lines: Counter[str]
    metrics: dict[str, int]
    stats: dict[str, int]
    kills: int
    restarts: int
    early: Worker
    late: Worker
    windows: list[tuple[float, float]] = field(default_factory=list)
    """In which workers were killed: lines of their last requests may be lost with them."""
    faults: list[str] = field(default_factory=list)

    def text(self) -> str:
        """The closing account."""
        rows = [f"{'':16}{'clients':>10}{'log':>10}"]
        for name in (SUCCESS, CLIENT_ERROR, UPSTREAM_ERROR, ABORT, CUT):
            rows.append(f"{name:16}{self.clients[name]:10}{self.lines[name]:10}")
        rows.append(f"{'all':16}{self.clients.total():10}{self.lines.total():10}")
        rows.append(f"by status: log and /metrics {self.metrics}, /v1/stats {self.stats}")
        rows.append(f"upstream restarts: {self.restarts}, workers killed: {self.kills}")
        for name, worker in (("first part", self.early), ("end", self.late)):
            rows.append(
                f"{name}: {worker.greenlets} greenlets, {worker.descriptors} descriptors, "
                f"{worker.blocks} blocks, {worker.memory_mb:.1f} MB"
            )
        return "\n".join([*rows, *(self.faults or ["It balances."])])


def _told(fact: Mapping[str, Any]) -> str:
    """How the log says that a request ended."""
    status = fact["status"]
    if status == 499:
        return ABORT
    if status >= 500 or (status < 400 and "error" in fact):
        return UPSTREAM_ERROR
    return CLIENT_ERROR if status >= 400 else SUCCESS


def _agrees(told: list[str], outcome: str, kind: str) -> bool:
    """Whether the endings that the log tells are that of the client."""
    if outcome == CUT:
        return len(told) <= 1
    if outcome == ABORT and kind != "abort its body":
        # The upstream may have gone in the moment in which the client did.
        return told in ([ABORT], [UPSTREAM_ERROR])
    return told == [outcome]


def compare(crowd: Crowd, lines: Mapping[str, list[dict[str, Any]]], books: Books) -> None:
    """Note in ``books`` where the crowd, the access lines by request id and the counters differ."""
    statuses: Counter[str] = Counter()
    lost = 0
    faults = books.faults
    for request_id, outcome in crowd.outcomes.items():
        facts = lines.get(request_id, [])
        statuses.update(str(fact["status"]) for fact in facts)
        told = [_told(fact) for fact in facts]
        books.lines.update([CUT] if outcome == CUT else told)
        if not told and crowd.ended_in(request_id, books.windows):
            lost += outcome != CUT
        elif not _agrees(told, outcome, crowd.kinds[request_id]):
            faults.append(f"{request_id} ({crowd.kinds[request_id]}): {outcome}, log {facts}")
    if set(lines) - set(crowd.outcomes):
        faults.append("the log has requests that nobody made")
    if books.clients[CUT] and not books.kills:
        faults.append("cut without a kill")
    # A worker may be killed between its count and its line, or before its lines are written.
    differ = {
        status: books.metrics.get(status, 0) - statuses[status]
        for status in {*books.metrics, *statuses}
    }
    if min(differ.values()) < 0 or sum(differ.values()) > books.kills + lost:
        faults.append(f"/metrics and the log differ: {differ}")
    others = {s: n for s, n in books.stats.items() if n < books.metrics.get(s, 0)}
    if others or {s: n for s, n in books.stats.items() if s != "200"} != {
        s: n for s, n in books.metrics.items() if s != "200"
    }:
        faults.append(f"/metrics and /v1/stats differ: {books.metrics} {books.stats}")


def weigh(books: Books) -> None:
    """Note in ``books`` what the worker holds more of than it did."""
    early, late = books.early, books.late
    allowed = {
        "greenlets": early.greenlets + GROWTH_GREENLETS,
        "blocks": early.blocks + GROWTH_BLOCKS,
        "descriptors": early.descriptors + GROWTH_DESCRIPTORS,
        "memory_mb": early.memory_mb + GROWTH_MB,
    }
    books.faults += [
        f"{what} grew: {getattr(late, what):.1f}, allowed {bound:.1f}"
        for what, bound in allowed.items()
        if getattr(late, what) > bound
    ]
