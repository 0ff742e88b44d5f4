"""The command ``claude-proxy`` (docs/features.md "Command line").

Rule: every failure is one readable message and an exit code of ``errors``. Never a stack trace. A command is a module with ``add_arguments`` and ``run`` and
a row in ``COMMANDS``; it is imported only when it is chosen, because the service's modules take a second.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import proxy
from config.errors import ConfigError
from proxy.cli.commit import built_commit
from proxy.cli.errors import BAD_USAGE, FAILED, CommandError
from proxy.cli.interrupt import INTERRUPTED, STOPPED, raise_when_interrupted
from proxy.cli.options import OPTIONS, add_address, add_config

_EPILOG = """\
Without a command it runs the service. Its settings come from the command line,
the environment and a .env file in the working directory; `claude-proxy init`
writes that file. OPENAI_BASE_URL is the upstream. OPENAI_API_KEY is the key
that is sent there; if it is not set, the key of each client is sent.
--print-config shows all settings."""


@dataclass(frozen=True, slots=True)
class Command:
    """A subcommand; ``run(options, chosen)`` of its module does the work."""

    name: str
    module: str
    help: str
    description: str | None = None
    patched: bool = True
    """Whether gevent replaces the standard library's blocking functions; it takes 0.1 s."""
    serves: bool = False
    """Whether it runs the service until it is stopped."""


COMMANDS = (
    Command(
        "init",
        "proxy.cli.init.command",
        "ask for provider, key and models, test them and write .env",
        "Ask for provider, key and models, test them, and write .env or a registry file.",
    ),
    Command("demo", "proxy.cli.demo", "serve a built-in demo upstream: no key needed", serves=True),
    Command(
        "claude-code",
        "proxy.cli.claude_code",
        "print the settings with which Claude Code uses this proxy",
        "Print the settings for Claude Code's settings.json, or write them there.",
    ),
    Command(
        "doctor",
        "proxy.cli.doctor.command",
        "test what the upstream supports and print the profile flags for it",
        "Send short test requests to the upstream; a few thousand tokens per model.",
    ),
    Command(
        "smoke",
        "proxy.cli.smoke.command",
        "test a running proxy as its clients use it: streams, tools, images, errors",
        "Send short test requests to a running proxy; a few thousand tokens per model.",
    ),
    Command(
        "replay",
        "proxy.cli.replay.command",
        "run a recorded exchange through this version and print what differs",
        "Run the upstream's bytes of a recording (CLAUDE_PROXY_RECORD) through this version. "
        "Exit code: 0 the same, 1 differences, 2 the file cannot be replayed.",
    ),
    Command(
        "healthcheck",
        "proxy.cli.healthcheck",
        "check whether the service on this machine answers (exit code 0 or 1)",
        "Send GET /health to the service on the configured HOST and PORT.",
        patched=False,
    ),
)
SERVICE = Command("", "proxy.cli.service", "run the service", serves=True)


class ShowVersion(argparse.Action):
    """``--version``: looks for the commit only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        commit = built_commit(Path(proxy.__file__).parent)
        known = f" (commit {commit})" if commit else ""
        print(f"claude-proxy {proxy.__version__}{known}")
        parser.exit()


class CommandParser(argparse.ArgumentParser):
    """The parser of one command, whose module adds its arguments when they are first needed."""

    row: Command | None = None

    # The standard library's hook: also what shows the help.
    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As the base class; imports the command's module."""
        if self.row is not None:
            row, self.row = self.row, None
            self.set_defaults(command=row)
            _module(row).add_arguments(self)
        return super().parse_known_args(args, namespace)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # As on stderr: what an upstream named is shown where the terminal has no such character.
        sys.stdout.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    chosen = {name: getattr(options, name, None) for name in OPTIONS}
    module = _module(options.command)
    raise_when_interrupted()
    try:
        module.run(options, chosen)
        sys.stdout.flush()
    except ConfigError as error:
        return _fail(str(error), BAD_USAGE if error.of_usage else FAILED)
    except CommandError as error:
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return STOPPED if options.command.serves else INTERRUPTED
    except BrokenPipeError:
        # The reader has closed the pipe (`--print-config | head`); discard what is left to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return 0


def _module(command: Command) -> Any:
    if command.patched:
        from gevent import monkey

        # Before any import of ssl: otherwise calls to https upstreams fail in forked workers.
        monkey.patch_all()
    return import_module(command.module)


def _fail(message: str, code: int) -> int:
    # A key that was written in the wrong place is quoted as what was found there.
    from proxy.redaction import mask_secrets

    print(f"claude-proxy: {mask_secrets(message)}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="claude-proxy",
        description="Anthropic Messages API in front of an OpenAI-compatible upstream.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(command=SERVICE)
    add_address(parser)
    add_config(parser)
    parser.add_argument("--check", action="store_true", help="validate the settings and exit")
    parser.add_argument(
        "--print-config",
        action="store_true",
        help="show every setting and its source, and exit",
    )
    parser.add_argument("--version", action=ShowVersion, nargs=0, help="show the version and exit")
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", dest="name", parser_class=CommandParser
    )
    for row in COMMANDS:
        added = commands.add_parser(
            row.name, help=row.help, description=row.description, allow_abbrev=False
        )
        added.row = row
    return parser
