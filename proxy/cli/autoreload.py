"""``python -m proxy.cli.autoreload``: the service, restarted when a source file changes (``make dev``).

Rule: the whole program is restarted. gunicorn's own ``--reload`` only replaces workers, which are
forks of a master that has already imported the old code.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = (ROOT / "config", ROOT / "proxy")
DOTENV = Path(".env")
POLL_SECONDS = 0.5


def main(arguments: Sequence[str]) -> int:
    """Run ``claude-proxy`` with ``arguments`` until interrupted; returns the exit code.

    It is 0, as the service's own after Ctrl-C: make would report another one as an error.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        while True:
            _run_until_change(arguments)
            _report("a source file changed: restarting")
    except KeyboardInterrupt:
        return 0


def _run_until_change(arguments: Sequence[str]) -> None:
    loaded = _modification_times()
    server = subprocess.Popen([sys.executable, "-m", "proxy.cli", *arguments])
    try:
        ended = False
        while _modification_times() == loaded:
            if not ended and server.poll() is not None:
                ended = True
                _report(f"ended with exit code {server.returncode}: waiting for a change")
            time.sleep(POLL_SECONDS)
    finally:
        if server.poll() is None:
            # gunicorn's quick stop, which does not wait for open streams.
            server.send_signal(signal.SIGINT)
        server.wait()


def _modification_times() -> Mapping[Path, int | None]:
    """Times of modification, in nanoseconds, of every source file and ``.env``."""
    # Editors create hidden files beside the one that is edited.
    sources = (path for folder in SOURCES for path in folder.rglob("[!.]*.py"))
    return {path: _modification_time(path) for path in (*sources, DOTENV)}


def _modification_time(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        # The file does not exist, or was deleted meanwhile.
        return None


def _report(message: str) -> None:
    print(f"claude-proxy: {message}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
