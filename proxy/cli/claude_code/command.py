"""The command ``claude-proxy claude-code``.

Rule: stdout has the settings alone, or with ``--write`` what became of the file; explanations go to
stderr. What a running proxy says has precedence over the configuration in this directory.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

from config.errors import ConfigError
from config.fields import token_number
from config.settings import Settings
from proxy.cli.claude_code.facts import Facts, configured_facts
from proxy.cli.claude_code.file import as_text, settings_path, write_settings
from proxy.cli.claude_code.members import (
    KEY_PLACEHOLDER,
    PLACEHOLDERS,
    PROXY_KEY_PLACEHOLDER,
    known_key,
    members,
)
from proxy.cli.claude_code.report import WRONG_KEY, key_advice, report
from proxy.cli.claude_code.server import RunningProxy
from proxy.cli.environment import current_settings
from proxy.cli.errors import CommandError, UsageError
from proxy.cli.key_variables import is_header_word, named_key
from proxy.cli.lines import wrapped
from proxy.cli.one_line import printable
from proxy.cli.options import add_address, add_config
from proxy.cli.proxy_address import Address, address
from proxy.cli.server_urls import client_url, is_here


class KeyUnknown(CommandError):
    """Claude Code needs a key that is not known here; the message says where to get it."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What the user chose."""

    url: str | None = None
    key: str | None = None
    window: int | None = None
    offline: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_address(parser)
    add_config(parser)
    parser.add_argument("--url", help="address of the proxy (default: the configured one)")
    key = parser.add_mutually_exclusive_group()
    key.add_argument(
        "--key-env", metavar="NAME", help="variable that holds the key that Claude Code sends"
    )
    key.add_argument("--key", help="the key itself, which other users see in the process list")
    parser.add_argument(
        "--window",
        metavar="TOKENS",
        help="context window of the models, such as 64k, where nothing else tells it",
    )
    parser.add_argument(
        "--offline",
        action="store_true",
        help="use the configuration of this directory instead of asking the proxy",
    )
    parser.add_argument(
        "--write",
        action="store_true",
        help="merge them into ~/.claude/settings.json; the old file is kept as a backup",
    )


def run(options: argparse.Namespace, chosen: Mapping[str, object]) -> None:
    """Run the command; raises ``UsageError``, ``NotAsked``, ``KeyUnknown``, ``ClientSettingsError``
    or ``ConfigError``.
    """
    choice = Choice(options.url, _key(options), _window(options.window), options.offline)
    settings = local_settings(chosen, choice)
    show_or_write(settings, choice, write=options.write, home=Path.home())


def local_settings(chosen: Mapping[str, object], choice: Choice) -> Settings:
    """The configuration in this directory; a bad one does not matter if the address is given."""
    try:
        return current_settings(chosen)
    except ConfigError:
        if choice.url is None or choice.offline:
            raise
        return Settings()


def show_or_write(settings: Settings, choice: Choice, *, write: bool, home: Path) -> None:
    """Print Claude Code's settings, or merge them into its file below ``home``; explain on stderr."""
    where = address(_url(settings, choice))
    facts, key = found(settings, where, choice)
    wanted = members(where.url, key, facts)
    if write and key in PLACEHOLDERS:
        raise KeyUnknown("; ".join(key_advice(facts, key)))
    # A file that cannot be written is told first.
    told = write_settings(settings_path(home), wanted) + "\n" if write else as_text(wanted)
    for line in report(where, facts, wanted["env"]):
        print(_shown(printable(line), sys.stderr), file=sys.stderr)
    print(told, end="")
    if write and sys.stdout.isatty():
        print("\nStart Claude Code: claude")


def _shown(line: str, stream: TextIO) -> str:
    """``line`` as a terminal shows it best; elsewhere it stays one line."""
    return wrapped(line) if stream.isatty() else line


def found(settings: Settings, where: Address, choice: Choice) -> tuple[Facts, str]:
    """What is known about the proxy, and the key for Claude Code or a placeholder."""
    if choice.offline:
        facts = configured_facts(settings, choice.window)
        return facts, choice.key or known_key(facts, settings.auth_keys)
    # Another machine's proxy has other keys, and is not told this one's.
    own_keys = settings.auth_keys if choice.url is None or is_here(where.root) else ()
    asked_with = choice.key or next(iter(own_keys), None)
    told = RunningProxy(where, asked_with).facts()
    if told is None and asked_with:
        raise KeyUnknown(f"{where.root}: {WRONG_KEY}")
    if told is None:
        # Without the right key it tells neither its mode nor its models.
        return Facts(
            "unknown", key_in_force=True, stated_window=choice.window
        ), PROXY_KEY_PLACEHOLDER
    if where.is_dynamic:
        facts = Facts("passthrough", told.key_in_force, stated_window=choice.window)
        return facts, choice.key or KEY_PLACEHOLDER
    facts = replace(told, stated_window=choice.window)
    key = choice.key or known_key(facts, own_keys)
    if choice.window is None:
        # With the key that Claude Code will send: in passthrough the upstream's list may need it.
        sent = asked_with if key in PLACEHOLDERS else key
        facts = facts.with_listed(RunningProxy(where, sent).listed(facts))
    return facts, key


def _url(settings: Settings, choice: Choice) -> str:
    return client_url(settings.host, settings.port) if choice.url is None else choice.url


def _key(options: argparse.Namespace) -> str | None:
    if options.key_env is not None:
        return named_key(options.key_env)
    if options.key is None:
        return None
    given: str = options.key.strip()
    if not given or not is_header_word(given):
        raise UsageError("--key: the value is no key, which is ASCII without spaces")
    return given


def _window(text: str | None) -> int | None:
    if text is None:
        return None
    tokens = token_number(text)
    if not tokens:
        raise UsageError(f"--window {text!r} is no number of tokens such as 65536, 64k or 1m")
    return tokens
