"""The program ``claude-proxy``, and the check that its packages are the ones that Python finds.

Rule: imports neither ``proxy`` nor ``config`` before the check. Both are common names: a directory of the
operator's in PYTHONPATH, or the working directory, may hold a package or a module that hides ours. The name of
this module is the distribution's, which nothing else has.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

OURS = {"proxy": "cli/__main__.py", "config": "variables/table.py"}
"""A file of each package that another package of this name does not have."""


def run() -> int:
    """Run the command line; returns the exit code."""
    refuse_foreign_packages()
    from proxy.cli.__main__ import run as run_command

    return run_command()


def refuse_foreign_packages(exit_code: int = 1) -> None:
    """Exit with one line if Python finds another ``proxy`` or ``config`` than ours."""
    for name, file in OURS.items():
        place = foreign_place(name, file)
        if place is not None:
            print(
                f"claude-proxy: {place} hides claude-proxy's own package {name!r}: rename or "
                f"uninstall it, take {place.parent} out of PYTHONPATH, or start in another directory",
                file=sys.stderr,
            )
            sys.exit(exit_code)


def foreign_place(name: str, file: str) -> Path | None:
    """Where the package ``name`` is, unless it holds ``file`` or is not found at all."""
    try:
        spec = find_spec(name)
    except ValueError:
        # It is loaded, by something that gave it no origin.
        return None
    if spec is None:
        return None
    directories = [Path(place) for place in spec.submodule_search_locations or ()]
    if any((directory / file).is_file() for directory in directories):
        return None
    return directories[0] if directories else Path(spec.origin or name)


if __name__ == "__main__":
    sys.exit(run())
