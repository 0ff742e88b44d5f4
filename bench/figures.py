"""Measured figures by system, name and round, and the ratios between systems.

Rule: a ratio is taken within a round; its median and its spread are over the rounds.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, least and greatest of some figures."""

    median: float
    least: float
    most: float

    @property
    def width(self) -> float:
        """From the least to the greatest, as a share of the median."""
        return (self.most - self.least) / self.median if self.median else 0.0

    def __str__(self) -> str:
        return f"{brief(self.median)} ({brief(self.least)}..{brief(self.most)})"


def spread(values: Sequence[float]) -> Spread | None:
    """None where there are no values."""
    return Spread(median(values), min(values), max(values)) if values else None


def brief(value: float) -> str:
    """Three significant digits, without an exponent."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


@dataclass(slots=True)
class Measurements:
    """All figures of a run."""

    figures: dict[str, dict[str, dict[int, float]]] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)

    def add(self, system: str, name: str, number: int, value: float) -> None:
        """Record the figure ``name`` of ``system`` in round ``number``."""
        self.figures.setdefault(system, {}).setdefault(name, {})[number] = value

    def trouble(self, line: str) -> None:
        """Record a failure or irregularity, once."""
        if line not in self.troubles:
            self.troubles.append(line)

    def rounds(self, system: str, name: str) -> dict[int, float]:
        """The figure by round; empty where it was not measured."""
        return self.figures.get(system, {}).get(name, {})

    def spread(self, system: str, name: str) -> Spread | None:
        """The figure over all rounds."""
        return spread(list(self.rounds(system, name).values()))

    def ratio(self, name: str, over: str, *, above: str | None = None) -> Spread | None:
        """Our figure divided by that of ``over``; both less that of ``above``, where it is given.

        Rounds in which the divisor is not positive are left out.
        """
        ours, theirs = self.rounds("ours", name), self.rounds(over, name)
        base = self.rounds(above, name) if above else {}
        pairs = [
            (ours[number] - base.get(number, 0.0), theirs[number] - base.get(number, 0.0))
            for number in sorted(ours.keys() & theirs.keys())
        ]
        return spread([mine / other for mine, other in pairs if other > 0])

    def quotient(self, name: str, under: str) -> Spread | None:
        """One of our figures divided by another of ours, within a round."""
        top, bottom = self.rounds("ours", name), self.rounds("ours", under)
        return spread([top[n] / bottom[n] for n in sorted(top.keys() & bottom.keys()) if bottom[n]])

    def save(self, path: Path) -> None:
        """Write everything as JSON."""
        everything = {"figures": self.figures, "troubles": self.troubles}
        path.write_text(json.dumps(everything, indent=1), "utf-8")
