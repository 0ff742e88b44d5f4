"""Tool names in the form that an upstream accepts.

Rule: a name is sent unchanged unless upstreams refuse its form; then an alias replaces it everywhere
in that request. Each name has its own alias. The member of a toolset is sent as ``family_member``
(docs/protocol.md 1.3).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from hashlib import sha1

LONGEST = 64
"""Characters of a name that all upstreams accept."""
FITTING = re.compile(r"[A-Za-z0-9_-]{1,64}")
_UNFIT = re.compile(r"[^A-Za-z0-9_-]")


class ToolNames:
    """The names of one request: declared tools first, then those that only its history uses."""

    __slots__ = ("_fits", "_longest", "_member_sent", "_sent", "_taken", "bare")

    def __init__(
        self,
        declared: Iterable[str] = (),
        members: Iterable[tuple[str, str]] = (),
        *,
        longest: int | None = None,
    ) -> None:
        """``members``: family and name of each member that a declared toolset offers. ``longest``:
        characters of a name, if the upstream accepts fewer than ``LONGEST``."""
        names = list(declared)
        self._longest = min(longest or LONGEST, LONGEST)
        form = FITTING if self._longest == LONGEST else _fitting(self._longest)
        self._fits = form.fullmatch
        self._sent = {name: name for name in names if self._fits(name)}
        self._taken = set(self._sent)
        for name in names:
            self.sent(name)
        self._member_sent: dict[tuple[str, str], str] = {}
        self.bare: frozenset[str] = frozenset()
        """Names of members that are unambiguous without the family."""
        offered = list(members)
        if offered:
            self._add_members(offered)

    def sent(self, name: str) -> str:
        """``name`` or its alias: its first characters, ``_`` and 8 hex digits of its sha1."""
        known = self._sent.get(name)
        if known is not None:
            return known
        sent = self._sent[name] = self._free(name)
        return sent

    def member(self, family: str, name: str) -> str:
        """The function's name for the member ``name`` of the toolset ``family``."""
        known = self._member_sent.get((family, name))
        if known is None:
            known = self._member_sent[family, name] = self._free(f"{family}_{name}")
        return known

    def client_names(self) -> dict[str, str]:
        """The names that were sent as an alias, or for a member -> the client's names."""
        aliases = {sent: name for name, sent in self._sent.items() if sent != name}
        if not self._member_sent:
            return aliases
        return aliases | {sent: name for (_, name), sent in self._member_sent.items()}

    def toolsets(self) -> dict[str, str]:
        """The names that a call of a member may have -> the member's family."""
        if not self._member_sent:
            return {}
        families = {sent: family for (family, _), sent in self._member_sent.items()}
        return families | {name: families[self._sent[name]] for name in self.bare}

    def shortened(self) -> int:
        """How many names of tools were replaced because they are longer than ``longest``."""
        if self._longest == LONGEST:
            return 0
        return sum(self._longest < len(name) for name in self._sent)

    def _add_members(self, members: list[tuple[str, str]]) -> None:
        for family, name in members:
            self.member(family, name)
        times = Counter(name for _, name in members)
        bare = {name: sent for (_, name), sent in self._member_sent.items() if times[name] == 1}
        self.bare = frozenset(bare) - self._sent.keys() - self._taken
        self._sent |= {name: bare[name] for name in self.bare}

    def _free(self, name: str) -> str:
        sent = name
        attempt = 0
        while sent in self._taken or not self._fits(sent):
            # A second attempt is needed only if a client uses a name that is another name's alias.
            sent = _alias(name, "" if attempt == 0 else f"\0{attempt}", self._longest)
            attempt += 1
        self._taken.add(sent)
        return sent


def _fitting(longest: int) -> re.Pattern[str]:
    return re.compile(rf"[A-Za-z0-9_-]{{1,{longest}}}")


def _alias(name: str, salt: str, longest: int) -> str:
    digest = sha1((name + salt).encode("utf-8", "surrogatepass"), usedforsecurity=False)
    return f"{_UNFIT.sub('_', name[: longest - 9])}_{digest.hexdigest()[:8]}"
