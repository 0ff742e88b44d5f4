"""One row of the table of variables.

Rule: a row is one field of a section class. ``Settings``, ``--print-config``, docs/configuration.md
and deploy/.env.example are derived from the rows.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, TypeVar

from marshmallow.fields import Field

PREFIX = "CLAUDE_PROXY_"
MAX_INT = 2**31 - 1
UNSET = "-"
"""Shown for a value that is not set."""
_ROW = "variable"

Default = TypeVar("Default")
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Variable:
    """One value that an operator can choose."""

    field: str
    """The attribute of ``Settings``."""
    names: tuple[str, ...]
    """Environment variables in order of precedence."""
    form: Field[Any]
    """Parses the text."""
    help: str
    """Meaning and unit, in one line of Markdown."""
    default: str
    """The default as documents show it."""
    example: str
    """A text that the parser accepts; empty: the default is used."""
    follows: str = ""
    """Another field, whose value is used if it is set and this one is not."""
    secret: bool = False
    """Whether the value must be hidden in errors and by ``--print-config``."""
    mistaken_for_secret: bool = False
    """Whether a secret may be assigned by mistake: an invalid value is not shown in errors."""
    bare_may_be_foreign: bool = False
    """Whether shells and other programs export a variable of the unprefixed name."""


def setting(
    default: Default,
    form: Field[Value],
    names: tuple[str, ...],
    help_text: str,
    *,
    shown: str = "",
    example: str = "",
    follows: str = "",
    secret: bool = False,
    mistaken_for_secret: bool = False,
    bare_may_be_foreign: bool = False,
) -> Default | Value:
    """A row: the field of a section's dataclass.

    ``shown`` replaces the default in documents, ``example`` is what deploy/.env.example assigns.
    """
    row = Variable(
        field="",
        names=names,
        form=form,
        help=help_text,
        default=shown or shown_value(default),
        example=example,
        follows=follows,
        secret=secret,
        mistaken_for_secret=mistaken_for_secret,
        bare_may_be_foreign=bare_may_be_foreign,
    )
    return dataclasses.field(default=default, repr=not secret, metadata={_ROW: row})


def rows_of(section: Any) -> tuple[Variable, ...]:
    """The variables of a section class, in the order of its fields."""
    fields = dataclasses.fields(section)
    return tuple(dataclasses.replace(field.metadata[_ROW], field=field.name) for field in fields)


def shown_value(value: object) -> str:
    """``value`` of a setting in the notation of its variable."""
    if value is None or value == ():
        return UNSET
    if isinstance(value, tuple):
        return ", ".join(value)
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def own(name: str) -> tuple[str, ...]:
    """The prefixed name alone."""
    return (PREFIX + name,)


def also_bare(name: str) -> tuple[str, ...]:
    """The prefixed name, which takes precedence, and the bare one."""
    return (PREFIX + name, name)
