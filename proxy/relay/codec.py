"""The interface of codecs, which translate the bytes of an upstream's stream into the client's.

Rule: no I/O; a codec takes bytes and returns bytes, and ``StreamedResponse`` does everything else.
"""

from __future__ import annotations

from typing import Protocol

from proxy.errors import ProxyError
from proxy.telemetry.logs import StreamPreview
from proxy.telemetry.request_record import RequestRecord


class Codec(Protocol):
    """Translates one stream; one implementation for each upstream protocol.

    Call ``feed`` with the bytes of each read, then ``finish`` when the upstream closed the stream or
    ``fail`` when reading failed. Each call returns bytes for the client. No call raises an exception
    because of what the upstream sent.
    """

    relays_errors: bool
    """Whether error events of the upstream are passed on; else they may become an HTTP status."""
    preview: StreamPreview | None
    """The beginning of the streamed text; None if it is not logged."""
    finishing: bool
    """True while the message seems complete, so that the end of the stream is a normal end."""
    endings: int
    """How often ``finishing`` became true; content after it shows that the message had not ended."""
    ended: bool
    """True once the last bytes for the client were returned."""

    @property
    def ended_early(self) -> bool:
        """True if the answer was cut before the upstream ended it; the caller must close its stream."""

    @property
    def patient(self) -> bool:
        """True while the upstream works without telling anything: reasoning, or a tool of its own.

        It may then be silent as long as before its first byte.
        """

    @property
    def pings(self) -> bool:
        """Whether a ping may be sent now: not inside an event that is passed on in pieces."""

    @property
    def started(self) -> bool:
        """True once a part of the answer arrived; a failure before that becomes an HTTP status."""

    @property
    def content_seen(self) -> bool:
        """True once the upstream sent any of the model's output."""

    @property
    def finish_seconds(self) -> float:
        """Seconds to wait for the end of the stream after ``finishing``."""

    @property
    def complete(self) -> bool:
        """True once the whole message was delivered without a failure."""

    @property
    def error(self) -> ProxyError | None:
        """The failure that ended the stream."""

    def accepts(self, data: bytes, content_type: str) -> bool:
        """Whether the body that begins with ``data`` is a stream; False: it is a whole answer."""

    def start(self) -> bytes:
        """The first bytes for the client although nothing has arrived from the upstream."""

    def feed(self, data: bytes) -> bytes:
        """The bytes for the client, which may be empty, after a read that returned ``data`` (not empty)."""

    def advanced(self) -> bool:
        """Whether the last ``feed`` contained output of the model: not only comments, pings, empty deltas.

        May also be true because of an earlier ``feed`` since the last call.
        """

    def finish(self) -> bytes:
        """The last bytes for the client, after the stream was closed or ``finish_seconds`` passed."""

    def fail(self, error: ProxyError) -> bytes:
        """The last bytes for the client, after reading failed or a time limit expired."""

    def report(self, record: RequestRecord) -> None:
        """Record stop reason and usage; an estimate if the stream did not report its usage."""
