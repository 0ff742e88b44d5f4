"""Checks Chat Completions and Responses bodies against the ``openai`` SDK's own parameter types.

pydantic reads those types too, but it skips members it does not know and reads an Iterable only
when somebody iterates; here both count.
"""

from __future__ import annotations

import collections.abc
import types
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Literal, NotRequired, Required, Union, get_args, get_origin

from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)
from openai.types.responses.response_create_params import (
    ResponseCreateParamsNonStreaming,
    ResponseCreateParamsStreaming,
)
from typing_extensions import get_type_hints, is_typeddict

LISTS = (list, collections.abc.Iterable, collections.abc.Sequence)


def problems(body: Mapping[str, Any]) -> list[str]:
    """What in ``body`` the SDK's types do not allow; empty for a valid request."""
    kind = (
        CompletionCreateParamsStreaming
        if body.get("stream")
        else CompletionCreateParamsNonStreaming
    )
    return _problems(body, kind, "body")


def responses_problems(body: Mapping[str, Any]) -> list[str]:
    """The same for a Responses body."""
    streamed = body.get("stream")
    kind = ResponseCreateParamsStreaming if streamed else ResponseCreateParamsNonStreaming
    return _problems(body, kind, "body")


def _problems(value: Any, kind: Any, path: str) -> list[str]:
    if get_origin(kind) in (Required, NotRequired):
        (kind,) = get_args(kind)
    if is_typeddict(kind):
        return _typed_dict_problems(value, kind, path)
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        found = [_problems(value, member, path) for member in get_args(kind)]
        # Of a union that fits nowhere, the member that fits best is the one that was meant.
        return min(found, key=len)
    if origin is Literal:
        return [] if value in get_args(kind) else [f"{path}: {value!r} is none of {get_args(kind)}"]
    if origin in LISTS or getattr(origin, "__name__", "") == "SequenceNotStr":
        return _list_problems(value, get_args(kind)[0], path)
    if origin is dict:
        return [] if isinstance(value, dict) else [f"{path}: not a dict"]
    return [] if _is_a(value, kind) else [f"{path}: {value!r} is not {kind}"]


def _typed_dict_problems(value: Any, kind: Any, path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path}: not a dict", f"{path}: not {kind.__name__}"]
    hints = _hints(kind)
    found = [f"{path}.{name}: unknown" for name in value if name not in hints]
    # __required_keys__ is empty: the SDK's annotations are strings.
    found += [
        f"{path}.{name}: missing"
        for name, hint in hints.items()
        if get_origin(hint) is Required and name not in value
    ]
    for name in value.keys() & hints.keys():
        found += _problems(value[name], hints[name], f"{path}.{name}")
    return found


def _list_problems(value: Any, kind: Any, path: str) -> list[str]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        return [f"{path}: not a list"]
    items = enumerate(value)
    return [line for index, item in items for line in _problems(item, kind, f"{path}.{index}")]


def _is_a(value: Any, kind: Any) -> bool:
    if kind is object:
        return True
    if kind is float:
        return type(value) in (int, float)
    return isinstance(value, kind) and (kind is not int or not isinstance(value, bool))


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)
