"""A resolver of the system for tests, some of whose names get no answer, as in a real silent DNS."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from proxy.upstream import name_lookup


class Resolver:
    """Stands in for ``name_lookup.getaddrinfo``; called in native threads, which it may block.

    Names that begin with ``silent`` are answered with ``EAI_AGAIN`` after ``release``; ``answers``
    holds the addresses of the others by name, or the number of an error. ``asked`` are the names.
    """

    def __init__(self) -> None:
        self.answers: dict[str, list[str] | int] = {}
        self.asked: list[str] = []
        self._reader, self._writer = os.pipe()
        self._released = False

    def __call__(self, host: str, port: int, *_: object) -> list[tuple[Any, ...]]:
        self.asked.append(host)
        found = self.answers.get(host, ["127.0.0.1"])
        if host.startswith("silent") and host not in self.answers:
            # The native thread blocks here, as it would in the C library.
            os.read(self._reader, 1)
            found = socket.EAI_AGAIN
        if isinstance(found, int):
            raise socket.gaierror(found, "no answer")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in found]

    def release(self) -> None:
        """Let every lookup that is being made end, and all later ones."""
        if not self._released:
            self._released = True
            os.write(self._writer, bytes(4096))


@contextmanager
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resolver]:
    """The resolver in force for the length of the block."""
    installed = Resolver()
    monkeypatch.setattr(name_lookup, "getaddrinfo", installed)
    try:
        yield installed
    finally:
        installed.release()
