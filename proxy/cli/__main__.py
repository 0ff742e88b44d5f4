"""The program ``claude-proxy``, also as ``python -m proxy.cli``."""

import sys

from claude_messages_proxy import refuse_foreign_packages
from proxy.cli.interrupt import INTERRUPTED, STOPPED, end_when_interrupted


def run() -> int:
    """Run the command line; returns the exit code."""
    first = next(iter(sys.argv[1:]), "demo")
    serves = first == "demo" or first.startswith("-")
    end_when_interrupted(STOPPED if serves else INTERRUPTED)
    refuse_foreign_packages()
    from proxy.cli.main import main

    return main()


if __name__ == "__main__":
    sys.exit(run())
