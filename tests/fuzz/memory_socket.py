"""A socket in memory whose peer sends given pieces and closes."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any


class MemorySocket:
    """What ``SocketReader`` needs of a socket. ``sent`` bytes have been handed over so far."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = [piece for piece in pieces if piece]
        self.sent = 0
        self.shut = False

    @property
    def unsent(self) -> bytes:
        """What has not been handed over yet."""
        return b"".join(self._pieces)

    def recv(self, size: int) -> bytes:
        if not self._pieces:
            return b""
        piece = self._pieces.pop(0)
        if len(piece) > size:
            self._pieces.insert(0, piece[size:])
        self.sent += len(piece[:size])
        return piece[:size]

    def makefile(self, *_: Any, **__: Any) -> io.BytesIO:
        return io.BytesIO()

    def shutdown(self, _: int) -> None:
        self.shut = True
