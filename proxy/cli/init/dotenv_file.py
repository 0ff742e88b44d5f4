"""Changes of a ``.env`` file's text.

Rule: pure. Other lines are kept. A value is written so that python-dotenv, ``docker --env-file`` and a
shell read the same; docker knows no quotes, so a value that a shell would need them for is refused.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping

from dotenv.parser import Binding, parse_stream

from proxy.cli.errors import CommandError

HEADER = (
    "# Written by `claude-proxy init`; `claude-proxy --print-config` shows every setting.\n"
    "# Environment variables take precedence over this file.\n"
)
_PLAIN = re.compile(r"(?![=~#])(?!.*:~)[A-Za-z0-9_@%+=:,./~#?*!^{}\[\]-]+")

_TRAILING_COMMENT = re.compile(r"\s(#[^'\"\r\n]*?)\s*$")


class UnwritableValue(CommandError):
    """A value cannot be written so that all readers of the file agree."""


def checked_value(name: str, value: str) -> str:
    """``value``; raises ``UnwritableValue``, whose text does not contain it."""
    if not _PLAIN.fullmatch(value):
        raise UnwritableValue(
            f"{name}: the value contains a character (a space, a quote, $, &, a backslash ...) that a "
            "shell, docker and python-dotenv read differently in a .env file: "
            "write a registry file with --registry FILE"
        )
    return value


def changed(text: str, changes: Mapping[str, str | None]) -> str:
    """``text`` with the variables of ``changes`` set, or removed where the value is None.

    A variable that stands in the file keeps its place: its last assignment counts, earlier ones are
    removed. New ones are appended in the order of ``changes``. Raises ``UnwritableValue``.
    """
    for name, value in changes.items():
        if value is not None:
            checked_value(name, value)
    bindings = list(parse_stream(io.StringIO(text)))
    last = {binding.key: place for place, binding in enumerate(bindings) if binding.key in changes}
    lines = [
        _line(binding, changes)
        if last.get(binding.key) == place
        else ""
        if binding.key in changes
        else binding.original.string
        for place, binding in enumerate(bindings)
    ]
    before = "".join(lines) if bindings else HEADER
    new = [f"{name}={value}\n" for name, value in changes.items() if value and name not in last]
    if new and before and not before.endswith("\n"):
        before += "\n"
    return before + "".join(new)


def _line(binding: Binding, changes: Mapping[str, str | None]) -> str:
    """The line of a changed variable; blank lines and a comment that came with it are kept."""
    value = changes[binding.key or ""]
    original = binding.original.string
    before = original[: len(original) - len(original.lstrip())]
    begin = max(before.rfind("\n"), before.rfind("\r")) + 1
    comment = _TRAILING_COMMENT.search(original)
    kept = original[:begin] + (f"{comment[1]}\n" if comment else "")
    if value is None:
        return kept
    export = "export " if original.lstrip().startswith("export ") else ""
    return f"{kept}{export}{binding.key}={value}\n"
