"""``python -m tests.fuzz.guided SECONDS``: all targets under atheris, which is guided by coverage.

Rule: each target has its share of the time, in a process of its own. What covers something new
goes into the corpus, which stays as small as libFuzzer's merge makes it; so does an input that
breaks a law, and then the exit status is 1: tests/fuzz/test_corpus.py fails until that is mended.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from tests.fuzz.corpus import inputs, keep
from tests.fuzz.tokens import dictionary

SHARES: Mapping[str, int] = {
    "chunked_body": 1,
    "dynamic_target": 1,
    "event_stream": 4,
    "learned_frames": 3,
    "model_name": 1,
    "native_stream": 3,
    "response_head": 4,
}
"""Of the time, by what there is to find: those that have more states have more."""
LONGEST_INPUT = 600
SLOWEST_RUN = 5
"""Seconds that one input may take; more is a hang."""


def main(arguments: list[str]) -> int:
    """With a number: run everything for so many seconds. With a name: be that target's process."""
    if arguments[0].isdecimal():
        share = int(arguments[0]) / sum(SHARES.values())
        broken = [name for name in SHARES if not fuzz(name, int(share * SHARES[name]))]
        for name in broken:
            sys.stderr.write(f"{name}: a law is broken; its input is in the corpus now\n")
        return 1 if broken else 0
    run_target(*arguments)
    return 0


def fuzz(name: str, seconds: int) -> bool:
    """Fuzz one target and keep what is new; whether its laws held."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as directory:
        known, fresh, merged, broken = (
            Path(directory, part) for part in ("known", "fresh", "merged", "broken")
        )
        for folder in (known, fresh, merged, broken):
            folder.mkdir()
        words = Path(directory, "words")
        words.write_text(dictionary(name), "ascii")
        before = inputs(name)
        for data in before:
            (known / sha256(data).hexdigest()).write_bytes(data)
        limit = (f"-max_total_time={seconds}", f"-artifact_prefix={broken}/")
        held = _atheris(name, *limit, f"-dict={words}", str(fresh), str(known))
        complete = _atheris(name, "-merge=1", str(merged), str(known), str(fresh))
        kept = _contents(merged) if complete else [*before, *_contents(fresh)]
        keep(name, [*kept, *_contents(broken)])
    return held


def _contents(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.iterdir()]


def _atheris(name: str, *arguments: str) -> bool:
    command = [sys.executable, "-m", "tests.fuzz.guided", name]
    common = [f"-max_len={LONGEST_INPUT}", f"-timeout={SLOWEST_RUN}"]
    # Inputs are programs of many words: short ones first would stay short for an hour.
    common += ["-len_control=0", "-verbosity=0"]
    return subprocess.run([*command, *common, *arguments], check=False).returncode == 0


def run_target(name: str, *arguments: str) -> None:
    """Hand this process to libFuzzer, whose ``arguments`` are these."""
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["config", "proxy"]):
        from tests.fuzz.targets import TARGETS
    # What libFuzzer starts for a merge, by a shell.
    program = f"{sys.executable} -m tests.fuzz.guided {name}"
    atheris.Setup([program, *arguments], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
