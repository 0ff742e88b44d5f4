"""Options that several commands have.

Rule: each is a setting, and absent unless it was given, so that an option before the command is kept.
"""

from __future__ import annotations

import argparse

OPTIONS = ("host", "port", "workers", "config")
"""Settings that are also options."""


def add_address(parser: argparse.ArgumentParser) -> None:
    """Add ``--host``, ``--port`` and ``--workers``."""
    add_host_and_port(parser)
    parser.add_argument(
        "--workers",
        metavar="N",
        default=argparse.SUPPRESS,
        help="worker processes (default: number of cores, at most 4)",
    )


def add_host_and_port(parser: argparse.ArgumentParser) -> None:
    """Add ``--host`` and ``--port``."""
    for option, text in (
        ("--host", "address to listen on (default: 0.0.0.0)"),
        ("--port", "port to listen on (default: 8085)"),
    ):
        parser.add_argument(option, default=argparse.SUPPRESS, help=text)


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add ``--config``."""
    parser.add_argument(
        "--config", metavar="FILE", default=argparse.SUPPRESS, help="registry file (YAML or JSON)"
    )
