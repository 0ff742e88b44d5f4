"""Remove from a refusal's text what it quotes of the request.

Rule: nothing is learned from the client's words. A quotation is a run of four words that the request
holds in the same order, a whole value of two or three words, or a client's name in quotation marks.
Other single words stay: a refusal must name what it refuses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from operator import itemgetter
from typing import Any
from urllib.parse import unquote

RUN = 4
"""Words. Shorter runs, such as "does not support", occur in every long prompt."""
SHORTEST_VALUE = 2
"""Words of the shortest value of the request that is searched for as a whole."""
LONGEST_REQUEST = 1_000_000
"""Characters of a request, without files, that are compared; with a longer one no text is trusted."""

_WORD = re.compile(r"\w+")
_QUOTED = re.compile(r"""(?<=['"`])[^'"`]+(?=['"`])""")
_CUT = "\n\n"
"""Replaces a quotation: no complaint is matched across it."""


def own_words(text: str, chat_body: Mapping[str, Any]) -> str:
    """``text`` of a refusal of ``chat_body``, in lower case and without quotations of that body."""
    values = list(_texts(chat_body))
    if sum(map(len, values)) > LONGEST_REQUEST:
        return ""
    text = text.lower()
    names = {value.lower() for value in _names(chat_body)}
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
    """Start and length of each run in ``words`` that one of ``values`` holds."""
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
    """Each RUN consecutive words of ``value``; all of them where they are fewer."""
    # One pass: a search for each run would take the product of both lengths.
    words = map(itemgetter(0), _WORD.finditer(value))
    run = tuple(islice(words, RUN))
    yield run
    for word in words:
        run = (*run[1:], word)
        yield run


def _as_written_and_decoded(value: str) -> tuple[str, ...]:
    return (value, unquote(value)) if "%" in value else (value,)


def _texts(value: Any) -> Iterator[str]:
    """Every string of a JSON value except files, names of members included."""
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
    for message in _objects(body.get("messages")):
        yield from _listed(message.get("tool_call_id"))
        for call in _objects(message.get("tool_calls")):
            yield from _listed(call.get("id"))
            yield from _function_name(call)


def _function_name(tool: Mapping[str, Any]) -> Iterator[str]:
    for function in _objects([tool.get("function")]):
        yield from _listed(function.get("name"))


def _listed(value: Any) -> list[str]:
    # An operator's extra_body may hold anything.
    values = value if isinstance(value, list | tuple) else [value]
    return [each for each in values if isinstance(each, str)]


def _objects(value: Any) -> list[Mapping[str, Any]]:
    values = value if isinstance(value, list | tuple) else []
    return [each for each in values if isinstance(each, Mapping)]
