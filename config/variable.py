"""What is said of an environment variable, and how the names are made.

Rule: the tables of variables are made of nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from marshmallow.fields import Field

PREFIX = "CLAUDE_PROXY_"

MOST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Variable:
    """One value that an operator can choose."""

    field: str
    """The attribute of ``Settings``."""
    names: tuple[str, ...]
    """Environment variables, the winning one first."""
    form: Field[Any]
    help: str
    default: str = "-"
    """As the README shows it."""
    secret: bool = False
    """Never shown, neither in an error nor by ``--print-config``."""
    bare_may_be_foreign: bool = False
    """Shells and tools export a variable of this name for purposes of their own."""


def own(name: str) -> tuple[str, ...]:
    """The prefixed name alone."""
    return (PREFIX + name,)


def also_bare(name: str) -> tuple[str, ...]:
    """The prefixed name, which wins, and the bare one."""
    return (PREFIX + name, name)
