"""A whole Chat Completions answer -> the Anthropic message."""

from __future__ import annotations

from typing import Any

from proxy.concurrency import yield_if_slice_used
from proxy.convert.reply.chat_to_message import chat_to_message
from proxy.convert.reply.events_to_message import chunks_to_message
from proxy.convert.request.converted import ConvertedRequest
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
        message = chunks_to_message(
            chunks_in(body), reply, estimate=estimate, pause=yield_if_slice_used
        )
    else:
        completion = whole_answer(body, content_type, call.secrets)
        message = chat_to_message(completion, reply, estimate=estimate, pause=yield_if_slice_used)
    yield_if_slice_used()
    call.record.estimated = estimate is not None and estimate.used
    return message
