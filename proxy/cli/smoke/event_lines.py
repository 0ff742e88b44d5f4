"""Bytes of an event stream -> names and data of its events, as the official SDKs read them.

Rule: pure, and independent of the reader that the service uses for its upstreams, which mends what is
named here. An event ends with a blank line; one without it at the end is dropped, as SDKs drop it.
"""

from __future__ import annotations

from collections.abc import Iterator

from proxy.cli.smoke.grammar import Violation

UNNAMED = "message"
"""The name of an event that has none."""


class EventLines:
    """The lines of one stream."""

    def __init__(self) -> None:
        self._rest = b""
        self._name = UNNAMED
        self._data: list[str] = []

    @property
    def unfinished(self) -> str | None:
        """The name of the event inside which the bytes so far end, if they do."""
        return self._name if self._data or self._rest.strip() else None

    def feed(self, piece: bytes) -> Iterator[tuple[str, str]]:
        """The events that ``piece`` completes; raises ``Violation`` for a line that is not UTF-8."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            try:
                yield from self._take(line.removesuffix(b"\r").decode())
            except UnicodeDecodeError as error:
                raise Violation("a line of the stream is not UTF-8") from error

    def _take(self, line: str) -> Iterator[tuple[str, str]]:
        if not line:
            if self._data:
                yield self._name, "\n".join(self._data)
            self._name, self._data = UNNAMED, []
            return
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
        elif field == "event":
            self._name = value
