"""Tool call ids in the form that an upstream accepts.

Rule: a call and its result get the same id in every request, and the calls of one message get different
ids. An upstream gets its own ids back. Ids that the profile flags ``tool_id`` and ``tool_id_chars`` do not
allow are replaced (docs/protocol.md 10.2, 10.11).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from hashlib import sha1
from itertools import count
from typing import Literal

from proxy.convert.reply.carried_ids import CARRIER, carried_id
from proxy.ids import BASE62

Form = Literal["keep", "safe", "nine"]

NINE = 9
"""Length of every id at Mistral, and the shortest length to which ids are reduced."""
_CARRIER_CHARACTERS = len(CARRIER)
_PREFIX = "toolu_"
_DIGITS = 24
_CHARACTERS: dict[Form, str] = {"keep": r"[\s\S]", "safe": "[A-Za-z0-9_-]"}


class ToolIds:
    """The tool call ids of one request's history."""

    __slots__ = (
        "_allowed",
        "_in_message",
        "_length",
        "_nine",
        "_other",
        "_plain",
        "_restored",
        "_sent",
    )

    def __init__(self, form: Form = "keep", longest: int | None = None) -> None:
        self._nine = form == "nine"
        self._allowed = _allowed(form, longest)
        """Matches ids that are allowed; None: all are."""
        self._length = len(_PREFIX) + _DIGITS if longest is None else max(longest, NINE)
        self._plain = self._allowed is None
        """True as long as every id is sent unchanged."""
        self._sent: dict[str, str] = {}
        self._other: set[str] = set()
        """The sent ids that were chosen in ``_chosen``; only these may differ from the client's."""
        self._restored: dict[str, str] = {}
        """The upstream's ids from ``redacted_thinking`` blocks, by the client's ids."""
        self._in_message: set[str] = set()
        """The ids that were sent in the present message; with ``nine``, all sent ids.

        Empty as long as ``_plain``."""

    def restore(self, tool_id: str, upstream_id: str) -> None:
        """Note that ``upstream_id`` is the upstream's own id of the call with ``tool_id``."""
        self._restored[tool_id] = upstream_id
        self._plain = False

    def sent(self, tool_id: str) -> str:
        """The id that is sent upstream for the client's ``tool_id`` of a call.

        To be called for the calls of a message, before ``result`` for their results. An id that the
        history repeats is sent as before, unless the message has another call with that.
        """
        known = self._sent.get(tool_id)
        if known is not None:
            if self._plain or self._nine:
                return known
            if known not in self._in_message:
                self._in_message.add(known)
                return known
        elif self._plain and tool_id[:_CARRIER_CHARACTERS] != CARRIER:
            self._sent[tool_id] = tool_id
            return tool_id
        self._plain = False
        sent = self._sent[tool_id] = self._chosen(tool_id)
        return sent

    def result(self, tool_id: str) -> str:
        """The id that was sent for the last call with ``tool_id``; its message has no more calls."""
        if not self._plain and not self._nine:
            self._in_message.clear()
        return self._sent.get(tool_id) or self.sent(tool_id)

    def _chosen(self, tool_id: str) -> str:
        if (
            tool_id.startswith(CARRIER)
            or tool_id in self._in_message
            or tool_id in self._restored
            or (self._allowed is not None and not self._allowed.fullmatch(tool_id))
        ):
            sent = next(filter(self._is_free, self._candidates(tool_id)))
            self._other.add(sent)
        else:
            sent = tool_id
        self._in_message.add(sent)
        return sent

    def known(self) -> frozenset[str]:
        """Every id in the history: the client's ids and those that are sent."""
        return frozenset(self._sent) | self._other

    def _is_free(self, sent: str) -> bool:
        fits = self._allowed is None or self._allowed.fullmatch(sent) is not None
        return fits and sent not in self._in_message and sent not in self._sent

    def _candidates(self, tool_id: str) -> Iterator[str]:
        """In order of preference: the upstream's own id, the client's, ids derived from the client's."""
        own = self._restored.get(tool_id) or carried_id(tool_id)
        if own is not None:
            yield own
        yield tool_id
        for attempt in count():
            text = f"{tool_id}\0{attempt}" if attempt else tool_id
            if self._nine:
                yield _digits(text, NINE)
            else:
                yield (_PREFIX + _digits(text, _DIGITS))[-self._length :]


@lru_cache(maxsize=64)
def _allowed(form: Form, longest: int | None) -> re.Pattern[str] | None:
    if form == "nine":
        return re.compile(f"[A-Za-z0-9]{{{NINE}}}")
    if form == "keep" and longest is None:
        return None
    most = "" if longest is None else max(longest, NINE)
    return re.compile(f"{_CHARACTERS[form]}{{1,{most}}}")


def _digits(text: str, length: int) -> str:
    """``length`` letters and digits that depend only on ``text``."""
    digest = sha1(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()
    number = int.from_bytes(digest)
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(BASE62))
        digits.append(BASE62[digit])
    return "".join(digits)
