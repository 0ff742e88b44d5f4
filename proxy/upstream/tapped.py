"""An upstream's response whose reads are reported as they are made.

Rule: it behaves exactly as the response that it observes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, cast

from urllib3 import HTTPHeaderDict

from proxy.errors import UpstreamError
from proxy.upstream.response import READ_BYTES, UpstreamResponse


class ReadSink(Protocol):
    """What is told of the reads of one response."""

    def piece(self, data: bytes) -> None:
        """``data`` was read: transfer coding and compression are removed."""

    def end(self, *, cut: bool) -> None:
        """The body was read to its end; ``cut``: TLS ended without ``close_notify``."""

    def failed(self, error: UpstreamError) -> None:
        """A read failed."""

    def closed(self) -> None:
        """The response was closed before the end of its body."""


class TappedResponse(UpstreamResponse):
    """``response``, which must not be used any more, with its reads reported to ``sink``."""

    __slots__ = ("_reading", "_sink", "_told")

    def __init__(self, response: UpstreamResponse, sink: ReadSink) -> None:
        for name in UpstreamResponse.__slots__:
            setattr(self, name, getattr(response, name))
        self._sink = sink
        self._reading = False
        self._told = False
        """Whether the sink was told of the end."""

    def read_available(self, limit: int = READ_BYTES) -> bytes:
        """As the base class."""
        self._reading = True
        try:
            data = super().read_available(limit)
        except UpstreamError as error:
            if not self._told:
                self._told = True
                self._sink.failed(error)
            raise
        finally:
            self._reading = False
        if data:
            self._sink.piece(data)
        if self._ended and not self._told:
            self._told = True
            self._sink.end(cut=self.may_be_cut)
        return data

    def close(self) -> None:
        """As the base class."""
        if not (self._told or self._reading):
            self._told = True
            self._sink.closed()
        super().close()


def header_pairs(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """Each header, repeated ones separately."""
    return [(name, str(value)) for name, value in headers.items()]


def headers_of(pairs: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """Headers as those of a response, whose names are read in any case."""
    made: Any = HTTPHeaderDict()
    for name, value in pairs:
        made.add(name, value)
    return cast(Mapping[str, str], made)
