"""The results as Markdown: the goal table, the limits, every figure.

Rule: no host name, no path; goals that are not met are shown like those that are.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.endurance import Growth
from bench.figures import Measurements, brief
from bench.goals import (
    GOALS,
    LITELLM,
    NGINX,
    ROUTER,
    Goal,
    Judged,
    judge,
    limits,
    nginx_width,
    verdict,
)


@dataclass(frozen=True, slots=True)
class Run:
    """Everything in a report."""

    measured: Measurements
    systems: Sequence[str]
    versions: Sequence[str]
    growths: Sequence[Growth]
    rounds: int
    plot: str | None


def markdown(run: Run) -> str:
    """The whole report."""
    parts = [_head(run), _goals(run), _limits(run), _figures(run), _troubles(run)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(run: Run) -> str:
    lines = [
        "# What the proxy costs",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {run.rounds} interleaved rounds on {_machine()}. "
        f"Python {platform.python_version()}, {', '.join(run.versions)}.",
        "CPU is that of the whole process tree, one worker. Every figure is the median over the "
        "rounds (least..greatest); ratios are taken within a round.",
    ]
    if run.plot:
        lines += ["", f"![cost by request size and by number of streams]({run.plot})"]
    return "\n".join(lines)


def _machine() -> str:
    text = Path("/proc/cpuinfo").read_text("utf-8")
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.M)
    return f"{os.cpu_count()} cores of {found[1] if found else platform.machine()}"


def nginx_version() -> str:
    """Such as ``nginx 1.22.1``."""
    done = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=True)
    return done.stderr.strip().rpartition(" ")[2].replace("/", " ")


def _goals(run: Run) -> str:
    columns = [NGINX, *(name for name in (ROUTER, LITELLM) if name in run.systems)]
    title = " | ".join(f"ours / {name}" for name in columns)
    rows = [
        "## Goals",
        "",
        f"| | {title} | nginx's spread | |",
        "|---" * (len(columns) + 3) + "|",
        *(_goal_row(goal, run.measured, columns) for goal in GOALS),
    ]
    return "\n".join(rows)


def _goal_row(goal: Goal, measured: Measurements, columns: Sequence[str]) -> str:
    judged = judge(goal, measured)
    cells = [_cell(goal, judged.get(name)) for name in columns]
    width = f"{nginx_width(goal, measured):.0%}"
    return f"| {goal.title} | {' | '.join(cells)} | {width} | {verdict(goal, measured, judged)} |"


def _cell(goal: Goal, judged: Judged | None) -> str:
    if judged is None:
        return "-"
    sign = "≥" if goal.at_least else "≤"
    mark = "" if judged.met else " **no**"
    return f"{judged.ratio}, goal {sign} {judged.bound:g}{mark}"


def _limits(run: Run) -> str:
    rows = ["## Limits", "", "| | measured | goal | |", "|---|---|---|---|"]
    for limit in limits(run.measured):
        shown = f"{limit.figure} {limit.unit}" if limit.figure else "-"
        rows.append(
            f"| {limit.title} | {shown} | ≤ {limit.bound:g} {limit.unit} | {limit.verdict} |"
        )
    for growth in run.growths:
        shown = f"{growth.early_mb:.1f} → {growth.late_mb:.1f} MB"
        met = "met" if growth.met else "not met"
        failed = f", {growth.failures} failed" if growth.failures else ""
        rows.append(
            f"| memory from 1 % to the end of {growth.what} | {shown}{failed} | + 2 % | {met} |"
        )
    return "\n".join(rows)


def _figures(run: Run) -> str:
    names = dict.fromkeys(
        name for system in run.systems for name in run.measured.figures.get(system, {})
    )
    rows = [
        "## Figures",
        "",
        f"| | {' | '.join(run.systems)} | ours / nginx |",
        "|---" * (len(run.systems) + 2) + "|",
    ]
    for name in names:
        cells = [str(run.measured.spread(system, name) or "-") for system in run.systems]
        ratio = run.measured.ratio(name, NGINX)
        rows.append(f"| {name} | {' | '.join(cells)} | {brief(ratio.median) if ratio else '-'} |")
    return "\n".join(rows)


def _troubles(run: Run) -> str:
    if not run.measured.troubles:
        return ""
    return "\n".join(["## Failures", "", *(f"- {one}" for one in run.measured.troubles)])
