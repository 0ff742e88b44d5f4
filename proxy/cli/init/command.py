"""``claude-proxy init``: from nothing to a configuration that works.

Rule: nothing is written before every question is answered, so Ctrl-C leaves everything as it was. Without
a terminal it asks nothing: every answer is a flag.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping

from proxy.cli.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--provider", metavar="NAME", help="deepseek, ollama, ..., or other")
    parser.add_argument("--base-url", metavar="URL", help="base URL of the provider's API")
    key = parser.add_mutually_exclusive_group()
    key.add_argument("--key-env", metavar="NAME", help="variable that holds the provider's key")
    key.add_argument("--key-stdin", action="store_true", help="read the key from standard input")
    for tier, name in (("big", "opus"), ("middle", "sonnet"), ("small", "haiku")):
        parser.add_argument(f"--{tier}", metavar="ID", help=f"model for Claude's {name}")
    parser.add_argument(
        "--access",
        choices=("local", "key"),
        help="who may use the proxy: programs on this machine (default), or others with a new key",
    )
    parser.add_argument(
        "--registry", metavar="FILE", help="write this registry file (YAML) instead of .env"
    )
    parser.add_argument(
        "--claude-code", action="store_true", help="merge the settings into Claude Code's file"
    )
    parser.add_argument(
        "--no-test", dest="test", action="store_false", help="do not ask the models for an answer"
    )
    parser.add_argument("--yes", action="store_true", help="ask nothing; take what is proposed")


def run(options: argparse.Namespace, _: Mapping[str, object]) -> None:
    """Run the command; raises ``ConfigError`` and ``CommandError``."""
    if not options.yes and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "init asks questions, so it needs a terminal; without one add --yes and --provider NAME "
            "(and --base-url, --key-env, --big, --middle, --small where needed: see --help)"
        )
    # Not at the top, because the help and usage errors need none of it.
    from proxy.cli.init.session import init

    try:
        init(options)
    except KeyboardInterrupt:
        # Also ends the line of the question.
        print()
        raise
