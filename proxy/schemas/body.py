"""The bytes of a request -> its JSON object.

Rule: for any bytes, the result is a ``dict`` or an ``InvalidRequest``. Every accepted value can also be
written as JSON, so sending it upstream cannot fail: orjson reads 1024 levels but writes only 254, which
is checked here, and it reads numbers beyond 64 bits as floats. A text of many small values takes forty
times its size in memory, so they are counted before it is parsed.
"""

from __future__ import annotations

from gc import get_referents
from itertools import chain
from typing import Any

import orjson

from proxy.errors import InvalidRequest
from proxy.schemas.value_count import has_more_values

MAX_NESTING = 240
"""Maximum nesting of lists and objects; a conversion may add the rest of orjson's 254 levels."""

MAX_VALUES = 2_000_000
"""Most values of a text, in which the name of a member counts as a value. They take up to 300 MB."""
TOO_MANY = f"more than {MAX_VALUES} values, counting the names of members"
_SLICE = 50_000
"""Values that are traversed at once, in 2 ms; in between, a thread can yield to others."""


def parse_json_object(body: bytes) -> dict[str, Any]:
    """The JSON object in ``body``; raises what ``counted_json_object`` raises."""
    return counted_json_object(body)[0]


def counted_json_object(body: bytes) -> tuple[dict[str, Any], int]:
    """The JSON object in ``body``, and how many values it has. Names of members may count too.

    Raises ``InvalidRequest`` in the wording of docs/protocol.md section 9: for NaN and infinity,
    numbers too large for a float, broken UTF-8, lone surrogates, a byte order mark, an empty body,
    nesting deeper than ``MAX_NESTING``, more than ``MAX_VALUES`` and every other fault of the text.
    """
    if has_more_values(body, MAX_VALUES):
        raise InvalidRequest(f"The request body has {TOO_MANY}")
    try:
        value, count = _decoded(body)
    except ValueError as error:
        raise InvalidRequest(f"The request body is not valid JSON: {error}") from None
    if type(value) is not dict:
        raise InvalidRequest("Input should be an object")
    return value, count


def decode_json(text: bytes) -> Any:
    """The JSON value in ``text``; raises ``ValueError`` with the reason."""
    if has_more_values(text, MAX_VALUES):
        raise ValueError(TOO_MANY)
    return _decoded(text)[0]


def _decoded(text: bytes) -> tuple[Any, int]:
    value = orjson.loads(text)
    # ``gc.get_referents`` (C code) returns all objects of the next level: 17 us for 126 kB. Parsing the
    # body inside enough lists to make orjson refuse it took 90 us.
    level, count = [value], 0
    for _ in range(MAX_NESTING):
        count += len(level)
        level = _referents(level)
        if not level:
            return value, count
    if any(type(each) is dict or type(each) is list for each in level):
        raise ValueError(f"nested deeper than {MAX_NESTING} levels")
    return value, count + len(level)


def _referents(level: list[Any]) -> list[Any]:
    """The objects in the lists and objects of ``level``."""
    if len(level) <= _SLICE:
        return get_referents(*level)
    starts = range(0, len(level), _SLICE)
    return list(chain.from_iterable(get_referents(*level[at : at + _SLICE]) for at in starts))
