"""A streamed answer is opened: as the upstream's stream, or as the events of a message that is whole.

Rule: the upstream's status is known before the client's 200 goes out; whatever fails until then is an
HTTP status, and another attempt may follow.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

from proxy.convert.reply.chat_to_message import message_to_events
from proxy.convert.request.messages_to_chat import ChatRequest
from proxy.errors import ProxyError, UpstreamError
from proxy.failures.response_headers import client_headers
from proxy.relay.billing import is_billed
from proxy.relay.call import Call
from proxy.relay.chat.healed import with_healing
from proxy.relay.chat.stream import ReplyStream
from proxy.relay.chat.whole import answer_for_refusal, local_answer, note_message
from proxy.sse import encode_events
from proxy.upstream.session import UpstreamResponse


def open_reply(call: Call, done: Callable[[], None]) -> Iterator[bytes]:
    """The streamed answer to ``call`` as a WSGI body; the upstream has accepted it.

    ``done`` is called once when the answer is over. Raises what ``relay_message`` raises; nothing
    has been sent to the client then.
    """
    message = local_answer(call)
    if message is None:
        try:
            return with_healing(call, lambda chat: _open(call, chat, done))
        except UpstreamError as error:
            message = answer_for_refusal(call, error)
    return WholeReply(call, message, done)


def _open(call: Call, chat: ChatRequest, done: Callable[[], None]) -> Iterator[bytes]:
    response = None
    try:
        response = call.post(chat)
        return _opened(call, chat, response, done)
    except ProxyError as error:
        if is_billed(error):
            call.estimate_usage(chat, response)
        raise


def _opened(
    call: Call, chat: ChatRequest, response: UpstreamResponse, done: Callable[[], None]
) -> Iterator[bytes]:
    with ExitStack() as unless_streaming:
        unless_streaming.callback(response.close)
        call.answer_headers |= client_headers(response.headers, now=time.time())
        reply = ReplyStream(call, chat, response, done)
        message = reply.open()
        if message is not None:
            return WholeReply(call, message, done)
        unless_streaming.pop_all()
    return reply


class WholeReply:
    """The body of a streamed answer whose message is already whole."""

    def __init__(self, call: Call, message: dict[str, Any], done: Callable[[], None]) -> None:
        self._pieces = iter([encode_events(message_to_events(message))])
        self._done = done
        note_message(call.record, message)
        call.record.saw_event()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._pieces)

    def close(self) -> None:
        """Tell that the answer is over."""
        self._done()
