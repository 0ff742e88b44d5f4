"""The soak: load, then load with restarts and kills, then with a full log disk, then the books.

Rule: the account balances to the request. Every request that was answered has exactly one line in the
log, which tells the same ending; one that a killed worker had in hand is cut for its client and may
have none, and so may one that ended just before the kill. Metrics and statistics say what the lines
say. stderr is a full pipe that is never read. One worker is never killed: what it holds
at the end, when it is calm, is what it held after the first part.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
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

from tests.live import LiveProxy, live_proxy
from tests.paths import ROOT
from tests.soak.books import Books, Worker, compare, weigh
from tests.soak.clients import CUT, Crowd
from tests.soak.upstream import Restarted
from tests.waiting import until

WORKERS = 2
FIRST_PART = 60.0
CALM_SECONDS = 60.0
STOP_SECONDS = 20.0
LINE_SECONDS = 0.5
"""After which a line is written, also by a busy worker."""
OURS = "soak-"
LINK = "link"
"""The name of the log file that the program is told."""
WATCHED = """
import gc, json, os, socket, sys
import greenlet
from gevent.monkey import get_original
from proxy.app import create_app
from proxy.cli.environment import settings_in_force
from proxy.upstream import name_lookup

look_up, block = name_lookup.getaddrinfo, get_original("time", "sleep")

def partly_silent(host, *arguments):
    # As the C library where its name servers do not answer.
    if host.startswith("silent"):
        block(10)
        raise socket.gaierror(socket.EAI_AGAIN, "no answer")
    return look_up(host, *arguments)

name_lookup.getaddrinfo = partly_silent

app = create_app(settings_in_force())
answer = app.wsgi_app

def watched(environ, start_response):
    if environ["PATH_INFO"] != "/soak":
        return answer(environ, start_response)
    gc.collect()
    count = sum(isinstance(each, greenlet.greenlet) and not each.dead for each in gc.get_objects())
    held = {"greenlets": count, "blocks": sys.getallocatedblocks()}
    body = json.dumps({"pid": os.getpid(), **held}).encode()
    start_response("200 OK", [("Content-Length", str(len(body))), ("Connection", "close")])
    return [body]

app.wsgi_app = watched
"""
"""The program, with a page that counts greenlets and blocks, which nobody can see from outside, and
with name servers that are silent about one provider."""


def soak(seconds: float, say: Callable[[str], object] = print) -> Books:
    """Run for about ``seconds`` and close the books."""
    upstream = Restarted()
    with _program(upstream) as (proxy, log):
        crowd = Crowd(proxy.port)
        first = min(FIRST_PART, seconds / 4)
        _load(upstream, first)
        spared = min(proxy.worker_pids())
        early = _calm(proxy, crowd, spared)
        crowd.resting.clear()
        say(f"after {first:.0f} s: {len(crowd.outcomes)} requests, {early}")
        chaos = _Chaos(proxy, crowd, upstream, log, spared)
        chaos.run(seconds - first)
        late = _calm(proxy, crowd, spared)
        crowd.stop()
        metrics, stats = _metrics(proxy), proxy.get("/v1/stats")[1]["statuses"]
        proxy.process.send_signal(signal.SIGTERM)
        proxy.process.wait(STOP_SECONDS)
        lines = _lines(log)
        upstream.stop()
    books = Books(
        Counter(crowd.outcomes.values()),
        Counter(),
        metrics,
        stats,
        chaos.kills,
        chaos.restarts,
        early,
        late,
        chaos.windows,
    )
    compare(crowd, lines, books)
    weigh(books)
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
            "        remote_id: up-model\n"
            "  - name: silent\n    base_url: http://silent.test/v1\n    api_key: sk-silent\n"
            "    models:\n      - id: silent-model\n",
            "utf-8",
        )
        log = directory / "proxy.log"
        log.with_name(LINK).symlink_to(log)
        environ = {
            "CLAUDE_PROXY_CONFIG": str(registry),
            "CLAUDE_PROXY_LOG_FILE": str(log.with_name(LINK)),
            "CLAUDE_PROXY_LOG_FORMAT": "json",
            "CLAUDE_PROXY_CONNECT_TIMEOUT": "2",
            "CLAUDE_PROXY_WRITE_TIMEOUT": "2",
            "PYTHONPATH": f"{directory}:{ROOT}",
        }
        with (
            _full_pipe() as unread,
            live_proxy(environ, workers=WORKERS, output=unread) as proxy,
        ):
            yield proxy, log


@contextmanager
def _full_pipe() -> Iterator[int]:
    """The writing end of a pipe that takes no further byte."""
    reading, writing = os.pipe()
    # Opened anew, because the flag would apply to the program too.
    filling = os.open(f"/proc/self/fd/{writing}", os.O_WRONLY | os.O_NONBLOCK)
    try:
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(filling, b".")
        yield writing
    finally:
        for descriptor in (reading, writing, filling):
            os.close(descriptor)


def _point(link: Path, target: Path) -> None:
    other = link.with_name("other")
    other.symlink_to(target)
    other.replace(link)


def _load(upstream: Restarted, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(min(1.0, seconds / 5))
        upstream.forget()


@dataclass
class _Chaos:
    """Restarts of the upstream and kills of workers."""

    proxy: LiveProxy
    crowd: Crowd
    upstream: Restarted
    log: Path
    spared: int
    kills: int = 0
    restarts: int = 0
    windows: list[tuple[float, float]] = field(default_factory=list)
    """For each kill the time in which a line may be lost: until the workers were gone."""

    def run(self, seconds: float) -> None:
        """The last quarter is quiet; at least one worker is killed, and one request with it."""
        end, pause = time.monotonic() + seconds, max(1.0, seconds / 60)
        while time.monotonic() < end - seconds / 4 or not self._cut():
            _load(self.upstream, pause)
            self.upstream.stop()
            time.sleep(0.3)
            self.upstream.start()
            self.restarts += 1
            _load(self.upstream, pause)
            self._kill()
        self._fill_disk(max(1.0, (end - time.monotonic()) / 2))
        _load(self.upstream, max(0.0, end - time.monotonic()))

    def _fill_disk(self, seconds: float) -> None:
        """For a while no line can be written: the lines wait, and requests do not."""
        link, before = self.log.with_name(LINK), len(self.crowd.outcomes)
        _point(link, Path("/dev/full"))
        _load(self.upstream, seconds)
        until(lambda: len(self.crowd.outcomes) > before + 50, "requests wait for the log")
        _point(link, self.log)

    def _cut(self) -> bool:
        return CUT in self.crowd.outcomes.copy().values()

    def _kill(self) -> None:
        """Kill all workers but one, once all requests that ended have their line in the log."""
        with self.crowd.leaving:
            self.crowd.staying.set()
            outcomes = self.crowd.outcomes.copy()
        ended = {
            name
            for name, outcome in outcomes.items()
            if outcome != CUT and not self.crowd.ended_in(name, self.windows)
        }
        until(lambda: ended <= set(_lines(self.log)), "requests that ended have no line")
        begun = time.monotonic() - LINE_SECONDS
        killed = set(self.proxy.worker_pids()) - {self.spared}
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
            self.kills += 1
        # Until the master has reaped them, their connections may still look open.
        until(lambda: not killed & set(self.proxy.worker_pids()), "a killed worker does not end")
        self.windows.append((begun, time.monotonic()))
        self.crowd.staying.clear()


def _calm(proxy: LiveProxy, crowd: Crowd, pid: int) -> Worker:
    """What worker ``pid`` holds once nothing is under way and idle connections are closed."""
    crowd.resting.set()
    deadline = time.monotonic() + CALM_SECONDS
    while crowd.open() or _under_way(proxy):
        assert time.monotonic() < deadline, f"still under way: {crowd.open()} {_under_way(proxy)}"
        time.sleep(0.1)
    # gunicorn keeps a client's connection for five seconds, and upstream ones go with the last.
    time.sleep(7)
    while (told := proxy.get("/soak")[1])["pid"] != pid:
        assert time.monotonic() < deadline + CALM_SECONDS, "the worker does not answer"
    descriptors = len(os.listdir(f"/proc/{pid}/fd"))
    return Worker(pid, told["greenlets"], told["blocks"], descriptors, _memory_mb(pid))


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
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=60)
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
