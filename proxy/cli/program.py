"""How a person at this shell calls the command ``claude-proxy``."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

COMMAND = "claude-proxy"


def program() -> str:
    """How this shell finds the command: by its name, else by its path, which is short in a clone."""
    if shutil.which(COMMAND):
        return COMMAND
    path = Path(sys.argv[0])
    if path.suffix == ".py":
        return f"{shlex.quote(sys.executable)} -m proxy.cli"
    here = Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))
