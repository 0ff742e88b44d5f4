"""Override flags of a profile by name.

Rule: flags are set only by ``overridden`` (from vendor data, a registry file and healing), so no
profile has an unknown flag or a value of the wrong type.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from proxy.providers.profiles.base import Profile

LOGGED_ONLY = frozenset({"name"})
"""Fields of a profile that are not flags."""


def overridden(profile: Profile, flags: Mapping[str, object]) -> Profile:
    """``profile`` with the values of ``flags`` (named as in docs/protocol.md, without ``P.``).

    A list becomes a tuple, as YAML and JSON have no tuples. Raises ValueError for an unknown flag or
    a value of the wrong type; its message begins with the flag's name.
    """
    if not flags:
        return profile
    values: dict[str, Any] = {name: _checked(name, value) for name, value in flags.items()}
    return replace(profile, **values)


def _checked(name: str, value: object) -> object:
    kind = FLAG_TYPES.get(name)
    if kind is None:
        raise ValueError(f"{name}: unknown profile flag")
    if isinstance(value, list):
        value = tuple(value)
    if not any(_fits(value, alternative) for alternative in _alternatives(kind)):
        raise ValueError(f"{name}: must be {_wording(kind)}")
    return value


def _alternatives(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)


def _fits(value: object, kind: Any) -> bool:
    if get_origin(kind) is Literal:
        return isinstance(value, str) and value in get_args(kind)
    if get_origin(kind) is tuple:
        entries = get_args(kind)[0]
        return isinstance(value, tuple) and all(_fits(entry, entries) for entry in value)
    if kind is int:
        return type(value) is int and value > 0
    if kind is float:
        # A bool is an int to isinstance, and NaN fails the comparison.
        return type(value) in (int, float) and value > 0  # type: ignore[operator]
    return type(value) is kind


def _wording(kind: Any) -> str:
    return " or ".join(_kind_wording(alternative) for alternative in _alternatives(kind))


def _kind_wording(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(repr(choice) for choice in get_args(kind))
    if get_origin(kind) is tuple:
        entries = get_args(kind)[0]
        return "a list of strings" if entries is str else f"a list of {_kind_wording(entries)}"
    return KIND_WORDINGS[kind]


KIND_WORDINGS: Mapping[Any, str] = {
    bool: "true or false",
    float: "a number above 0",
    int: "an integer above 0",
    types.NoneType: "null",
}
FLAG_TYPES: Mapping[str, Any] = {
    name: kind for name, kind in get_type_hints(Profile).items() if name not in LOGGED_ONLY
}
"""Every flag of ``Profile`` with its declared type."""
