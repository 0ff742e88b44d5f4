"""The program ``claude-proxy`` as ``python -m proxy``.

Rule: the same entry as the command that setup.cfg installs.
"""

import sys

from proxy.cli.__main__ import run

if __name__ == "__main__":
    sys.exit(run())
