"""The inputs that together reach all that the fuzzer ever reached, one JSON string a line.

Rule: a string stands for the bytes that its characters have in Latin-1; the lines are sorted, so
that a change shows what is new.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "corpus"


def inputs(target: str) -> list[bytes]:
    """The inputs kept for a target; none where it is new."""
    path = FOLDER / f"{target}.jsonl"
    if not path.exists():
        return []
    return [json.loads(line).encode("latin-1") for line in path.read_text("ascii").splitlines()]


def keep(target: str, data: Iterable[bytes]) -> None:
    """Make ``data`` the inputs of a target."""
    lines = sorted({json.dumps(each.decode("latin-1")) for each in data})
    (FOLDER / f"{target}.jsonl").write_text("".join(f"{line}\n" for line in lines), "ascii")
