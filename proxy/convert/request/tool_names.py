"""Tool names in the form that an upstream accepts.

Rule: a name is sent unchanged unless upstreams refuse its form; then an alias replaces it everywhere
in that request. Each name has its own alias (docs/protocol.md 1.3).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha1

FITTING = re.compile(r"[A-Za-z0-9_-]{1,64}")
_UNFIT = re.compile(r"[^A-Za-z0-9_-]")


class ToolNames:
    """The names of one request: declared tools first, then those that only its history uses."""

    __slots__ = ("_sent", "_taken")

    def __init__(self, declared: Iterable[str] = ()) -> None:
        names = list(declared)
        self._sent = {name: name for name in names if FITTING.fullmatch(name)}
        self._taken = set(self._sent)
        for name in names:
            self.sent(name)

    def sent(self, name: str) -> str:
        """``name`` or its alias: 55 characters, ``_`` and 8 hex digits of its sha1."""
        known = self._sent.get(name)
        if known is not None:
            return known
        sent = name
        attempt = 0
        while sent in self._taken or not FITTING.fullmatch(sent):
            # A second attempt is needed only if a client uses a name that is another name's alias.
            sent = _alias(name, "" if attempt == 0 else f"\0{attempt}")
            attempt += 1
        self._sent[name] = sent
        self._taken.add(sent)
        return sent

    def client_names(self) -> dict[str, str]:
        """The names that were sent as an alias -> the client's names."""
        return {sent: name for name, sent in self._sent.items() if sent != name}


def _alias(name: str, salt: str) -> str:
    digest = sha1((name + salt).encode("utf-8", "surrogatepass"), usedforsecurity=False)
    return f"{_UNFIT.sub('_', name[:55])}_{digest.hexdigest()[:8]}"
