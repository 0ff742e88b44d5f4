"""The answer to a call: a whole message or an open stream.

Rule: the client's 200 is sent only after the upstream's status is known; an earlier failure becomes an
HTTP status, and another attempt may follow. A whole answer is as complete as a stream, because clients
repeat a broken stream as a request without streaming (docs/protocol.md 10.9).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import orjson

from proxy import sse
from proxy.convert.reply.chat_to_message import empty_message, message_to_events
from proxy.convert.request.converted import ConvertedRequest
from proxy.errors import UpstreamError
from proxy.failures.classify import OUTPUT_LIMIT_REACHED
from proxy.failures.response_headers import client_headers
from proxy.relay.answer import Answer
from proxy.relay.billing import Billed
from proxy.relay.call import Call
from proxy.relay.compaction import COMPACTING, compacted
from proxy.relay.healed import with_healing
from proxy.relay.native.healed import open_healed
from proxy.relay.native.request import Sent
from proxy.relay.prefaced import PrefacedCodec
from proxy.relay.protocols import PROTOCOLS, convert
from proxy.relay.stream import StreamedResponse
from proxy.relay.upstream_call import MAX_ANSWER_BYTES, UpstreamCall, send_accepted
from proxy.telemetry.request_record import RequestRecord
from proxy.upstream.session import UpstreamResponse

Message = dict[str, Any]


def open_answer(call: Call, sent: Callable[[], Sent], done: Callable[[], None]) -> Answer:
    """The answer to ``call``, once the upstream has accepted it.

    ``sent`` returns the client's request, which is sent unchanged to a native upstream. ``done`` is
    called when a streamed answer has ended, and not for a whole one. Raises ``InvalidRequest`` before
    a request is sent upstream, ``UpstreamError``, ``UpstreamTimeout`` or ``ClientGone`` after it, in
    all cases before anything is sent to the client.
    """
    if call.route.native:
        return open_healed(call, sent(), done)
    message = _prewarm_message(call)
    if message is None:
        try:
            return _open_converted(call, sent, done)
        except UpstreamError as error:
            # A reasoning model refused because its output limit was too small (docs/edge-cases.md 35).
            if error.code != OUTPUT_LIMIT_REACHED:
                raise
            message = empty_message(call.request["model"], stop_reason="max_tokens")
    return _message_answer(call, message, done)


def _open_converted(call: Call, sent: Callable[[], Sent], done: Callable[[], None]) -> Answer:
    if not COMPACTING.isdisjoint(call.request):
        compaction = compacted(call, lambda: sent().body or b"")
        if compaction is not None:
            if compaction.request is None:
                call.record.stop_reason = "compaction"
                return _encoded_answer(call, compaction.preface.alone(call.request["model"]), done)
            call.request = compaction.request
    return with_healing(call, lambda converted: _attempt(call, converted, done))


class WholeMessageStream:
    """The body, in one piece, of a streamed answer whose message is already complete."""

    def __init__(self, record: RequestRecord, message: Message, done: Callable[[], None]) -> None:
        self._piece: bytes | None = sse.encode_events(message_to_events(message))
        self._record = record
        self._done = done
        self._written = False
        record.record_first_event()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        piece, self._piece = self._piece, None
        if piece is None:
            self._written = True
            raise StopIteration
        return piece

    def close(self) -> None:
        """Called by the server when the answer has ended, however it ended."""
        if not self._written:
            self._record.cut_short()
        self._done()


def _attempt(call: Call, converted: ConvertedRequest, done: Callable[[], None]) -> Answer:
    with Billed(partial(call.estimate_usage, converted)) as attempt:
        upstream_call = PROTOCOLS[converted.api].upstream_call(call, converted)
        response = attempt.response = send_accepted(upstream_call)
        return _answer(call, converted, upstream_call, response, done)


def _answer(
    call: Call,
    converted: ConvertedRequest,
    upstream_call: UpstreamCall,
    response: UpstreamResponse,
    done: Callable[[], None],
) -> Answer:
    protocol = PROTOCOLS[converted.api]
    streaming = False
    try:
        call.answer_headers |= client_headers(response.headers, now=time.time())
        begun: bytes | None = b""
        if call.request.get("stream"):
            codec = protocol.codec(call, converted)
            if call.compacted is not None:
                codec = PrefacedCodec(codec, call.compacted.preface)
            stream = StreamedResponse(upstream_call, response, codec, done)
            begun = stream.open()
            if begun is None:
                streaming = True
                return Answer(200, sse.HEADERS, stream=stream)
        body = call.exchange.run(response.read_all, MAX_ANSWER_BYTES, begun)
    finally:
        if not streaming:
            response.close()
    content_type = response.headers.get("content-type", "")
    message = protocol.message(call, converted, body, content_type)
    return _message_answer(call, message, done)


def _message_answer(call: Call, message: Message, done: Callable[[], None]) -> Answer:
    _record_message(call.record, message)
    if call.compacted is not None:
        message = call.compacted.preface.before(message)
    return _encoded_answer(call, message, done)


def _encoded_answer(call: Call, message: Message, done: Callable[[], None]) -> Answer:
    if not call.request.get("stream"):
        return Answer(200, {}, orjson.dumps(message))
    return Answer(200, sse.HEADERS, stream=WholeMessageStream(call.record, message, done))


def _prewarm_message(call: Call) -> Message | None:
    """The answer to a cache pre-warm (``max_tokens`` 0), which upstreams refuse; else None."""
    if call.request.get("max_tokens") != 0:
        return None
    profile = call.profile()
    if call.max_tokens(profile) != 0:
        return None
    if call.outcome is not None:
        call.outcome.report(None, time.monotonic())
    converted = convert(call, profile)
    estimate = call.estimate(converted)
    tokens = estimate.count_input() if estimate else 0
    model, edits = call.request["model"], converted.reply.context_management
    message = empty_message(model, stop_reason="max_tokens", input_tokens=tokens)
    return message if edits is None else message | {"context_management": edits}


def _record_message(record: RequestRecord, message: Mapping[str, Any]) -> None:
    record.stop_reason = message["stop_reason"]
    record.usage = message["usage"]
