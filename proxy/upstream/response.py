"""An upstream's answer, read as it arrives.

Rule: every failure while a body is read is an ``UpstreamError``, and the connection of an answer that
was not read to its end never returns to the pool.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests

from proxy.concurrency import yield_if_slice_used
from proxy.errors import CUT_SHORT, UpstreamError
from proxy.upstream.chunked_response import EagerResponse
from proxy.upstream.faults import FAULTS, read_fault

READ_BYTES = 65536


class UpstreamResponse:
    """Status, headers and body of an upstream's answer.

    For use in one greenlet. Other greenlets may only call ``close()``; a read in progress then fails
    with ``UpstreamError``.
    """

    __slots__ = (
        "_body",
        "_encoded",
        "_ended",
        "_full",
        "_plain",
        "_response",
        "headers",
        "status",
        "unfinished",
    )

    def __init__(self, response: requests.Response) -> None:
        self._response = response
        self.status: int = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self._body: EagerResponse | None = getattr(response.raw.connection, "body", None)
        self._ended = False
        self._full = False
        self.unfinished = 0
        """Bytes, decompressed, of a body that ``read_all`` could not read to its end."""
        self._encoded = "content-encoding" in self.headers
        plain = self._body is not None and not self._encoded
        # A plain chunked body needs no processing by urllib3, whose time is measurable in a stream of
        # small chunks.
        self._plain = self._body if plain and self._body and self._body.chunked else None

    @property
    def _raw(self) -> Any:
        return self._response.raw

    def read_available(self, limit: int = READ_BYTES) -> bytes:
        """The bytes that have arrived, decompressed, at most ``limit``; waits for the first one.

        ``b""`` is the end of a complete body. Raises ``UpstreamError`` (502) for a broken transfer:
        truncated chunks, fewer bytes than announced, a reset, bad framing, bad compression.
        """
        if self._ended:
            return b""
        if self._plain is not None and (plain := self._read_plain(self._plain, limit)):
            return plain
        try:
            data: bytes = self._raw.read1(limit, decode_content=True)
        except FAULTS as error:
            self.close()
            raise read_fault(error) from error
        # urllib3 may still hold decompressed data only after a read that reached ``limit``.
        self._full = len(data) >= limit
        if not data or (not self._encoded and not self._full and self._is_read()):
            self._ended = True
        return data

    def _is_read(self) -> bool:
        """Whether the whole body was read; another read to find out takes 20 microseconds."""
        return self._body is not None and self._body.isclosed()

    def _read_plain(self, body: EagerResponse, limit: int) -> bytes:
        """The bytes of ``body`` that have arrived; ``b""`` at its end."""
        if body.isclosed():
            return b""
        try:
            data = body.read1(limit)
        except FAULTS as error:
            self.close()
            raise read_fault(error) from error
        except BaseException:
            # Interrupted: remaining bytes must not be read as the next answer.
            self.close()
            raise
        self._full = len(data) >= limit
        if body.isclosed():
            # Reads nothing; urllib3 then detects the end and returns the connection to the pool.
            self._raw.read1(limit)
        return data

    def read_all(self, limit: int, begun: bytes = b"") -> bytes:
        """The whole body, decompressed; ``begun`` is the part that was already read.

        Raises ``UpstreamError`` (502) if it is larger than ``limit`` bytes or the transfer is broken.
        """
        pieces = [begun] if begun else []
        self.unfinished = size = len(begun)
        try:
            while piece := self.read_available():
                # Of a compressed body many pieces come from one read of the socket.
                yield_if_slice_used()
                size += len(piece)
                if size > limit:
                    self.close()
                    raise UpstreamError(f"the upstream's answer is larger than {limit} bytes")
                pieces.append(piece)
                self.unfinished = size
        except UpstreamError as error:
            if error.message == CUT_SHORT:
                raise UpstreamError("upstream closed the connection inside its answer") from error
            raise
        self.unfinished = 0
        return b"".join(pieces)

    def would_block(self) -> bool:
        """Whether ``read_available`` would wait for the socket ``fileno()``.

        False while decompressed, dechunked, buffered or decrypted bytes are available, and after the
        end. True if only a part of a chunk's framing is available.
        """
        if self._ended or self._full or self._body is None:
            return False
        return not self._body.ready

    def fileno(self) -> int:
        """The socket to wait on for reading; -1 after the end of the body or ``close``."""
        body = self._body
        return -1 if body is None or body.isclosed() else body.fileno()

    @property
    def may_be_cut(self) -> bool:
        """Whether TLS ended without ``close_notify``, so that a body without length may be truncated."""
        return self._body is not None and self._body.reader.is_cut

    def close(self) -> None:
        """Release the answer; a connection with unread bytes is closed. Can be called again."""
        self._ended = True
        self._response.close()
