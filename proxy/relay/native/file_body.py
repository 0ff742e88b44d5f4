"""The body of a native answer that is neither JSON nor events, such as a file.

Rule: if the upstream's body breaks off, the iterator raises, so that the server breaks off its answer
too: a truncated file must not look complete.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from proxy.errors import CUT_SHORT, ClientGone, ProxyError, UpstreamError
from proxy.failures.policy import failure_kind
from proxy.relay.native.request import NativeCall
from proxy.telemetry.logs import error_words
from proxy.upstream.session import UpstreamResponse


class FileBody:
    """A body of any length, passed on as it arrives: an iterator of bytes with ``close``."""

    def __init__(
        self, call: NativeCall, response: UpstreamResponse, done: Callable[[], None]
    ) -> None:
        self._call = call
        self._upstream = call.upstream
        self._response = response
        self._done = done
        self._asked = self._over = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        exchange, seconds = self._upstream.exchange, self._upstream.silence_seconds
        self._asked = exchange.begun = True
        exchange.limit(seconds, f"the upstream sent nothing for {seconds:g} s")
        try:
            data = exchange.run(self._response.read_available)
            if not data and self._response.may_be_cut:
                raise UpstreamError(CUT_SHORT)
        except ClientGone:
            raise
        except ProxyError as error:
            self._over = True
            self._record(error)
            raise
        if not data:
            self._over = True
            raise StopIteration
        return data

    def close(self) -> None:
        """Return the upstream connection to the pool, or close it if data was left unread."""
        try:
            self._response.close()
            if not self._over and self._asked:
                self._upstream.record.cut_short()
            self._call.estimate_usage(0, complete=self._over)
        finally:
            self._done()

    def _record(self, error: ProxyError) -> None:
        record = self._upstream.record
        record.error = error_words(error)
        if isinstance(error, UpstreamError):
            record.record_event("error", failure_kind(error))
