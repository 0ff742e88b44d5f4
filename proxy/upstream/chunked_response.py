"""An upstream's response whose chunks are returned as soon as they arrive.

Rule: for urllib3 it behaves like ``http.client``'s response: all data in order, an error for a
truncated body, a closed response after the last byte. ``read1`` of ``http.client`` returns one HTTP
chunk for each call; this one returns the data of all chunks that one read of the socket received.
"""

from __future__ import annotations

import re
import socket
from functools import lru_cache
from http.client import (
    NO_CONTENT,
    NOT_MODIFIED,
    SWITCHING_PROTOCOLS,
    HTTPException,
    HTTPResponse,
    IncompleteRead,
)

from proxy.upstream.fast_head import PlainHead, take_head
from proxy.upstream.head_rules import body_framing, refuse_bad_head
from proxy.upstream.reader import SocketReader

FRAMING_BYTES = 16384
"""The longest chunk-size line, and the longest trailer section."""
_HEX_DIGITS = re.compile(rb"[0-9A-Fa-f]+")


class EagerResponse(HTTPResponse):
    """A response whose ``read1`` decodes all buffered chunks in one pass."""

    def __init__(
        self,
        sock: socket.socket,
        debuglevel: int = 0,
        method: str | None = None,
        url: str | None = None,
    ) -> None:
        self.reader = SocketReader(sock)
        self._bodyless = method == "HEAD"
        self._last_chunk_seen = False
        self._trailers_read = 0
        """Bytes of the trailer section, with the size line before it, whose lines were read."""
        super().__init__(self.reader, debuglevel, method, url)  # type: ignore[arg-type]

    def begin(self) -> None:
        """Read the head, after skipping interim (1xx) responses; the reader limits their total size."""
        if self.reader.fill() and (head := take_head(self.reader)) is not None:
            self._begin_with(head)
            return
        super().begin()
        while 100 < self.status < 200 and self.status != SWITCHING_PROTOCOLS:
            self.headers = self.msg = None  # type: ignore[assignment]
            super().begin()
        self.reader.end_head()
        refuse_bad_head(self.headers)
        chunked, length = body_framing(self.headers)
        if chunked and not self.chunked:
            self.chunked, self.chunk_left, self.length = True, None, None
        elif self.length is None:
            self.length = length
        self._ignore_forbidden_body()

    def _begin_with(self, head: PlainHead) -> None:
        """Set what ``http.client`` sets for the same head."""
        self.reader.end_head()
        self.code, self.status, self.reason, self.version = (
            head.status,
            head.status,
            head.reason,
            11,
        )
        self.headers = self.msg = head.headers
        self.chunked, self.chunk_left, self.length = head.chunked, None, head.length
        if self._bodyless or head.status in (204, 304):
            self.length = 0
        self.will_close = head.closes or (not head.chunked and self.length is None)
        self._ignore_forbidden_body()

    def _ignore_forbidden_body(self) -> None:
        """Expect no chunks after a status that has no body, even if its head announces them.

        The connection is then closed, so that such chunks are not read as the next response.
        """
        if self.chunked and self.status in (SWITCHING_PROTOCOLS, NO_CONTENT, NOT_MODIFIED):
            self.chunked, self.length, self.will_close = False, 0, True

    @property
    def ready(self) -> bool:
        """Whether the next read can proceed without waiting for the socket."""
        if self.isclosed() or self.length == 0:
            return True
        reader = self.reader
        if not self.chunked or self.chunk_left or reader.at == len(reader.held):
            return reader.buffered > 0
        # With an incomplete size line a read would block, and the caller's deadline would not apply.
        start = reader.at if self.chunk_left is None else reader.at + 2
        return reader.held.find(b"\n", start) >= 0 or len(reader.held) - start > FRAMING_BYTES

    def read1(self, n: int = -1) -> bytes:
        if not self.chunked or self._bodyless or self.isclosed():
            data = super().read1(n)
            if self.length == 0 and not self.isclosed():
                # As in newer versions of Python: the connection is released without another read.
                self.close()
            return data
        while n != 0:
            data = self._held_chunks(n)
            if data or self.isclosed():
                return data
            if not self.reader.fill():
                if not self._last_chunk_seen:
                    raise IncompleteRead(b"")
                # Some servers omit the empty line after the last chunk.
                self.close()
        return b""

    def read(self, amt: int | None = None) -> bytes:
        if not self.chunked or self._bodyless or self.isclosed():
            return super().read(amt)
        pieces = []
        missing = -1 if amt is None else amt
        while missing and (piece := self.read1(missing)):
            pieces.append(piece)
            if missing > 0:
                missing -= len(piece)
        return b"".join(pieces)

    def _held_chunks(self, limit: int) -> bytes:
        """The data of all buffered chunks, at most ``limit`` bytes; closes at the end of the body."""
        pieces: list[bytes] = []
        try:
            self._take_chunks(pieces, limit if limit > 0 else len(self.reader.held))
        except HTTPException:
            # Data before bad framing is valid; the next call raises the error again.
            if not pieces:
                raise
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _take_chunks(self, pieces: list[bytes], room: int) -> None:
        """Move the data of buffered chunks to ``pieces``, at most ``room`` bytes."""
        left: int | None = self.chunk_left
        try:
            while room:
                if left is None:
                    room -= self._whole_chunks(pieces, room)
                if not left and not (left := self._next_chunk(left)):
                    break
                piece = self.reader.take(min(left, room))
                if not piece:
                    break
                pieces.append(piece)
                room -= len(piece)
                left -= len(piece)
                left = self._skip_line_end(left)
        finally:
            self.chunk_left = left

    def _whole_chunks(self, pieces: list[bytes], room: int) -> int:
        """Move plain, wholly buffered chunks to ``pieces``; returns the number of their bytes.

        A fast path: the caller decodes the other chunks, with the same result for all.
        """
        held, at = self.reader.held, self.reader.at
        find, ends, taken = held.find, held.startswith, 0
        while (end := find(b"\r\n", at, at + 10)) > 0:
            size = _known_size(held[at:end])
            start, stop = end + 2, end + 2 + size
            if not 0 < size <= room - taken or not ends(b"\r\n", stop):
                break
            pieces.append(held[start:stop])
            taken += size
            at = stop + 2
        self.reader.at = at
        return taken

    def _skip_line_end(self, left: int | None) -> int | None:
        """Consume the line end after a chunk's data once it has arrived (``left``: 0 to None)."""
        if left != 0:
            return left
        reader = self.reader
        end = reader.held[reader.at : reader.at + 2]
        if end == b"\r\n":
            reader.at += 2
            return None
        if end in (b"", b"\r"):
            return 0
        raise HTTPException("bad chunk framing")

    def _next_chunk(self, left: int | None) -> int | None:
        """Consume the next size line; returns the chunk's size, 0 or None if it has not arrived.

        The last chunk stays in the buffer until its trailers are complete, then the response is
        closed, so that ``chunk_left`` has the meaning it has in ``http.client``.
        """
        left = self._skip_line_end(left)
        if left is not None:
            return left
        reader = self.reader
        if self._last_chunk_seen:
            self._end_of_trailers(reader.at + self._trailers_read)
            return None
        end = reader.held.find(b"\n", reader.at)
        if end < 0:
            if len(reader.held) - reader.at > FRAMING_BYTES:
                raise HTTPException("chunk size line too long")
            return None
        size = _chunk_size(reader.held[reader.at : end])
        if size:
            reader.at = end + 1
            return size
        self._last_chunk_seen = True
        self._end_of_trailers(end + 1)
        return None

    def _end_of_trailers(self, start: int) -> None:
        """Close the response when the trailers that begin at ``start`` are complete."""
        held = self.reader.held
        while (end := held.find(b"\n", start)) >= 0:
            if held[start:end].rstrip(b"\r") == b"":
                self.reader.at = end + 1
                self.close()
                return
            start = end + 1
        # The next read begins with the last line, which is incomplete.
        self._trailers_read = start - self.reader.at
        if len(held) - self.reader.at > FRAMING_BYTES:
            raise HTTPException("trailers too long")


@lru_cache(maxsize=4096)
def _known_size(digits: bytes) -> int:
    """The value of plain hexadecimal ``digits``; 0 for anything else.

    Cached, since checking the digits takes longer than all other work on a chunk.
    """
    return int(digits, 16) if _HEX_DIGITS.fullmatch(digits) else 0


def _chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    # int() also accepts signs, underscores, white space and "0x".
    if _HEX_DIGITS.fullmatch(digits):
        return int(digits, 16)
    raise HTTPException("bad chunk size")
