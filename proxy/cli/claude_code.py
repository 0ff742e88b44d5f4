"""``claude-proxy claude-code``: the settings with which Claude Code uses this proxy.

Rule: other content of the user's file is kept, the old file is backed up, and an invalid file is
not changed.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from config.registry.values import registry_in_force
from config.settings import Settings
from proxy.cli.environment import current_settings
from proxy.cli.errors import CommandError
from proxy.cli.files import back_up, replace_text
from proxy.cli.options import add_address
from proxy.cli.server_urls import client_url

ANY_KEY = "any"
"""Without a token Claude Code asks its user to log in; a proxy without auth keys accepts any."""
KEY_PLACEHOLDER = "YOUR-UPSTREAM-KEY"


class ClientSettingsError(CommandError):
    """The user's settings file cannot be updated; it was not changed."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_address(parser)
    parser.add_argument("--url", help="URL of the proxy, if it is on another machine")
    parser.add_argument("--key", help="key that Claude Code sends")
    parser.add_argument(
        "--write",
        action="store_true",
        help="merge them into ~/.claude/settings.json; the old file is kept as a backup",
    )


def run(options: argparse.Namespace, chosen: Mapping[str, object]) -> None:
    """Run the command; raises ``ClientSettingsError``."""
    show_or_write(current_settings(chosen), url=options.url, key=options.key, write=options.write)


def show_or_write(
    settings: Settings, *, url: str | None, key: str | None, write: bool, home: Path | None = None
) -> None:
    """Print Claude Code's settings, or merge them into its file below ``home``.

    ``url`` and ``key`` replace the values from ``settings``. Raises ``ClientSettingsError``.
    """
    wanted = client_settings(settings, url=url, key=key)
    if not write:
        print(_text(wanted), end="")
        return
    if wanted["env"]["ANTHROPIC_AUTH_TOKEN"] == KEY_PLACEHOLDER:
        raise ClientSettingsError(
            "Claude Code needs the key that is sent upstream: add --key KEY, "
            "or run without --write and insert the key yourself"
        )
    path = (home or Path.home()) / ".claude" / "settings.json"
    print(write_settings(path, wanted))


def client_settings(
    settings: Settings, *, url: str | None = None, key: str | None = None
) -> dict[str, dict[str, str]]:
    """Members of Claude Code's settings.json: the proxy's URL and the key to send."""
    return {
        "env": {
            "ANTHROPIC_BASE_URL": (url or client_url(settings.host, settings.port)).rstrip("/"),
            "ANTHROPIC_AUTH_TOKEN": key or _key(settings),
            # Makes Claude Code's /model list the upstream's models.
            "CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY": "1",
        }
    }


def _key(settings: Settings) -> str:
    if not any(provider.api_keys for provider in registry_in_force(settings).providers):
        return KEY_PLACEHOLDER
    return settings.auth_keys[0] if settings.auth_keys else ANY_KEY


def write_settings(path: Path, wanted: Mapping[str, Mapping[str, str]]) -> str:
    """Merge ``wanted`` into the file, following symbolic links; returns a line about the result.

    Raises ``ClientSettingsError``; the file is then unchanged.
    """
    path = path.resolve()
    try:
        before = _read(path)
        after = merged(before, wanted, path)
        if after == before:
            return f"{path} is up to date"
        backup = back_up(path)
        replace_text(path, _text(after))
    except OSError as error:
        raise ClientSettingsError(f"{error.filename or path}: {error.strerror}") from error
    return f"{path} written" + (f"; the old file is {backup}" if backup else "")


def merged(
    before: Mapping[str, Any], wanted: Mapping[str, Mapping[str, str]], path: Path
) -> dict[str, Any]:
    """``before`` with the members of ``wanted`` added to its objects of the same name."""
    after = dict(before)
    for name, members in wanted.items():
        present = after.get(name, {})
        if not isinstance(present, dict):
            raise ClientSettingsError(f"{path}: {name!r} is not an object")
        after[name] = present | dict(members)
    return after


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError as error:
        raise ClientSettingsError(f"{path} is not UTF-8 text") from error
    if not text.strip():
        return {}
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ClientSettingsError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise ClientSettingsError(f"{path} does not hold an object")
    return content


def _text(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
