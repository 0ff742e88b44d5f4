"""What turns the bytes of an upstream's stream into those of the client's.

Rule: no I/O; a codec is fed bytes and returns bytes, and ``StreamedResponse`` does everything else.
"""

from __future__ import annotations

from typing import Protocol

from proxy.errors import ProxyError
from proxy.telemetry.logs import StreamPreview
from proxy.telemetry.request_record import RequestRecord


class Codec(Protocol):
    """One stream on its way to the client; one implementation for each upstream protocol.

    ``feed`` what each read brings, then call ``finish`` once the upstream closed the stream, or
    ``fail`` once reading failed. The client gets what every call returns. No call raises for what
    the upstream sent.
    """

    pings: bool
    """Whether ping events may be sent to the client while the upstream is silent."""
    preview: StreamPreview | None
    """The beginning of the streamed text; None where it is not logged."""
    finishing: bool
    """True while the message seems complete, so that an end of the stream is a normal end."""
    endings: int
    """How often ``finishing`` became true: content that follows an end shows that it was none."""
    ended: bool
    """True once the last bytes for the client were returned."""

    @property
    def started(self) -> bool:
        """True once something of the answer came: until then a failure is an HTTP status."""

    @property
    def content_seen(self) -> bool:
        """True once the upstream sent any of the model's output."""

    @property
    def finish_seconds(self) -> float:
        """How long more is awaited after ``finishing``."""

    @property
    def complete(self) -> bool:
        """True once the whole message was delivered without a failure."""

    @property
    def error(self) -> ProxyError | None:
        """The failure that ended the stream."""

    def accepts(self, data: bytes, content_type: str) -> bool:
        """Whether the body that begins with ``data`` is a stream; False: it is a whole answer."""

    def start(self) -> bytes:
        """Begin the client's stream although nothing came yet."""

    def feed(self, data: bytes) -> bytes:
        """What one read of the upstream (not empty) means for the client, maybe nothing."""

    def finish(self) -> bytes:
        """The upstream closed the stream, or stayed silent for ``finish_seconds``."""

    def fail(self, error: ProxyError) -> bytes:
        """Reading failed, or a time limit is over."""

    def report(self, record: RequestRecord) -> None:
        """Note stop reason and usage; estimates where the stream did not report a usage."""
