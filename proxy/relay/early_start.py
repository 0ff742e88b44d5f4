"""Starts the answer to a streamed request before the upstream answers, if the upstream is slow.

Rule: load balancers and CDNs close a connection on which nothing is sent for 60 to 100 s. Therefore the
client gets status 200, ``message_start`` and pings after EARLY_START seconds, while the attempts
continue. If all of them fail, or this program itself does, an ``error`` event follows (docs/protocol.md
section 4, "Early start").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Iterator
from time import monotonic

from proxy import sse
from proxy.concurrency import run_if_heavy
from proxy.convert.reply import events
from proxy.convert.reply.usage import no_usage
from proxy.errors import ClientGone, NativeRefusal, ProxyError, UpstreamError, release_frames
from proxy.ids import new_message_id
from proxy.relay import deadlines
from proxy.relay.answer import Answer, AnswerStream
from proxy.relay.background import Background
from proxy.relay.call import Call
from proxy.relay.input_estimate import request_estimate
from proxy.relay.internal_error import OwnFailures
from proxy.relay.upstream_call import decoded_refusal
from proxy.telemetry.logs import error_words

_EVENT_END = re.compile(rb"\n\n|\r\n\r\n|\r\r")
_START = re.compile(rb'event: ?message_start\b|data: ?\{"type": ?"message_start"')
_BEFORE_START = re.compile(rb"[:\r\n]|event: ?ping\b")
LONGEST_START = 1 << 16
"""Longest event in bytes that is checked for ``message_start``; a longer one is passed on."""
EVENTS = "text/event-stream"


def answer_in_time(call: Call, attempts: Callable[[], Answer], done: Callable[[], None]) -> Answer:
    """What ``attempts`` returns; if it does not return in time, an ``EarlyStream`` of its answer.

    Raises what ``attempts`` raises before that time. ``done`` is called when an early stream has ended.
    """
    seconds = call.settings.early_start
    if not (seconds and call.record.stream):
        return attempts()
    background = Background(attempts, call.exchange)
    if background.begin(monotonic() + seconds):
        return background.result()
    # The client keeps waiting; unlike after an error status, it does not repeat the request by itself.
    call.deadline = monotonic() + call.settings.failover_deadline
    return Answer(200, sse.HEADERS, stream=EarlyStream(call, background, done))


class EarlyStream:
    """The body of a stream that starts before its attempts end: an iterator of bytes with ``close`` (WSGI).

    ``close`` ends attempts that still run, closes the stream that they opened, and calls ``done``.
    """

    def __init__(self, call: Call, attempts: Background[Answer], done: Callable[[], None]) -> None:
        self._call = call
        self._attempts = attempts
        self._done = done
        self._message_started = not call.route.native
        self._taken = False
        self._stream: AnswerStream | None = None
        """The body of the attempts' answer."""
        self._error: ProxyError | None = None
        """The error with which the attempts ended."""
        self._pieces = self._pump()

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def __next__(self) -> bytes:
        return next(self._pieces)

    def close(self) -> None:
        """Called by the server when the answer has ended, however it ended."""
        self._pieces.close()
        try:
            self._attempts.cancel()
            self._take()
            if self._stream is not None:
                self._stream.close()
            else:
                self._record()
        finally:
            self._done()

    def _pump(self) -> Generator[bytes]:
        self._call.exchange.begun = True
        own = OwnFailures(self._call.record, self._break_off)
        with own:
            yield from self._events()
        if own.error is not None:
            self._error = own.error
            yield self._event(own.error)

    def _break_off(self) -> None:
        """Close the stream that the attempts opened, as one that was broken off by an exception."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def _events(self) -> Generator[bytes]:
        exchange, attempts = self._call.exchange, self._attempts
        yield self._start()
        while not attempts.wait(monotonic() + deadlines.PING_SECONDS):
            yield sse.PING
        exchange.deadlines.last_event = monotonic()
        self._take()
        if self._stream is not None:
            yield from without_start(self._stream) if self._message_started else self._stream
        elif self._error is not None and not isinstance(self._error, ClientGone):
            yield self._event(self._error)

    def _start(self) -> bytes:
        """The first bytes; for a native route a ping, since the upstream's ``message_start`` follows."""
        if not self._message_started:
            return sse.PING
        call = self._call
        estimate = 0
        if call.settings.enable_token_estimation:
            estimate = run_if_heavy(call.record.heavy, request_estimate, call.request)
        usage = no_usage(estimate)
        start = events.message_start(new_message_id(), call.request["model"], usage)
        return sse.encode_events([start]) + sse.PING

    def _take(self) -> None:
        """Store the result of the attempts; later calls do nothing."""
        if self._taken:
            return
        self._taken = True
        own, answer = OwnFailures(self._call.record), None
        try:
            with own:
                answer = self._attempts.result()
        except ProxyError as error:
            self._error = self._error or error
            release_frames(error)
        self._error = own.error or self._error
        if answer is None:
            return
        if answer.headers.get("content-type", "").lower().startswith(EVENTS):
            self._stream = answer.stream
            return
        self._error = UpstreamError("the upstream answered a streamed request without a stream")
        if answer.stream is not None:
            answer.stream.close()

    def _event(self, error: ProxyError) -> bytes:
        """``error`` as the event that ends the stream."""
        if isinstance(error, NativeRefusal):
            body = decoded_refusal(error.body)
            if isinstance(body, dict) and body.get("type") == "error":
                return sse.encode_events([body])
        return sse.encode_events([error.to_body(self._call.record.request_id)])

    def _record(self) -> None:
        record, error = self._call.record, self._error
        if error is None or isinstance(error, ClientGone):
            record.cut_short()
        else:
            record.error = error_words(error)


def without_start(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """A stream without its ``message_start``, which is found if only comments and pings precede it."""
    held, rest = b"", iter(pieces)
    for piece in rest:
        searched = max(0, len(held) - 3)
        held += piece
        while end := _EVENT_END.search(held, searched):
            event, searched = held[: end.end()], 0
            if _START.match(event):
                held = held[end.end() :]
            elif _BEFORE_START.match(event):
                yield event
                held = held[end.end() :]
                continue
            break
        if end or len(held) > LONGEST_START:
            break
    if held:
        yield held
    yield from rest
