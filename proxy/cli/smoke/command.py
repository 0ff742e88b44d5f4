"""``claude-proxy smoke``: tests a running proxy as its clients use it.

Rule: the report goes to stdout, the progress to stderr; no key is printed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence

from proxy.cli.errors import CommandError
from proxy.cli.interrupt import raise_silently
from proxy.cli.options import add_config, add_host_and_port
from proxy.cli.program import program
from proxy.cli.progress import Progress
from proxy.cli.smoke.client import Client
from proxy.cli.smoke.examination import Check, Examination, model_part, server_part
from proxy.cli.smoke.report import as_json, failures, section, total
from proxy.cli.smoke.target import key_for, passthrough_key, smoke_url
from proxy.cli.smoke.wire import Target

MODEL = "claude-sonnet-5"
"""As Claude Code names it."""
SECONDS = 60.0


class ChecksFailed(CommandError):
    """One or more checks failed; the message names them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_host_and_port(parser)
    add_config(parser)
    parser.add_argument(
        "url", metavar="URL", nargs="?", help="the proxy's URL (default: the configured one)"
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--model", metavar="ID", help=f"model as clients name it (default: {MODEL})")
    which.add_argument("--all", action="store_true", help="every model that the proxy lists")
    parser.add_argument(
        "--key-env", metavar="NAME", help="variable that holds the proxy's key for its clients"
    )
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=_seconds,
        default=SECONDS,
        help=f"longest silence of an answer (default: {SECONDS:g})",
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} must be a number of seconds above 0")
    return seconds


def run(options: argparse.Namespace, chosen: Mapping[str, object]) -> None:
    """Run the command; raises ``UsageError``, ``ConfigError`` or ``ChecksFailed``."""
    raise_silently()
    url = smoke_url(options.url, chosen)
    key = key_for(url, options.key_env, chosen, configured=options.url is None)
    other = passthrough_key(url) if key is None else None
    target = Target(url, key, options.timeout, passthrough_key=other)
    smoke(target, None if options.all else options.model or MODEL, machine=options.json)


def smoke(target: Target, model: str | None, *, machine: bool = False) -> None:
    """Test ``model`` (None: every listed one) and print the report, ``machine``: as JSON.

    Raises ``ChecksFailed``.
    """
    client = Client(target)
    examination = Examination(client)
    complete = False
    try:
        _examine(examination, client, model, shown=not machine)
        complete = model is not None or bool(client.models)
    finally:
        # Also after Ctrl-C.
        rows = examination.rows
        report = as_json(target.url, rows, complete=complete) if machine else total(rows)
        print(report, flush=True)
    failed = failures(examination.rows)
    if examination.unreachable and not any(row.result == "passed" for row in rows):
        raise ChecksFailed(
            f"nothing answers at {target.url}: start the proxy, or name its address: "
            f"{program()} smoke URL"
        )
    if failed:
        raise ChecksFailed(f"failed: {failed}")
    if not complete:
        raise ChecksFailed("the proxy lists no model: name one with --model")


def _examine(examination: Examination, client: Client, model: str | None, *, shown: bool) -> None:
    server = server_part(client, model or MODEL)
    _part(examination, server, f"Server {client.target.url}", shown=shown)
    if examination.unreachable and shown:
        return
    models = client.models if model is None else [model]
    for number, name in enumerate(models, 1):
        place = f" ({number} of {len(models)})" if len(models) > 1 else ""
        title = f"Model {name}{place}"
        _part(examination, model_part(client, name), title, name, shown=shown)


def _part(
    examination: Examination,
    checks: Sequence[Check],
    title: str,
    model: str | None = None,
    *,
    shown: bool,
) -> None:
    before = len(examination.rows)
    try:
        examination.run(checks, Progress(sys.stderr, len(checks)), model)
    finally:
        if shown:
            print(f"{section(examination.rows[before:], title)}\n", flush=True)
