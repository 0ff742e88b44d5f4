"""The soak: load, then load with restarts and kills, then the books.

Rule: the account balances to the request. Every request that was answered has exactly one line in the
log, which tells the same ending; one that a killed worker had in hand is cut for its client and may
have none. Metrics and statistics say what the lines say. Memory, descriptors and greenlets of calm
workers are at the end what they were after the first part.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.live import ROOT, LiveProxy, live_proxy
from tests.soak.clients import ABORT, CLIENT_ERROR, CLIENTS, CUT, SUCCESS, UPSTREAM_ERROR, Crowd
from tests.soak.upstream import Restarted

WORKERS = 2
FIRST_PART = 60.0
GROWTH_SHARE = 0.05
GROWTH_MB = 8.0
GROWTH_DESCRIPTORS = CLIENTS
"""Connections to the upstream are kept, as many as were busy at a time."""
GROWTH_GREENLETS = 4
CALM_SECONDS = 30.0
OURS = "soak-"
WATCHED = """
import gc, json, os
import greenlet
from proxy.app import create_app
from proxy.cli.environment import settings_in_force

app = create_app(settings_in_force())
answer = app.wsgi_app

def watched(environ, start_response):
    if environ["PATH_INFO"] != "/soak":
        return answer(environ, start_response)
    gc.collect()
    count = sum(isinstance(each, greenlet.greenlet) and not each.dead for each in gc.get_objects())
    body = json.dumps({"pid": os.getpid(), "greenlets": count}).encode()
    start_response("200 OK", [("Content-Length", str(len(body))), ("Connection", "close")])
    return [body]

app.wsgi_app = watched
"""
"""The program, with a page that counts greenlets, which nobody can see from outside."""


@dataclass(frozen=True)
class Worker:
    """What a calm worker holds."""

    greenlets: int
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
    early: list[Worker]
    late: list[Worker]
    faults: list[str] = field(default_factory=list)

    def text(self) -> str:
        """The closing account."""
        rows = [f"{'':16}{'clients':>10}{'log':>10}"]
        for name in (SUCCESS, CLIENT_ERROR, UPSTREAM_ERROR, ABORT, CUT):
            rows.append(f"{name:16}{self.clients[name]:10}{self.lines[name]:10}")
        rows.append(f"{'all':16}{self.clients.total():10}{self.lines.total():10}")
        rows.append(f"by status: log and /metrics {self.metrics}, /v1/stats {self.stats}")
        rows.append(f"upstream restarts: {self.restarts}, workers killed: {self.kills}")
        for name, workers in (("first part", self.early), ("end", self.late)):
            rows += [
                f"{name}: {w.greenlets} greenlets, {w.descriptors} descriptors, "
                f"{w.memory_mb:.1f} MB"
                for w in workers
            ]
        return "\n".join([*rows, *(self.faults or ["It balances."])])


def soak(seconds: float, say: Callable[[str], object] = print) -> Books:
    """Run for about ``seconds`` and close the books."""
    upstream = Restarted()
    with _program(upstream) as (proxy, log):
        crowd = Crowd(proxy.port)
        first = min(FIRST_PART, seconds / 4)
        _load(upstream, first)
        early = _calm(proxy, crowd)
        crowd.resting.clear()
        say(f"after {first:.0f} s: {len(crowd.outcomes)} requests, {early}")
        kills, restarts = _chaos(proxy, crowd, upstream, seconds - first)
        late = _calm(proxy, crowd)
        crowd.stop()
        lines = _lines(log)
        metrics, stats = _metrics(proxy), proxy.get("/v1/stats")[1]["statuses"]
        upstream.stop()
    books = Books(
        Counter(crowd.outcomes.values()), Counter(), metrics, stats, kills, restarts, early, late
    )
    _compare(crowd, lines, books)
    _weigh(books)
    return books


@contextmanager
def _program(upstream: Restarted) -> Iterator[tuple[LiveProxy, Path]]:
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        directory = Path(name)
        (directory / "wsgi.py").write_text(WATCHED, "utf-8")
        registry = directory / "providers.yaml"
        registry.write_text(
            f"providers:\n  - name: chat\n    base_url: {upstream.origin}/v1\n    api_key: sk-chat\n"
            "    models:\n      - id: chat-model\n"
            f"  - name: native\n    base_url: {upstream.origin}\n    direct: true\n"
            "    api_key: sk-native\n    models:\n      - id: native-model\n"
            "        remote_id: up-model\n",
            "utf-8",
        )
        environ = {
            "CLAUDE_PROXY_CONFIG": str(registry),
            "CLAUDE_PROXY_LOG_FILE": str(directory / "proxy.log"),
            "CLAUDE_PROXY_LOG_FORMAT": "json",
            "PYTHONPATH": f"{directory}:{ROOT}",
        }
        with live_proxy(environ, workers=WORKERS) as proxy:
            yield proxy, directory / "proxy.log"


def _load(upstream: Restarted, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(min(1.0, seconds / 5))
        upstream.forget()


def _chaos(proxy: LiveProxy, crowd: Crowd, upstream: Restarted, seconds: float) -> tuple[int, int]:
    """Restarts of the upstream and kills of workers; the last quarter is quiet."""
    chance, kills, restarts = random.Random(crowd.seed), 0, 0
    end = time.monotonic() + seconds
    last, pause = end - seconds / 4, max(1.0, seconds / 60)
    while time.monotonic() < last:
        _load(upstream, pause)
        upstream.stop()
        time.sleep(0.3)
        upstream.start()
        restarts += 1
        _load(upstream, pause)
        crowd.staying.set()
        # So that whoever has left already is noted.
        time.sleep(1.0)
        os.kill(chance.choice(proxy.worker_pids()), signal.SIGKILL)
        kills += 1
        time.sleep(0.2)
        crowd.staying.clear()
    _load(upstream, max(0.0, end - time.monotonic()))
    return kills, restarts


def _calm(proxy: LiveProxy, crowd: Crowd) -> list[Worker]:
    """What the workers hold once nothing is under way and idle connections are closed."""
    crowd.resting.set()
    deadline = time.monotonic() + CALM_SECONDS
    while crowd.open() or _under_way(proxy):
        assert time.monotonic() < deadline, f"still under way: {crowd.open()} {_under_way(proxy)}"
        time.sleep(0.1)
    # gunicorn keeps a client's connection for five seconds, and upstream ones go with the last.
    time.sleep(7)
    found: dict[int, Worker] = {}
    while set(found) != set(proxy.worker_pids()):
        assert time.monotonic() < deadline + CALM_SECONDS, "a worker does not answer"
        told = proxy.get("/soak")[1]
        pid = told["pid"]
        descriptors = len(os.listdir(f"/proc/{pid}/fd"))
        found[pid] = Worker(told["greenlets"], descriptors, _memory_mb(pid))
    return list(found.values())


def _under_way(proxy: LiveProxy) -> int:
    stats: Mapping[str, Any] = proxy.get("/v1/stats")[1]
    # The request for it is one of them.
    return int(stats["requests_in_progress"]) - 1 + int(stats["streams_open"])


def _memory_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines():
        if line.startswith("Private_Dirty:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("the kernel tells no memory")


def _lines(log: Path) -> dict[str, list[dict[str, Any]]]:
    """The access lines of the crowd's requests, by request id."""
    found: dict[str, list[dict[str, Any]]] = {}
    for line in log.read_text("utf-8").splitlines():
        fact = json.loads(line)
        if str(fact.get("x_request_id", "")).startswith(OURS):
            found.setdefault(fact["x_request_id"], []).append(fact)
    return found


def _metrics(proxy: LiveProxy) -> dict[str, int]:
    """Requests of the crowd's routes by status."""
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    found: Counter[str] = Counter()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "claude_proxy_requests_total" and sample.labels["route"] in ROUTES:
                found[sample.labels["status"]] += int(sample.value)
    return dict(sorted(found.items()))


ROUTES = ("/v1/messages", "/v1/messages/count_tokens", "/v1/models")


def _told(fact: Mapping[str, Any]) -> str:
    """How the log says that a request ended."""
    status = fact["status"]
    if status == 499:
        return ABORT
    if status >= 500 or (status < 400 and "error" in fact):
        return UPSTREAM_ERROR
    return CLIENT_ERROR if status >= 400 else SUCCESS


def _compare(crowd: Crowd, lines: Mapping[str, list[dict[str, Any]]], books: Books) -> None:
    statuses: Counter[str] = Counter()
    faults = books.faults
    for request_id, outcome in crowd.outcomes.items():
        facts = lines.get(request_id, [])
        statuses.update(str(fact["status"]) for fact in facts)
        told = [_told(fact) for fact in facts]
        books.lines.update([CUT] if outcome == CUT else told)
        if outcome == CUT:
            fine = len(told) <= 1
        elif crowd.kinds[request_id] == "abort its body" and outcome == ABORT:
            fine = told == [ABORT]
        elif outcome == ABORT:
            # The upstream may have gone in the moment in which the client did.
            fine = told in ([ABORT], [UPSTREAM_ERROR])
        else:
            fine = told == [outcome]
        if not fine:
            faults.append(f"{request_id} ({crowd.kinds[request_id]}): {outcome}, log {facts}")
    if set(lines) - set(crowd.outcomes):
        faults.append("the log has requests that nobody made")
    if books.clients[CUT] and not books.kills:
        faults.append("cut without a kill")
    # A worker may be killed between its count and its line.
    differ = {
        status: books.metrics.get(status, 0) - statuses[status]
        for status in {*books.metrics, *statuses}
    }
    if min(differ.values()) < 0 or sum(differ.values()) > books.kills:
        faults.append(f"/metrics and the log differ: {differ}")
    others = {s: n for s, n in books.stats.items() if n < books.metrics.get(s, 0)}
    if others or {s: n for s, n in books.stats.items() if s != "200"} != {
        s: n for s, n in books.metrics.items() if s != "200"
    }:
        faults.append(f"/metrics and /v1/stats differ: {books.metrics} {books.stats}")


def _weigh(books: Books) -> None:
    early, late = books.early, books.late

    def most(workers: list[Worker], what: str) -> float:
        return max(float(getattr(worker, what)) for worker in workers)

    allowed = {
        "greenlets": most(early, "greenlets") + GROWTH_GREENLETS,
        "descriptors": most(early, "descriptors") + GROWTH_DESCRIPTORS,
        "memory_mb": most(early, "memory_mb") * (1 + GROWTH_SHARE) + GROWTH_MB,
    }
    books.faults += [
        f"{what} grew: {most(late, what):.1f}, allowed {bound:.1f}"
        for what, bound in allowed.items()
        if most(late, what) > bound
    ]
