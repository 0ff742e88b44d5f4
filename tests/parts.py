"""Selects the part of the suite that runs, and reports what was skipped.

Rule: the short part (`make test`) has every test but those marked `long`; the rest has exactly those.
Of the cases of a test marked `long(except_every=3)` the first of every three is in the short part.
Property tests run in both: with a tenth of their examples in the short part, with all in the rest.
"""

from __future__ import annotations

import sys
from collections import Counter

import pytest
from hypothesis import is_hypothesis_test, settings

SHORT, REST, ALL, LAWS = "short", "rest", "all", "laws"
SHARE = 10
FEWEST = 10
SLOW_FOLDERS = ("faults", "claude_code", "deploy", "security", "sdk", "cli", "fuzz", "api", "soak")
"""Folders that run first, so that no worker is left alone with a long file at the end."""


COLLECTED = pytest.StashKey[list[str]]()
"""Node ids of the tests of every part, in config.stash."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--part`` and ``--examples``."""
    parser.addoption(
        "--part",
        choices=(SHORT, REST, ALL, LAWS),
        default=SHORT,
        help="short: without the tests marked long (the default); rest: what short leaves out; "
        "all: both; laws: only the property tests",
    )
    parser.addoption(
        "--examples", type=int, default=0, help="examples of each property test; 0: its own number"
    )


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    """Save what coverage has measured: pytest-xdist kills a worker that ends too slowly."""
    coverage = sys.modules.get("coverage")
    measuring = coverage.Coverage.current() if coverage else None
    if measuring is not None:
        measuring.save()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what belongs to another part, order the rest and set the numbers of examples."""
    part, examples = config.getoption("--part"), config.getoption("--examples")
    config.stash[COLLECTED] = [item.nodeid for item in items]
    long = _long_ones(items)
    kept: list[pytest.Item] = []
    left: list[pytest.Item] = []
    for item in items:
        (kept if _belongs(item, part, long=item in long) else left).append(item)
    config.hook.pytest_deselected(items=left)
    items[:] = sorted(kept, key=_rank)
    laws = [item for item in kept if isinstance(item, pytest.Function) and _is_law(item)]
    for test in {law.function for law in laws}:
        # Hypothesis has no public way to change the settings that a decorator made.
        own = test._hypothesis_internal_use_settings or settings()
        number = examples or own.max_examples
        if part == SHORT:
            number = min(number, max(FEWEST, number // SHARE))
        test._hypothesis_internal_use_settings = settings(own, max_examples=number, deadline=None)


def _long_ones(items: list[pytest.Item]) -> set[pytest.Item]:
    cases: Counter[str] = Counter()
    long = set()
    for item in items:
        if mark := item.get_closest_marker("long"):
            every, test = mark.kwargs.get("except_every"), item.nodeid.partition("[")[0]
            if every is None or cases[test] % every:
                long.add(item)
            cases[test] += 1
    return long


def _belongs(item: pytest.Item, part: str, *, long: bool) -> bool:
    if part == LAWS:
        return _is_law(item)
    return part == ALL or (long or _is_law(item) if part == REST else not long)


def _is_law(item: pytest.Item) -> bool:
    return isinstance(item, pytest.Function) and is_hypothesis_test(item.obj)


def _rank(item: pytest.Item) -> int:
    folder = item.nodeid.split("/")[1]
    return SLOW_FOLDERS.index(folder) if folder in SLOW_FOLDERS else len(SLOW_FOLDERS)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """List why tests were skipped, each reason once."""
    skipped = terminalreporter.stats.get("skipped", ())
    reasons = Counter(_reason(report) for report in skipped)
    for reason, count in sorted(reasons.items()):
        tests = "1 test" if count == 1 else f"{count} tests"
        terminalreporter.write_line(f"Skipped {tests}: {reason}")
    if config.getoption("--part") == SHORT and not config.option.collectonly:
        terminalreporter.write_line("Tests marked long did not run; make test-all runs them too.")


def _reason(report: pytest.TestReport) -> str:
    where = report.longrepr
    reason = where[2] if isinstance(where, tuple) else str(where)
    return reason.removeprefix("Skipped: ")
