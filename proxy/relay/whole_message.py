"""A whole answer of an upstream whose protocol is translated -> the Anthropic message."""

from __future__ import annotations

from typing import Any

from proxy.concurrency import yield_if_slice_used
from proxy.convert.reply.chat_to_message import chat_to_message
from proxy.convert.reply.events_to_message import chunks_to_message
from proxy.convert.reply.responses.message import events_to_response_message, response_to_message
from proxy.convert.request.converted import ConvertedRequest
from proxy.relay.answer_form import SEARCHED_BYTES, form_of_answer, form_of_stream
from proxy.relay.call import Call
from proxy.relay.whole_body import chunks_in, whole_answer
from proxy.upstream.event_decoder import sniff


def message_in(
    call: Call, converted: ConvertedRequest, body: bytes, content_type: str
) -> dict[str, Any]:
    """The message in a 2xx body, which is JSON or an event stream that was not requested.

    Raises ``UpstreamError`` for a body that is neither, or reports an error.
    """
    estimate, reply = call.estimate(converted), converted.reply
    if sniff(body, content_type) == "sse":
        form = form_of_stream(body[:SEARCHED_BYTES], converted.api)
        read = chunks_to_message if form == "chat" else events_to_response_message
        message = read(chunks_in(body), reply, estimate=estimate, pause=yield_if_slice_used)
    else:
        answer = whole_answer(body, content_type, call.secrets)
        form = form_of_answer(answer, converted.api)
        convert = chat_to_message if form == "chat" else response_to_message
        message = convert(answer, reply, estimate=estimate, pause=yield_if_slice_used)
    yield_if_slice_used()
    call.record.estimated = estimate is not None and estimate.used
    return message
