"""Failures of commands, which ``main`` prints as one message, and their exit codes.

Rule: the message says what failed and what to do; it holds no key. The exit code says whether another
start can help: the systemd unit restarts the service after ``REFUSED`` only.
"""

from __future__ import annotations

FAILED = 1
"""A command failed, or the configuration is bad."""
BAD_USAGE = 2
"""The command line is wrong; argparse's own code."""
REFUSED = 3
"""The system refuses what the service needs; gunicorn's code for workers that cannot start."""


class CommandError(Exception):
    """A command failed."""

    exit_code = FAILED


class UsageError(CommandError):
    """The command line is wrong; the message names the argument."""

    exit_code = BAD_USAGE


class CannotStart(CommandError):
    """The system refuses what the service needs, such as its address or a directory."""

    exit_code = REFUSED
