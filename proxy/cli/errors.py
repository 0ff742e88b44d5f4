"""Failures of commands, which ``main`` prints as one message.

Rule: the message says what failed and what to do; it holds no key.
"""

from __future__ import annotations


class CommandError(Exception):
    """A command failed."""

    exit_code = 1


class UsageError(CommandError):
    """The command line is wrong; the message names the argument."""

    exit_code = 2


class CannotStart(CommandError):
    """The system refuses what the service needs, such as its address or a directory."""
