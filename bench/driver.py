"""The load driver as a function of a system and a load.

Rule: the driver program only gets bytes to send; this module decides which.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.bodies import request_body
from bench.places import BUILD, LOAD_CORES, tool
from bench.systems import System


@dataclass(frozen=True, slots=True)
class Load:
    """One request, repeated on ``connections`` at once; times are in seconds."""

    body: str
    """Name of a shape in ``bench.bodies``."""
    answer: str
    """Name of an answer that the mock upstream knows."""
    route: str = "chat"
    connections: int = 4
    seconds: float = 1.0
    requests: int = 0
    """Stop after that many; 0: as many as fit into the time."""
    at_least: int = 0
    """The number that must be answered, even if that takes much longer."""
    warmup: float = 0.0
    ramp: float = 0.0
    await_open: float = 0.0
    deltas: int = 1
    """A response with fewer deltas is a failure."""
    drain: float = 2.0
    stall: bool = False

    @property
    def stream(self) -> bool:
        return self.answer != "small"


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds."""

    p50: float
    p99: float
    max: float
    count: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """The driver's figures for the measured time."""

    seconds: float
    requests: int
    failures: int
    opened: int
    deltas: int
    cpu_seconds: float
    """CPU time of the system's process tree."""
    first_delta_ms: Latency | None
    answer_ms: Latency | None
    added_ms: Latency | None
    """From the mock's write of a paced delta to the driver's read."""
    first_failure: str | None


def run(system: System, load: Load) -> Outcome:
    """Put ``load`` on ``system`` and measure."""
    driver = start(system, load)
    output, _ = driver.communicate()
    if driver.returncode:
        raise RuntimeError(f"the load driver ended with {driver.returncode}")
    return outcome(output)


def start(system: System, load: Load) -> subprocess.Popen[str]:
    """The same in the background; ``outcome`` reads what it prints."""
    command = [
        str(tool("load_driver")),
        *("--port", str(system.port)),
        *("--request", str(_request_file(system, load))),
        *("--connections", str(load.connections)),
        *("--seconds", str(load.seconds)),
        *("--requests", str(load.requests)),
        *("--at-least", str(load.at_least)),
        *("--warmup", str(load.warmup)),
        *("--ramp", str(load.ramp)),
        *("--await-open", str(load.await_open)),
        *("--deltas", str(load.deltas)),
        *("--drain", str(load.drain)),
        *("--cpu", ",".join(map(str, system.pids()))),
    ]
    if load.stall:
        command.append("--stall")
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, LOAD_CORES),
    )


def outcome(output: str) -> Outcome:
    """The outcome in the driver's line of JSON."""
    line: dict[str, Any] = json.loads(output)
    for name in ("first_delta_ms", "answer_ms", "added_ms"):
        line[name] = line[name] and Latency(**line[name])
    return Outcome(**{name: line[name] for name in Outcome.__dataclass_fields__})


def _request_file(system: System, load: Load) -> Path:
    route = system.routes[load.route]
    body = request_body(load.body, answer=load.answer, stream=load.stream, model=route.model)
    headers = {
        "host": f"127.0.0.1:{system.port}",
        "content-type": "application/json",
        **route.headers,
        "content-length": str(len(body)),
    }
    lines = [
        f"POST {route.path} HTTP/1.1",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    request = "\r\n".join([*lines, "", ""]).encode() + body
    path = BUILD / "requests" / hashlib.sha256(request).hexdigest()[:24]
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(request)
    return path
