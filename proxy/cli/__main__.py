"""The program ``claude-proxy``, also as ``python -m proxy.cli``."""

import sys

from proxy.cli.interrupt import end_when_interrupted, raise_when_interrupted


def run() -> int:
    """Load the command line, which takes a second, and run it; returns the exit code."""
    end_when_interrupted()
    from proxy.cli.main import main

    raise_when_interrupted()
    return main()


if __name__ == "__main__":
    sys.exit(run())
