"""What this process asks the name service and connects to, as the interpreter itself reports it.

Rule: an audit hook sees every socket below all libraries, whoever opened it. While somebody watches,
nothing but loopback is reached: any other connection is refused. Each is noted, unless a stranger
asked for it.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.fuzz.strangers import Strangers


@dataclass
class Contacts:
    """``connected`` are the addresses, number and port; ``named`` what was to be looked up."""

    strangers: Strangers
    connected: list[tuple[str, int]] = field(default_factory=list)
    named: list[str] = field(default_factory=list)


_watching: list[Contacts] = []
_installed: list[bool] = []


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watching or not event.startswith("socket."):
        return
    seen = _watching[-1]
    stranger = seen.strangers.here()
    if event == "socket.connect":
        address = arguments[1]
        # Otherwise it is the path of a Unix socket.
        if isinstance(address, tuple):
            if not stranger:
                seen.connected.append((address[0], address[1]))
            if not address[0].startswith("127."):
                raise ConnectionRefusedError("nothing beyond loopback is reached from a test")
    elif stranger:
        return
    elif event == "socket.getaddrinfo":
        host = arguments[0]
        seen.named.append(host.decode() if isinstance(host, bytes) else str(host))
    elif event in ("socket.sendto", "socket.gethostbyname", "socket.gethostbyaddr"):
        seen.named.append(f"{event} {arguments[-1]}")


@contextlib.contextmanager
def contacts(strangers: Strangers) -> Iterator[Contacts]:
    """Sweeper for the length of the block."""
    if not _installed:
        # It can never be taken away again.
        sys.addaudithook(_note)
        _installed.append(True)
    seen = Contacts(strangers)
    _watching.append(seen)
    try:
        yield seen
    finally:
        _watching.remove(seen)
