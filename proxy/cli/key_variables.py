"""Keys that a command line names by their variable.

Rule: a key comes from the environment or ``.env``; its value is in no message.
"""

from __future__ import annotations

from proxy.cli.environment import operator_variables
from proxy.cli.errors import UsageError


def named_key(variable: str) -> str:
    """The key that ``--key-env`` names; raises ``UsageError`` if it is unset or no header value."""
    key = variable_value(variable)
    if key is None:
        raise UsageError(f"--key-env {variable}: this variable is not set")
    if not is_header_word(key):
        raise UsageError(
            f"--key-env {variable}: its value is no key, which is ASCII without spaces"
        )
    return key


def variable_value(variable: str) -> str | None:
    """The value in the environment, else in ``.env``; None if it is empty or unset."""
    environ, dotenv = operator_variables()
    return (environ.get(variable) or dotenv.get(variable) or "").strip() or None


def is_header_word(text: str) -> bool:
    """Whether ``text`` is printable ASCII without spaces, as keys and URLs are."""
    return text.isascii() and text.isprintable() and " " not in text
