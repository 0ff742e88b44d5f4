"""The goals, and whether they are met.

Rule: a goal bounds the median, over the rounds, of a ratio. nginx's and claude-code-router's columns
count; where nginx's own figure spreads by more than 25 %, claude-code-router's alone, if it was
measured. LiteLLM's column is only shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.figures import Measurements, Spread

NOISY = 0.25
NGINX, ROUTER, LITELLM = "nginx", "claude-code-router", "LiteLLM"


@dataclass(frozen=True, slots=True)
class Goal:
    """One row: bounds of our figure over that of nginx, claude-code-router and LiteLLM."""

    title: str
    figure: str
    nginx: float | None
    router: float | None = None
    litellm: float | None = None
    above: str | None = None
    """The system whose figure is subtracted from both, for added times."""
    at_least: bool = False

    def bounds(self) -> dict[str, float]:
        """Bounds by the system that ours is compared with."""
        by_name = {NGINX: self.nginx, ROUTER: self.router, LITELLM: self.litellm}
        return {name: bound for name, bound in by_name.items() if bound is not None}


GOALS: tuple[Goal, ...] = (
    Goal("small request, CPU", "small: cpu_ms", 45, 0.40, 0.06),
    Goal("126 kB request, CPU", "126kB: cpu_ms", 60, 0.065, 0.065),
    Goal("1 MB request, CPU", "1MB: cpu_ms", 40, 0.045, 0.07),
    Goal("full-speed text delta, CPU", "text-1000: cpu_us", 8, 0.25, 0.008),
    Goal("full-speed tool delta, CPU", "tool-1000: cpu_us", 8, 0.25, 0.005),
    Goal("paced delta, 20 streams, CPU", "paced 20: cpu_us", 3.5, 0.60, 0.16),
    Goal("delivered, 500 streams", "paced 500: delivered", 0.75, 1.8, at_least=True),
    Goal("added TTFT, small", "ttft small: ttft_p50_ms", 15, 0.75, 0.08, above="direct"),
    Goal("added TTFT, 126 kB", "ttft 126kB: ttft_p50_ms", 25, 0.10, 0.10, above="direct"),
    Goal("memory for each stream", "memory: stream_kb", 7, 0.55, 0.45),
    Goal("idle memory without tables", "memory: idle_mb_bare", 10, 0.50, 0.20),
)


@dataclass(frozen=True, slots=True)
class Judged:
    """A goal with what was measured against one other system."""

    ratio: Spread
    bound: float
    met: bool


def judge(goal: Goal, measured: Measurements) -> dict[str, Judged]:
    """What was measured for ``goal``, by the system compared with."""
    judged = {}
    for name, bound in goal.bounds().items():
        ratio = measured.ratio(goal.figure, name, above=goal.above)
        if ratio is not None:
            met = ratio.median >= bound if goal.at_least else ratio.median <= bound
            judged[name] = Judged(ratio, bound, met)
    return judged


def verdict(goal: Goal, measured: Measurements, judged: dict[str, Judged]) -> str:
    """``met`` or ``not met``, by the columns that count."""
    if not judged:
        return "not measured"
    noisy = ROUTER in judged and nginx_width(goal, measured) > NOISY
    deciding = {ROUTER} if noisy else {NGINX, ROUTER} & judged.keys() or judged.keys()
    return "met" if all(judged[name].met for name in deciding) else "not met"


def nginx_width(goal: Goal, measured: Measurements) -> float:
    """The spread of nginx's own figure, as a share of its median."""
    found = measured.spread(NGINX, goal.figure)
    return found.width if found else 0.0


@dataclass(frozen=True, slots=True)
class Limit:
    """A bound of a figure of ours alone."""

    title: str
    bound: float
    figure: Spread | None
    unit: str = ""

    @property
    def verdict(self) -> str:
        if self.figure is None:
            return "not measured"
        return "met" if self.figure.median <= self.bound else "not met"


def limits(measured: Measurements) -> Sequence[Limit]:
    """The goals that compare ours with itself or with a fixed bound."""
    knee = measured.quotient("paced 1000: cpu_us", "paced 100: cpu_us")
    linear = measured.quotient("1MB: cpu_us_per_kb", "126kB: cpu_us_per_kb")
    delay = measured.spread("ours", "isolation disturbed: added_p99_ms")
    return (
        Limit("CPU per delta at 1,000 streams over that at 100", 1.3, knee, "x"),
        Limit("CPU per kB at 1 MB over that at 126 kB", 1.3, linear, "x"),
        Limit("ready with two workers", 1.5, measured.spread("ours", "start: seconds"), "s"),
        Limit("p99 of the added delay beside stalled peers", 10.0, delay, "ms"),
    )
