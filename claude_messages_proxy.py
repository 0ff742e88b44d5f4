"""The program ``claude-proxy``, as setup.cfg installs it.

Rule: it imports this program's packages only after they are found to be this program's: another one
may have a ``proxy`` or ``config`` too. So this module's own name is one that no other program has.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec

PACKAGES = ("proxy", "config")
FAILED = 1


def run() -> int:
    """Run the command line; returns the exit code."""
    for name in PACKAGES:
        if other := hidden_by(name, find_spec(name)):
            print(f"claude-proxy: {_message(name, other)}", file=sys.stderr)
            return FAILED
    from proxy.cli.__main__ import run as run_command

    return run_command()


def hidden_by(name: str, found: ModuleSpec | None) -> str:
    """Where Python finds another program's package ``name``; empty if it finds the right one."""
    beside = os.path.join(os.path.dirname(os.path.realpath(__file__)), name)
    if found is None:
        return "nowhere"
    places = list(found.submodule_search_locations or [])
    if any(os.path.realpath(place) == beside for place in places[:1]):
        return ""
    return found.origin or next(iter(places), "nowhere")


def _message(name: str, other: str) -> str:
    return (
        f"the package {name!r} that Python finds ({other}) is another program's: take its directory "
        "out of PYTHONPATH, or install claude-proxy into an environment of its own "
        "(uv tool install . or pipx install .)"
    )
