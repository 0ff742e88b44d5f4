"""A refusal without what it repeats of the request.

Rule: words of the client's teach nothing, wherever in the text they stand. A run of four words that
the request holds in the same order is taken for a quotation, so is a whole value of two or three,
and a name of the client's own in quotation marks; other single words are not: a refusal must name
what it refuses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from operator import itemgetter
from typing import Any
from urllib.parse import unquote

RUN = 4
"""Shorter runs, such as "does not support", are in every long prompt."""
SHORTEST_VALUE = 2
"""Words of a text of the request that is looked for as a whole."""
LONGEST_REQUEST = 1_000_000
"""Characters of a request, files apart, that are compared; the refusal of a longer one has no words."""

_WORD = re.compile(r"\w+")
_QUOTED = re.compile(r"""(?<=['"`])[^'"`]+(?=['"`])""")
_CUT = "\n\n"
"""Stands in the place of a quotation: no complaint is read across it."""


def own_words(text: str, chat_body: Mapping[str, Any]) -> str:
    """``text``, in which an upstream refused ``chat_body``, in lower case without quotations of it."""
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
    """Where in ``words`` a run of theirs begins that one of ``values`` holds, and its length."""
    places = [
        (number, size)
        for number in range(len(words))
        for size in range(SHORTEST_VALUE, RUN + 1)
        if number + size <= len(words)
    ]
    runs = {place: tuple(words[place[0] : sum(place)]) for place in places}
    asked, held = set(runs.values()), set()
    for value in values:
        for each in _as_written_and_decoded(value):
            held |= asked.intersection(_runs(each.lower()))
    return [place for place in places if runs[place] in held]


def _runs(value: str) -> Iterator[tuple[str, ...]]:
    """Each RUN words of ``value`` that follow one another; all of them where they are fewer."""
    # Once through, whatever it holds: a search for each run takes the product of both lengths.
    words = map(itemgetter(0), _WORD.finditer(value))
    run = tuple(islice(words, RUN))
    yield run
    for word in words:
        run = (*run[1:], word)
        yield run


def _as_written_and_decoded(value: str) -> tuple[str, ...]:
    return (value, unquote(value)) if "%" in value else (value,)


def _texts(value: Any) -> Iterator[str]:
    """Every text of a JSON value but files, names of members too."""
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
    """What a client calls its things."""
    yield from _listed(body.get("model"))
    yield from _listed(body.get("stop"))
    for tool in _objects(body.get("tools")):
        yield from _called(tool)
    for message in _objects(body.get("messages")):
        yield from _listed(message.get("tool_call_id"))
        for call in _objects(message.get("tool_calls")):
            yield from _listed(call.get("id"))
            yield from _called(call)


def _called(tool: Mapping[str, Any]) -> Iterator[str]:
    for function in _objects([tool.get("function")]):
        yield from _listed(function.get("name"))


def _listed(value: Any) -> list[str]:
    # An operator's extra_body may hold anything.
    values = value if isinstance(value, list | tuple) else [value]
    return [each for each in values if isinstance(each, str)]


def _objects(value: Any) -> list[Mapping[str, Any]]:
    values = value if isinstance(value, list | tuple) else []
    return [each for each in values if isinstance(each, Mapping)]
