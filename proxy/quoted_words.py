"""A refusal without what it repeats of the request.

Rule: words of the client's teach nothing, wherever in the text they stand. A run of four words that
the request holds in the same order is taken for a quotation, and so is a name of the client's own
in quotation marks; single words are not: a refusal must name what it refuses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

RUN = 4
"""Shorter runs, such as "does not support", are in every long prompt."""
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
    # Divided by a line end, the words of two values are not a run.
    said = f" {_plain(values)} ".lower()
    kept, at, quoted_until = [], 0, 0
    for number in range(len(found)):
        run = found[number : number + RUN]
        if len(run) == RUN and f" {' '.join(word[0] for word in run)} " in said:
            if number >= quoted_until:
                kept.append(text[at : run[0].start()])
            quoted_until = number + RUN
            at = run[-1].end()
    return _CUT.join([*kept, text[at:]])


def _plain(values: list[str]) -> str:
    both = [value for each in values for value in _as_written_and_decoded(each)]
    return " \n ".join(" ".join(_WORD.findall(value)) for value in both)


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
    yield body.get("model") or ""
    yield from body.get("stop") or ()
    for tool in body.get("tools") or ():
        yield tool.get("function", {}).get("name") or ""
    for message in body.get("messages") or ():
        yield message.get("tool_call_id") or ""
