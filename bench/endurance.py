"""Memory over a long life: many requests, and one very long stream.

Rule: memory in use at the end may exceed that after the first percent by 2 %; more is a leak.
"""

from __future__ import annotations

import json
import time
import urllib.request
from dataclasses import dataclass, replace

from bench.bodies import request_body
from bench.driver import Load, outcome, run, start
from bench.processes import pss_mb
from bench.progress import say
from bench.systems import System
from proxy.tokens.tables import load_table

ALLOWED_GROWTH = 0.02
_SAMPLE_DELTAS = 1000
_SETTLED = 1.0


@dataclass(frozen=True, slots=True)
class Growth:
    """Memory after the first percent and at the end, in MB."""

    what: str
    early_mb: float
    late_mb: float
    failures: int

    @property
    def met(self) -> bool:
        return not self.failures and self.late_mb <= self.early_mb * (1 + ALLOWED_GROWTH)


def over_requests(system: System, requests: int) -> Growth:
    """Small requests, whole answers."""
    first = Load("small", "small", seconds=3600, requests=requests // 100)
    run(system, first)
    time.sleep(_SETTLED)
    early = pss_mb(system.pids())
    done = run(system, replace(first, requests=requests - first.requests))
    time.sleep(_SETTLED)
    say(f"{requests:,} requests took {done.seconds:.0f} s")
    return Growth(f"{requests:,} requests", early, pss_mb(system.pids()), done.failures)


def over_stream(system: System, upstream: int, tokens: int) -> Growth:
    """One stream of so many tokens' worth of text deltas."""
    deltas = round(tokens / tokens_in_delta(upstream))
    load = Load("small", f"text-{deltas}", connections=1, seconds=3600, requests=1, deltas=deltas)
    driver, samples = start(system, load), list[tuple[float, float]]()
    while driver.poll() is None:
        samples.append((time.monotonic(), pss_mb(system.pids())))
        time.sleep(0.05)
    seen = outcome(driver.communicate()[0])
    began, took = samples[0][0], samples[-1][0] - samples[0][0]
    say(f"{seen.deltas:,} deltas took {took:.0f} s")
    early = next(mb for when, mb in samples if when - began >= took * 0.01)
    late = max(mb for when, mb in samples if when - began >= took * 0.9)
    what = f"a stream of {deltas:,} deltas ({tokens:,} tokens)"
    return Growth(what, early, late, seen.failures + (seen.deltas < deltas))


def tokens_in_delta(upstream: int) -> float:
    """Tokens in one of the mock's text deltas, as o200k_base counts the text of a stream."""
    answer = f"text-{_SAMPLE_DELTAS}"
    body = request_body("small", answer=answer, stream=True)
    url = f"http://127.0.0.1:{upstream}/v1/chat/completions"
    with urllib.request.urlopen(urllib.request.Request(url, body)) as response:
        lines = response.read().decode().splitlines()
    chunks = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    choices = [chunk["choices"][0] for chunk in chunks if chunk["choices"]]
    text = "".join(choice["delta"].get("content", "") for choice in choices)
    table = load_table("o200k_base")
    assert table is not None
    return len(table.encode_ordinary(text)) / _SAMPLE_DELTAS
