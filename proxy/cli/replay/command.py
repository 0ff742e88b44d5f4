"""``claude-proxy replay``: prints the events, or what differs from the recording."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from proxy.cli.errors import CommandError
from proxy.cli.one_line import escaped
from proxy.cli.replay.differences import without_pings
from proxy.cli.replay.recorded import Unusable, read_recording
from proxy.cli.replay.run import replay


class Differs(CommandError):
    """The present code does something else than the recording shows."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("file", metavar="FILE", type=Path, help="a file of CLAUDE_PROXY_RECORD")
    parser.add_argument(
        "--events",
        action="store_true",
        help="print the answer as it is now, without pings, and compare nothing",
    )


def run(options: argparse.Namespace, _: Mapping[str, object]) -> None:
    """Run the command; raises ``Unusable`` or ``Differs``."""
    recorded = read_recording(options.file)
    try:
        with _silence():
            replayed = replay(recorded)
    except Unusable as error:
        raise Unusable(f"{options.file}: {error}") from error
    if options.events:
        sys.stdout.write(without_pings(replayed.sent_bytes).decode("utf-8", "replace"))
        return
    for line in replayed.differences:
        print(escaped(line))
    if replayed.differences:
        count = len(replayed.differences)
        raise Differs(f"{options.file}: {count} difference{'s' * (count > 1)} from the recording")
    calls, size = len(recorded.calls), len(recorded.sent)
    print(f"The same: {calls} upstream call{'s' * (calls != 1)}, {size} bytes for the client")


@contextmanager
def _silence() -> Iterator[None]:
    """Within the block nothing is logged: the lines of the exchange are in the log of its service."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
