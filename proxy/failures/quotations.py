"""Removes quotations of the request from the text of a refusal.

Rule: flags must not be learned from text of the client. A quotation is a sequence of four words that the
request contains in the same order, a whole value of two or three words, or a client's name in quotation
marks. Other single words are kept, because a refusal must name what it refuses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from operator import itemgetter
from typing import Any
from urllib.parse import unquote

RUN = 4
"""Words of the shortest quotation. Shorter sequences, such as "does not support", occur in every long
prompt."""
SHORTEST_VALUE = 2
"""Words of the shortest value of the request that is searched for as a whole."""
LONGEST_REQUEST = 1_000_000
"""Maximum size of a request, in characters without files, that is compared; for a longer one the whole
text of the refusal is ignored."""

_WORD = re.compile(r"\w+")
_QUOTED = re.compile(r"""(?<=['"`])[^'"`]+(?=['"`])""")
_CUT = "\n\n"
"""Replaces a quotation, so that no complaint matches across it."""


def own_words(text: str, body: Mapping[str, Any]) -> str:
    """``text`` of a refusal of ``body``, in lower case and without quotations of this body.

    ``body``: a request of Chat Completions or Responses.
    """
    values = list(_texts(body))
    if sum(map(len, values)) > LONGEST_REQUEST:
        return ""
    text = text.lower()
    names = {value.lower() for value in _names(body)}
    text = _QUOTED.sub(lambda found: _CUT if found[0] in names else found[0], text)
    found = list(_WORD.finditer(text))
    quoted = _quoted([word[0] for word in found], values)
    kept, at, quoted_until = [], 0, 0
    for number, size in quoted:
        if number >= quoted_until:
            kept.append(text[at : found[number].start()])
        quoted_until = max(quoted_until, number + size)
        at = found[quoted_until - 1].end()
    return _CUT.join([*kept, text[at:]])


def _quoted(words: list[str], values: list[str]) -> list[tuple[int, int]]:
    """Start and length of each sequence in ``words`` that one of ``values`` contains."""
    places = [
        (number, size)
        for number in range(len(words))
        for size in range(SHORTEST_VALUE, RUN + 1)
        if number + size <= len(words)
    ]
    runs = {place: tuple(words[place[0] : sum(place)]) for place in places}
    wanted, held = set(runs.values()), set()
    for value in values:
        for each in _as_written_and_decoded(value):
            held |= wanted.intersection(_runs(each.lower()))
    return [place for place in places if runs[place] in held]


def _runs(value: str) -> Iterator[tuple[str, ...]]:
    """Each sequence of RUN words of ``value``; all words if there are fewer."""
    # One pass, since a search for each sequence would take the product of both lengths.
    words = map(itemgetter(0), _WORD.finditer(value))
    run = tuple(islice(words, RUN))
    yield run
    for word in words:
        run = (*run[1:], word)
        yield run


def _as_written_and_decoded(value: str) -> tuple[str, ...]:
    return (value, unquote(value)) if "%" in value else (value,)


def _texts(value: Any) -> Iterator[str]:
    """Every string of a JSON value except files, including the names of members."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            if not each.startswith("data:"):
                yield each
        elif isinstance(each, Mapping):
            waiting += each.values()
            waiting += each
        elif isinstance(each, list | tuple):
            waiting += each


def _names(body: Mapping[str, Any]) -> Iterator[str]:
    """The names and ids that the client chose."""
    yield from _listed(body.get("model"))
    yield from _listed(body.get("stop"))
    for tool in _objects(body.get("tools")):
        yield from _function_name(tool)
        if tool.get("type") == "function":
            yield from _listed(tool.get("name"))
    for item in _objects(body.get("input")):
        yield from _listed(item.get("call_id"))
        yield from _listed(item.get("name"))
    for message in _objects(body.get("messages")):
        yield from _listed(message.get("tool_call_id"))
        for call in _objects(message.get("tool_calls")):
            yield from _listed(call.get("id"))
            yield from _function_name(call)


def _function_name(tool: Mapping[str, Any]) -> Iterator[str]:
    for function in _objects([tool.get("function")]):
        yield from _listed(function.get("name"))


def _listed(value: Any) -> list[str]:
    # The ``extra_body`` of an operator may contain any value.
    values = value if isinstance(value, list | tuple) else [value]
    return [each for each in values if isinstance(each, str)]


def _objects(value: Any) -> list[Mapping[str, Any]]:
    values = value if isinstance(value, list | tuple) else []
    return [each for each in values if isinstance(each, Mapping)]
