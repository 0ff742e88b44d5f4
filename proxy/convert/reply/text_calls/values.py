"""Parameter values that a model wrote as plain text -> JSON values, by the tool's schema.

Rule: the value is a string if the schema allows one. Otherwise it is the decoded text, if this has an
allowed type; if not, it is a string too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isinf
from typing import Any

import orjson

from proxy.convert.reply.arguments import read_arguments

RAW = "_raw"
"""The member that contains arguments that cannot be parsed."""
_WORDS: Mapping[str, str] = {"True": "true", "False": "false", "None": "null"}
"""Python's literals, which models write instead of JSON's."""
_ALTERNATIVES = ("anyOf", "oneOf", "allOf")
MAX_SCHEMAS = 64
"""References and alternatives of one parameter that are followed."""


def typed_value(text: str, schema: object, root: Mapping[str, Any]) -> object:
    """The value that ``text`` stands for; ``root`` is the schema that ``#/...`` refers to."""
    types = _types(schema, root)
    if "string" in types and not ("null" in types and _is_null(text)):
        return text
    try:
        value = _decoded(_WORDS.get(text.strip(), text))
    except (ValueError, RecursionError):
        return text
    # A schema without a type allows all types; then only text that cannot be meant as a string is decoded.
    fits = _fits(value, types) if types else isinstance(value, dict | list)
    return value if fits else text


def object_in(text: str) -> dict[str, Any] | None:
    """The object in ``text``, repaired if the repair is unambiguous; None if it is not an object."""
    try:
        value = _decoded(text)
    except RecursionError:
        return None
    except ValueError:
        value = orjson.loads(read_arguments(text).text or "{}")
        return None if RAW in value else value
    return value if isinstance(value, dict) else None


def _decoded(text: str) -> Any:
    """The value of ``text``; raises ValueError for what is no JSON, and for numbers beyond a double."""
    return json.loads(text, parse_constant=_refuse, parse_float=_finite)


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _finite(digits: str) -> float:
    number = float(digits)
    if isinf(number):
        raise ValueError(digits)
    return number


def _is_null(text: str) -> bool:
    return text.strip() in ("null", "None")


def _types(schema: object, root: Mapping[str, Any]) -> set[str]:
    """The names of the types that ``schema`` allows; empty where it does not say."""
    types: set[str] = set()
    left, seen = [schema], {id(schema)}
    for each in left:
        if not isinstance(each, dict):
            continue
        own = _own_types(each)
        types |= own
        for inner in () if own else _inner(each, root):
            # A schema may refer to itself, and to one that refers to it, any number of times.
            if id(inner) not in seen and len(left) < MAX_SCHEMAS:
                seen.add(id(inner))
                left.append(inner)
    return types


def _own_types(schema: Mapping[str, Any]) -> set[str]:
    """The types that ``schema`` states, or those of its values."""
    stated = schema.get("type")
    types = {stated} if isinstance(stated, str) else set(filter(_is_str, _list(stated)))
    if types:
        return types
    values = _list(schema.get("enum")) or ([schema["const"]] if "const" in schema else [])
    return {_TYPE_NAMES[type(value)] for value in values if type(value) in _TYPE_NAMES}


def _inner(schema: Mapping[str, Any], root: Mapping[str, Any]) -> list[object]:
    """The schemas that ``schema`` refers to or offers."""
    alternatives = (each for name in _ALTERNATIVES for each in _list(schema.get(name)))
    return [_referred(schema.get("$ref"), root), *alternatives]


def _referred(reference: object, root: Mapping[str, Any]) -> object:
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return None
    found: object = root
    for name in reference[2:].split("/"):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _fits(value: object, types: set[str]) -> bool:
    name = _TYPE_NAMES.get(type(value))
    if name == "number" and isinstance(value, float) and value.is_integer() and "integer" in types:
        return True
    return name in types or (name == "integer" and "number" in types)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_str(value: object) -> bool:
    return isinstance(value, str)


_TYPE_NAMES: Mapping[type, str] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    list: "array",
    dict: "object",
    type(None): "null",
}
