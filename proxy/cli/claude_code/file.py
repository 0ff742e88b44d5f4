"""Merges settings into Claude Code's settings.json.

Rule: other content of the user's file is kept, the old file is backed up, and an invalid file is not
changed. Besides the connection, a value of the user's own is kept too. A file beside it records what
this command wrote, so that the next run removes what no longer applies, unless the user changed it.
"""

from __future__ import annotations

import json
import re
import shlex
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

from proxy.cli.claude_code.members import ANY_KEY, CONNECTION, CONTEXT_TOKENS, TOKEN
from proxy.cli.errors import CommandError
from proxy.cli.files import real_file, replace_backed_up, replace_text

Members = Mapping[str, Mapping[str, str]]
"""Objects of settings.json by name, such as ``env``."""
_SURROGATE = re.compile("[\ud800-\udfff]")


class ClientSettingsError(CommandError):
    """The user's settings file cannot be updated; it was not changed."""


@dataclass(frozen=True, slots=True)
class Merge:
    """The new content, and how it came about."""

    content: dict[str, Any]
    written: dict[str, dict[str, str]] = field(default_factory=dict)
    """The values in it that are this command's, without the connection."""
    kept: tuple[str, ...] = ()
    """``NAME=VALUE`` of the user's own values in place of ours."""
    removed: tuple[str, ...] = ()
    """Names of this command's earlier values that no longer apply."""


def settings_path(home: Path) -> Path:
    """The settings file of the user with that home."""
    return home / ".claude" / "settings.json"


def write_settings(path: Path, wanted: Members) -> str:
    """Merge ``wanted`` into the file, following symbolic links; returns lines about the result.

    Raises ``ClientSettingsError``; the file is then unchanged.
    """
    try:
        path = real_file(path)
        record = path.with_name("claude-proxy-wrote.json")
        before = _read(path)
        merge = merged(before, wanted, path, _recorded(record))
        told = f"{path} is up to date"
        if merge.content != before:
            backup = replace_backed_up(path, as_text(merge.content))
            told = f"{path} written" + (f"; the old file is {backup}" if backup else "")
        if merge.written != _recorded(record):
            replace_text(record, as_text(merge.written))
    except OSError as error:
        raise ClientSettingsError(f"{error.filename or path}: {error.strerror}") from error
    return "\n".join((told, *_lines(merge), *_exposed(path, merge.content)))


def merged(
    before: Mapping[str, Any], wanted: Members, path: Path, written: Members | None = None
) -> Merge:
    """``before`` with the members of ``wanted``; ``written``: what this command wrote before.

    Raises ``ClientSettingsError`` that names ``path``.
    """
    content, ours, kept, removed = dict(before), {}, [], []
    for name, members in wanted.items():
        present = content.get(name, {})
        if not isinstance(present, dict):
            raise ClientSettingsError(f"{path}: {name!r} is not an object")
        earlier = (written or {}).get(name, {})
        stale = [k for k in earlier if k not in members and _is(present, k, earlier[k])]
        own = {k for k in members if _is_users_own(present, k, members[k], earlier)}
        after = {k: value for k, value in present.items() if k not in stale}
        content[name] = after | {k: value for k, value in members.items() if k not in own}
        ours[name] = {
            k: value
            for k, value in members.items()
            if k not in own | {*CONNECTION} and (k in earlier or k not in present)
        }
        kept += [f"{k}={present[k]}" for k in members if k in own]
        removed += stale
    return Merge(content, {name: m for name, m in ours.items() if m}, (*kept,), (*removed,))


def as_text(content: Mapping[str, Any]) -> str:
    """The JSON of a settings file."""
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    if text.isascii() or not _SURROGATE.search(text):
        return text
    # Half a character, which JSON can write and UTF-8 cannot.
    return json.dumps(content, indent=2) + "\n"


def _is(present: Mapping[str, Any], name: str, value: str) -> bool:
    return name in present and str(present[name]) == value


def _is_users_own(
    present: Mapping[str, Any], name: str, value: str, earlier: Mapping[str, str]
) -> bool:
    if name in CONNECTION or name not in present or _is(present, name, value):
        return False
    return name not in earlier or not _is(present, name, earlier[name])


def _lines(merge: Merge) -> list[str]:
    env = merge.content.get("env", {})
    model = str(env.get("ANTHROPIC_MODEL") or merge.content.get("model") or "")
    hints = (
        (
            env.get("ANTHROPIC_API_KEY"),
            "ANTHROPIC_API_KEY in the file is sent too: remove it unless the upstream needs it",
        ),
        (
            CONTEXT_TOKENS in env and model.startswith("claude-"),
            f"the file chooses the model {model}, with which Claude Code ignores the small window: "
            "remove that choice or write opus",
        ),
    )
    return [
        *(text for applies, text in hints if applies),
        *(f"kept as you have it: {text}" for text in merge.kept),
        *(f"removed, since it no longer applies: {name}" for name in merge.removed),
    ]


def _exposed(path: Path, content: Mapping[str, Any]) -> list[str]:
    """A line if other users may read a key in the file, whose mode is the user's choice."""
    key = content.get("env", {}).get(TOKEN, ANY_KEY)
    if key == ANY_KEY or not path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        return []
    return [
        f"other users of this machine may read the key in it: chmod 600 {shlex.quote(str(path))}"
    ]


def _recorded(path: Path) -> dict[str, dict[str, str]]:
    """The record; empty if there is none that can be read."""
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {name: members for name, members in content.items() if isinstance(members, dict)}


def _read(path: Path) -> dict[str, Any]:
    try:
        # Editors on Windows may write a byte order mark.
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError as error:
        raise ClientSettingsError(f"{path} is not UTF-8 text") from error
    if not text.strip():
        return {}
    try:
        content = json.loads(text, parse_constant=_number, parse_float=_number)
    except (ValueError, RecursionError) as error:
        raise ClientSettingsError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise ClientSettingsError(f"{path} does not hold an object")
    return content


def _number(text: str) -> float:
    """A number of JSON; raises ``ValueError`` for one that cannot be written again."""
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"{text} is not a number that can be kept")
    return number
