"""The command ``claude-proxy`` (docs/features.md "Command line").

Rule: every failure is one readable message and an exit code: 2 for a bad configuration, 1 if the
system or an upstream refuses. Never a stack trace.
"""

from gevent import monkey

# Before any import of ssl: otherwise calls to https upstreams fail in forked workers.
monkey.patch_all()

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from config.errors import ConfigError
from proxy import __version__
from proxy.app import create_app
from proxy.cli.announce import start_warnings, summary
from proxy.cli.claude_code import ClientSettingsError, show_or_write
from proxy.cli.demo import demo
from proxy.cli.doctor.command import NoAnswer, doctor
from proxy.cli.environment import current_settings, explained_settings
from proxy.cli.healthcheck import Unhealthy, healthcheck
from proxy.cli.interrupt import INTERRUPTED
from proxy.cli.process import CannotStart
from proxy.cli.serve import serve

OPTIONS = ("host", "port", "workers", "config")
"""Settings that are also options."""
BAD_USAGE = 2
FAILED = 1

_EPILOG = """\
Settings come from the command line, the environment and a .env file in the working directory.
OPENAI_BASE_URL is the upstream. OPENAI_API_KEY is the key that is sent there; if it is not set,
the key of each client is sent. --print-config shows all settings."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    chosen = {name: getattr(options, name, None) for name in OPTIONS}
    command: Callable[[argparse.Namespace, Mapping[str, object]], None] = options.command
    try:
        command(options, chosen)
        sys.stdout.flush()
    except ConfigError as error:
        return _fail(str(error), BAD_USAGE)
    except (CannotStart, ClientSettingsError, NoAnswer, Unhealthy) as error:
        return _fail(str(error), FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has closed the pipe (`--print-config | head`); discard what is left to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return 0


def _fail(message: str, code: int) -> int:
    print(f"claude-proxy: {message}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="claude-proxy",
        description="Anthropic Messages API in front of an OpenAI-compatible upstream.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(command=_serve)
    _add_address(parser)
    _add_config(parser)
    parser.add_argument("--check", action="store_true", help="validate the settings and exit")
    parser.add_argument(
        "--print-config",
        action="store_true",
        help="show every setting and its source, and exit",
    )
    parser.add_argument("--version", action="version", version=f"claude-proxy {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="name")
    _add_demo(commands)
    _add_claude_code(commands)
    _add_doctor(commands)
    _add_healthcheck(commands)
    return parser


def _add_address(parser: argparse.ArgumentParser) -> None:
    _add_host_and_port(parser)
    parser.add_argument(
        "--workers",
        metavar="N",
        default=argparse.SUPPRESS,
        help="worker processes (default: number of cores, at most 4)",
    )


def _add_host_and_port(parser: argparse.ArgumentParser) -> None:
    # Suppressed, so that an option given before the command is kept.
    add = partial(parser.add_argument, default=argparse.SUPPRESS)
    add("--host", help="address to listen on (default: 0.0.0.0)")
    add("--port", help="port to listen on (default: 8085)")


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", metavar="FILE", default=argparse.SUPPRESS, help="registry file (YAML or JSON)"
    )


def _add_demo(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "demo", help="serve a built-in demo upstream: no key needed", allow_abbrev=False
    )
    parser.set_defaults(command=lambda _, chosen: demo(chosen))
    _add_address(parser)


def _add_claude_code(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "claude-code",
        help="print the settings with which Claude Code uses this proxy",
        description="Print the settings for Claude Code's settings.json, or write them there.",
        allow_abbrev=False,
    )
    parser.set_defaults(command=_claude_code)
    _add_address(parser)
    parser.add_argument("--url", help="URL of the proxy, if it is on another machine")
    parser.add_argument("--key", help="key that Claude Code sends")
    parser.add_argument(
        "--write",
        action="store_true",
        help="merge them into ~/.claude/settings.json; the old file is kept as a backup",
    )


def _add_doctor(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "doctor",
        help="test what the upstream supports and print the profile flags for it",
        description="Send short test requests to the upstream; a few thousand tokens per model.",
        allow_abbrev=False,
    )
    parser.set_defaults(command=_doctor)
    _add_config(parser)
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--model", metavar="ID", help="model as clients name it (default: BIG_MODEL)"
    )
    which.add_argument("--all", action="store_true", help="every model that is configured")
    parser.add_argument("--key", help="key for a provider that has no key in the configuration")


def _add_healthcheck(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "healthcheck",
        help="check whether the service on this machine answers (exit code 0 or 1)",
        description="Send GET /health to the service on the configured HOST and PORT.",
        allow_abbrev=False,
    )
    parser.set_defaults(command=_healthcheck)
    _add_host_and_port(parser)
    _add_config(parser)
    parser.add_argument(
        "--ready",
        action="store_true",
        help="use /readyz instead: it fails while the service is stopping",
    )


def _serve(options: argparse.Namespace, chosen: Mapping[str, object]) -> None:
    if options.print_config:
        _print_config(chosen)
    elif options.check:
        _check(chosen)
    else:
        serve(partial(current_settings, chosen))


def _print_config(chosen: Mapping[str, object]) -> None:
    lines = explained_settings(chosen)
    name_width = max(len(line.name) for line in lines)
    value_width = min(max(len(line.value) for line in lines), 40)
    for line in lines:
        print(f"{line.name:{name_width}}  {line.value:{value_width}}  {line.source}")


def _check(chosen: Mapping[str, object]) -> None:
    settings = current_settings(chosen)
    create_app(settings)
    for warning in start_warnings(settings):
        print(f"WARNING: {warning}", file=sys.stderr)
    print(f"The configuration is valid | {summary(settings)}")


def _claude_code(options: argparse.Namespace, chosen: Mapping[str, object]) -> None:
    show_or_write(current_settings(chosen), url=options.url, key=options.key, write=options.write)


def _doctor(options: argparse.Namespace, chosen: Mapping[str, object]) -> None:
    model = None if options.all else options.model or ""
    doctor(current_settings(chosen), model=model, key=options.key)


def _healthcheck(options: argparse.Namespace, chosen: Mapping[str, object]) -> None:
    healthcheck(chosen, ready=options.ready)
