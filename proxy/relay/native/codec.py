"""The codec of native streams: Messages events are passed on as they arrive.

Rule: the bytes of a read are passed on at once, except before the model's name is replaced. A premature
end is reported by an ``error`` event (docs/protocol.md section 8).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from proxy.errors import CUT_SHORT, ProxyError, UpstreamError
from proxy.relay.native.event_scan import EventScan
from proxy.relay.native.request import NativeCall
from proxy.relay.stream import LINGER_SECONDS
from proxy.sse import encode_events
from proxy.telemetry.logs import StreamPreview
from proxy.telemetry.request_record import RequestRecord, total_input
from proxy.tokens.estimate import BYTES_PER_TOKEN

DELTA_BYTES = 115
"""Bytes of an event with a delta, besides the model's output."""
START_BYTES = 500
"""Bytes of a stream before the first of these events."""


SHORT_READ = 4096
"""Reads up to this size are searched for empty deltas; a longer read also contains other deltas."""
_EMPTY_DELTA = re.compile(rb'"(?:text|thinking|partial_json|signature)":\s*""')


class ReportedError(UpstreamError):
    """An ``error`` event from the upstream, which is passed on unchanged."""

    def __init__(self, kind: str) -> None:
        super().__init__("reported by the upstream in its stream")
        self._kind = kind

    @property
    def type(self) -> str:
        return self._kind


class NativeCodec:
    """One stream; ``EventScan`` reads what its events report (``proxy.relay.codec.Codec``)."""

    relays_errors = True
    endings = 1
    ended_early = patient = False

    def __init__(self, call: NativeCall) -> None:
        self._call = call
        shown = call.upstream.preview_chars
        self.preview = StreamPreview(shown) if shown else None
        self._scan = EventScan(
            call.client_model, on_event=None if self.preview is None else self._show
        )
        self._failure: ProxyError | None = None
        self._deltas = self._bytes = 0
        """How many were passed on so far."""
        self.started = self.finishing = self.ended = False
        self._passed = b""
        """The bytes of the last read."""

    @property
    def pings(self) -> bool:
        return not self._scan.inside_event

    @property
    def content_seen(self) -> bool:
        return self._scan.content_seen

    @property
    def finish_seconds(self) -> float:
        return LINGER_SECONDS

    @property
    def complete(self) -> bool:
        return self._scan.ended and self._scan.error is None

    @property
    def error(self) -> ProxyError | None:
        if self._scan.error is not None:
            return ReportedError(self._scan.error)
        return self._failure

    def accepts(self, data: bytes, content_type: str) -> bool:
        # The caller has checked the content type.
        return True

    def start(self) -> bytes:
        return b""

    def feed(self, data: bytes) -> bytes:
        self.started = True
        passed = self._scan.feed(data)
        self._bytes += len(passed)
        self._deltas += passed.count(b'"delta"')
        self._passed = passed
        self.finishing = self._scan.ended
        return passed

    def advanced(self) -> bool:
        passed = self._passed
        deltas = passed.count(b'"delta"')
        if deltas and len(passed) <= SHORT_READ:
            deltas -= len(_EMPTY_DELTA.findall(passed))
        return deltas > 0 or b'"content_block"' in passed

    def finish(self) -> bytes:
        return self._end(UpstreamError(CUT_SHORT))

    def fail(self, error: ProxyError) -> bytes:
        return self._end(error)

    def report(self, record: RequestRecord) -> None:
        scan, usage = self._scan, self._scan.usage
        record.stop_reason = scan.stop_reason
        if usage:
            record.usage = usage
        elif scan.error is not None and not scan.content_seen:
            # The upstream refused the request, which costs no tokens.
            return
        # The usage of ``message_start`` reports one output token, independent of the answer.
        deltas = START_BYTES + DELTA_BYTES * self._deltas
        written = max(0, self._bytes - deltas) // BYTES_PER_TOKEN
        reported = usage.get("output_tokens", 0)
        if scan.stop_reason is None and written > reported and self._call.estimate is not None:
            record.usage = usage = {**usage, "output_tokens": 0}
        if not (total_input(usage) and usage.get("output_tokens")):
            self._call.estimate_usage(written, complete=self.complete)

    def _end(self, error: ProxyError) -> bytes:
        """The bytes held back and, unless the message is complete, the event for ``error``.

        A blank line separates it from an incomplete event.
        """
        self.ended = True
        rest = self._scan.finish()
        if self._scan.ended:
            return rest
        self._failure = error
        event = error.to_body(self._call.upstream.record.request_id)
        blank = b"\n\n" if self._scan.inside_event else b""
        return rest + blank + encode_events([event])

    def _show(self, event: Mapping[str, Any]) -> None:
        delta = event.get("delta")
        text = delta.get("text") if isinstance(delta, dict) else None
        if self.preview is not None and isinstance(text, str):
            self.preview.add([event])
