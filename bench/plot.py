"""A plot of the cost by request size and by number of streams."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from bench.figures import Measurements

_SIZES = {"small": 0.3, "10kB": 10.0, "126kB": 126.0, "300kB": 300.0, "1MB": 1000.0}
_STREAMS = (20, 100, 500, 1000)


def draw(measured: Measurements, path: Path) -> bool:
    """Write the plot; false where matplotlib is not installed."""
    if importlib.util.find_spec("matplotlib") is None:
        return False
    import matplotlib as mpl  # heavy, and not needed for figures alone

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
    for system in sorted(measured.figures):
        sizes = _line(measured, system, {f"{n}: cpu_ms": kb for n, kb in _SIZES.items()})
        if sizes:
            left.plot(*zip(*sizes, strict=True), marker="o", label=system)
        paced = {f"paced {n}: cpu_us": float(n) for n in _STREAMS}
        streams = [] if system == "direct" else _line(measured, system, paced)
        if streams:
            right.plot(*zip(*streams, strict=True), marker="o", label=system)
    for axes, x, y in (
        (left, "request, kB", "CPU for each request, ms"),
        (right, "streams, one delta every 20 ms each", "CPU for each delta, µs"),
    ):
        axes.set(xscale="log", yscale="log", xlabel=x, ylabel=y)
        axes.grid(visible=True, which="major", alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=110, metadata={"Software": None})
    pyplot.close(figure)
    return True


def _line(
    measured: Measurements, system: str, names: dict[str, float]
) -> list[tuple[float, float]]:
    found = [(x, measured.spread(system, name)) for name, x in names.items()]
    return [(x, value.median) for x, value in found if value is not None]
