"""A name server that answers only for some names, for one program: a real socket and the real resolver.

The program runs in a mount namespace whose ``/etc/resolv.conf`` names this server, which takes root.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.deploy.sealed import can_unshare

ADDRESS = "127.0.0.77"
_MOUNT = 'mount --make-rprivate / && mount --bind "$0" /etc/resolv.conf && exec "$@"'
_TYPE_A = 1


@dataclass
class PartialDns:
    """Answers 127.0.0.1 for every name but those that begin with ``silent``."""

    command: tuple[str, ...]
    """What runs a program so that it asks this server."""
    asked: set[str] = field(default_factory=set)
    """The names that were asked for."""

    def serve(self, sock: socket.socket) -> None:
        """Answer until ``sock`` is shut down."""
        while True:
            question, client = sock.recvfrom(4096)
            if not question:
                return
            name, end = _name(question)
            self.asked.add(name)
            if not name.startswith("silent"):
                sock.sendto(_answer(question, end), client)


def can_serve() -> bool:
    """Whether this machine lets the test bind port 53 and make a mount namespace."""
    return sys.platform == "linux" and os.geteuid() == 0 and can_unshare()


@contextmanager
def partial_dns(directory: Path) -> Iterator[PartialDns]:
    """The server for the length of the block; ``directory`` gets the resolver's configuration."""
    configuration = directory / "resolv.conf"
    configuration.write_text(f"nameserver {ADDRESS}\n", "ascii")
    served = PartialDns(("unshare", "--mount", "sh", "-c", _MOUNT, str(configuration)))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((ADDRESS, 53))
        thread = threading.Thread(target=served.serve, args=(sock,), daemon=True)
        thread.start()
        try:
            yield served
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stop:
                stop.sendto(b"", (ADDRESS, 53))
            thread.join(10)


def _name(question: bytes) -> tuple[str, int]:
    """The name in ``question`` and the place behind it."""
    labels, at = [], 12
    while length := question[at]:
        labels.append(question[at + 1 : at + 1 + length].decode("ascii"))
        at += 1 + length
    return ".".join(labels).lower(), at + 1


def _answer(question: bytes, end: int) -> bytes:
    (kind,) = struct.unpack_from(">H", question, end)
    found = kind == _TYPE_A
    head = question[:2] + struct.pack(">HHHHH", 0x8180, 1, int(found), 0, 0)
    record = struct.pack(">HHHIH", 0xC00C, kind, 1, 60, 4) + socket.inet_aton("127.0.0.1")
    return head + question[12 : end + 4] + (record if found else b"")
