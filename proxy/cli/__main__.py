"""The program ``claude-proxy``, also as ``python -m proxy.cli``."""

import sys

from proxy.cli.interrupt import end_when_interrupted


def run() -> int:
    """Run the command line; returns the exit code."""
    end_when_interrupted()
    from proxy.cli.main import main

    return main()


if __name__ == "__main__":
    sys.exit(run())
