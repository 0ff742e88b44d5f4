"""``claude-proxy`` as a person starts it: a process, a bare environment, an empty directory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.paths import ROOT

SECONDS = 60.0


def environment(directory: Path, changes: Mapping[str, str] | None = None) -> dict[str, str]:
    measured = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(directory),
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        **measured,
        **(changes or {}),
    }


def run(
    directory: Path, *arguments: str, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """The command, until it ends."""
    return run_module(directory, "proxy.cli", *arguments, environ=environ)


def run_module(
    directory: Path, *module: str, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """``python -m module...`` until it ends."""
    return subprocess.run(
        [sys.executable, "-m", *module],
        cwd=directory,
        env=environment(directory, environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@dataclass(frozen=True, slots=True)
class Started:
    """The command while it runs."""

    process: subprocess.Popen[bytes]
    output_path: Path

    @property
    def output(self) -> str:
        """What it has written to both of its streams."""
        return self.output_path.read_text("utf-8", "replace")

    def wait_for(self, text: str) -> str:
        """The first line with ``text`` in it, once it is there."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            lines = self.output.splitlines(keepends=True)
            found = [line for line in lines if text in line and line.endswith("\n")]
            if found:
                return found[0].rstrip("\n")
            assert self.process.poll() is None, f"it ended:\n{self.output}"
            time.sleep(0.05)
        raise AssertionError(f"no {text!r} in:\n{self.output}")


@contextmanager
def started(
    directory: Path,
    *arguments: str,
    environ: Mapping[str, str] | None = None,
    module: str = "proxy.cli",
) -> Iterator[Started]:
    """``python -m module arguments`` until the block is left, then stopped by SIGINT."""
    output_path = directory / "output"
    with output_path.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=directory,
            env=environment(directory, environ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Started(process, output_path)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
