"""The upstream of a replay: the recorded answers, without sockets and without waiting.

Rule: what the recording shows to have happened before the client's answer began happens before it, and
what ended a wait there (the client left, a time limit, a shutdown) ends it here, at once.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from time import monotonic

import gevent
from gevent.event import Event as Signal

from proxy.cli.replay.recorded import RecordedCall
from proxy.errors import (
    AuthenticationFailed,
    ClientGone,
    InvalidRequest,
    Overloaded,
    ProxyError,
    RequestTimeout,
    UpstreamError,
    UpstreamTimeout,
)
from proxy.relay.cancellation import Exchange
from proxy.relay.deadlines import WaitResult
from proxy.relay.stream import PEEK_SECONDS
from proxy.telemetry.recording.format import Event
from proxy.upstream.response import READ_BYTES, UpstreamResponse
from proxy.upstream.tapped import headers_of

START_SECONDS = 2.0
"""Longest wait for an answer that begins, in the recording, before its upstream's."""
_RESULTS = {"gone": WaitResult.GONE, "drain": WaitResult.DRAIN, "limit": WaitResult.LIMIT}
_RESULTS |= {"total": WaitResult.TOTAL}
_TIMEOUTS = {"UpstreamTimeout": UpstreamTimeout, "RequestTimeout": RequestTimeout}
_PLAIN: Mapping[str, type[ProxyError]] = {
    "ClientGone": ClientGone,
    "Overloaded": Overloaded,
    "InvalidRequest": InvalidRequest,
}


class Moment:
    """When the answer to the client began."""

    def __init__(self, answer: Event) -> None:
        self._position = answer["position"]
        """The place of that event in the recording."""
        self.seconds = float(answer["t"])
        self._begun = Signal()

    def begin(self) -> None:
        """The replayed answer began."""
        self._begun.set()

    def allows(self, event: Event) -> bool:
        """Whether ``event`` may happen now."""
        return event["position"] < self._position or self._begun.is_set()

    def wait(self) -> None:
        """Wait until the answer begins."""
        self._begun.wait(START_SECONDS)

    def wait_for(self, event: Event, exchange: Exchange) -> None:
        """Wait until ``event`` may happen; the answer begins early if it can."""
        if self.allows(event):
            return
        if exchange.on_check is not None:
            exchange.on_check(math.inf)
            self.wait()


def failure_of(event: Event) -> ProxyError:
    """The error that was recorded."""
    kind, message = event["kind"], event["message"]
    if kind in _TIMEOUTS:
        return _TIMEOUTS[kind](message)
    if kind == "AuthenticationFailed":
        return AuthenticationFailed(message)
    headers = dict(event.get("headers") or ())
    if kind in _PLAIN:
        return _PLAIN[kind](message, headers=headers)
    error = UpstreamError(
        message,
        status=event["status"],
        upstream_status=event.get("upstream_status"),
        headers=headers,
    )
    error.unanswered = event.get("unanswered") is True
    return error


def replayed(call: RecordedCall, exchange: Exchange, moment: Moment) -> UpstreamResponse:
    """The recorded answer to ``call``; raises what was raised if there was none."""
    events = list(call.events)
    if not events:
        # The worker ended in this call.
        raise exchange.error_after(WaitResult.DRAIN)
    first = events.pop(0)
    moment.wait_for(first, exchange)
    if first["event"] == "failure":
        if first["kind"] == "ClientGone":
            exchange.gone = True
        raise failure_of(first)
    return ReplayedResponse(first, events, exchange, moment)


class ReplayedResponse(UpstreamResponse):
    """The recorded reads of one response."""

    __slots__ = ("_exchange", "_forced", "_moment", "_pipe", "_since", "_waiting")

    def __init__(
        self, head: Event, events: list[Event], exchange: Exchange, moment: Moment
    ) -> None:
        self.status = head["status"]
        self.headers = headers_of(head["headers"])
        self.unfinished = 0
        self._since = head["t"]
        self._waiting = events
        self._exchange = exchange
        self._moment = moment
        self._forced = False
        """True if the next read happens although the answer has not begun."""
        self._pipe: tuple[int, int] | None = None
        """A pipe without content, which is waited on where the recording shows a wait."""

    @property
    def _next(self) -> Event:
        return self._waiting[0] if self._waiting else {"event": "end"}

    def read_available(self, limit: int = READ_BYTES) -> bytes:
        """The next recorded piece."""
        event = self._next
        if event["event"] == "piece":
            if self._forced and self._pipe is not None:
                os.read(self._pipe[0], 1)
            self._forced = False
            self._waiting.pop(0)
            data: bytes = event["data"]
            return data
        if event["event"] == "failure":
            raise failure_of(event)
        if event["event"] == "closed" and event["reason"] in _RESULTS:
            self._set_due(event)
            raise self._exchange.error_after(_RESULTS[event["reason"]])
        return b""

    def would_block(self) -> bool:
        """Whether the recording shows a wait before the next read."""
        event = self._next
        if event["event"] == "closed" and event["reason"] in _RESULTS:
            gevent.get_hub().loop.run_callback(self._end_wait, event)
            return True
        if event["event"] == "end" or self._forced or self._moment.allows(event):
            return False
        gevent.get_hub().loop.run_callback(self._end_peek)
        return True

    def fileno(self) -> int:
        """A descriptor that is never readable."""
        if self._pipe is None:
            self._pipe = os.pipe()
        return self._pipe[0]

    @property
    def may_be_cut(self) -> bool:
        """Whether TLS ended without ``close_notify``."""
        return self._next.get("cut") is True

    def close(self) -> None:
        """Close the pipe."""
        self._exchange.close()
        pipe, self._pipe = self._pipe, None
        for descriptor in pipe or ():
            os.close(descriptor)

    def _set_due(self, event: Event) -> None:
        exchange = self._exchange
        if event["reason"] == "gone":
            exchange.gone = True
        elif event["reason"] == "limit":
            exchange.deadlines.limit(0.0, event.get("message", ""))

    def _end_wait(self, event: Event) -> None:
        # Runs in the hub, when the exchange waits.
        self._set_due(event)
        if event["reason"] == "drain":
            self._exchange.drain()
        else:
            total = event["reason"] == "total"
            self._exchange.check(math.inf if total else monotonic(), event["reason"] == "gone")

    def _end_peek(self) -> None:
        # Runs in the hub, when the exchange waits.
        exchange = self._exchange
        early = exchange.on_check is not None and self._moment.seconds - self._since < PEEK_SECONDS
        if exchange.deadlines.enough is not None and not early:
            exchange.check(exchange.deadlines.enough, False)
            return
        self._forced = True
        if early and exchange.on_check is not None:
            exchange.on_check(math.inf)
        gevent.spawn(self._continue)

    def _continue(self) -> None:
        """End the wait when the answer has begun."""
        self._moment.wait()
        if self._pipe is not None:
            os.write(self._pipe[1], b" ")
