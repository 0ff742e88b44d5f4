"""The names that this process looks up and the addresses that it connects to.

Rule: an audit hook of the interpreter sees every socket of every library. Inside the block of
``contacted_addresses`` every connection beyond loopback is refused. Each contact is recorded, except
those of foreign greenlets.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.fuzz.foreign_greenlets import ForeignGreenlets


@dataclass
class ContactedAddresses:
    """``connected`` are the addresses, number and port; ``named`` what was to be looked up."""

    foreign_greenlets: ForeignGreenlets
    connected: list[tuple[str, int]] = field(default_factory=list)
    named: list[str] = field(default_factory=list)


_watching: list[ContactedAddresses] = []
_installed: list[bool] = []


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watching or not event.startswith("socket."):
        return
    seen = _watching[-1]
    stranger = seen.foreign_greenlets.here()
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
def contacted_addresses(foreign_greenlets: ForeignGreenlets) -> Iterator[ContactedAddresses]:
    """Record contacts until the block is left."""
    if not _installed:
        # It can never be taken away again.
        sys.addaudithook(_note)
        _installed.append(True)
    seen = ContactedAddresses(foreign_greenlets)
    _watching.append(seen)
    try:
        yield seen
    finally:
        _watching.remove(seen)
