"""A whole answer: sent, read, converted.

Rule: a non-stream answer is as good as a stream; clients repeat a broken stream this way
(docs/protocol.md 10.9).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from proxy.convert.reply.chat_to_message import chat_to_message, empty_message
from proxy.convert.reply.events_to_message import chunks_to_message
from proxy.convert.request.messages_to_chat import ChatRequest
from proxy.errors import ProxyError, UpstreamError
from proxy.failures.classify import OUTPUT_LIMIT_REACHED
from proxy.failures.response_headers import client_headers
from proxy.redaction import mask_secrets
from proxy.relay.billing import is_billed
from proxy.relay.call import MAX_ANSWER_BYTES, Call, decoded
from proxy.relay.chat.healed import with_healing
from proxy.telemetry.request_record import RequestRecord
from proxy.upstream.decode import load_json
from proxy.upstream.event_decoder import BOM, ChunkDecoder, sniff
from proxy.upstream.session import UpstreamResponse


def relay_message(call: Call) -> dict[str, Any]:
    """The Anthropic message that answers ``call``.

    Raises ``InvalidRequest`` before anything is sent, ``UpstreamError``, ``UpstreamTimeout`` or
    ``ClientGone`` afterwards.
    """
    message = local_answer(call)
    if message is None:
        try:
            message = with_healing(call, lambda chat: _send(call, chat))
        except UpstreamError as error:
            message = answer_for_refusal(call, error)
    note_message(call.record, message)
    return message


def local_answer(call: Call) -> dict[str, Any] | None:
    """The answer to a cache pre-warm (``max_tokens: 0``): nobody is called. Else None."""
    profile = call.profile()
    if call.max_tokens(profile) != 0:
        return None
    if call.outcome is not None:
        call.outcome.report(None, time.monotonic())
    estimate = call.estimate(call.convert(profile))
    tokens = estimate.count_input() if estimate else 0
    return empty_message(call.request["model"], stop_reason="max_tokens", input_tokens=tokens)


def answer_for_refusal(call: Call, error: UpstreamError) -> dict[str, Any]:
    """An empty message where a reasoning model refused because its output limit was too small.

    Raises ``error`` itself for every other refusal (docs/edge-cases.md 35).
    """
    if error.code != OUTPUT_LIMIT_REACHED:
        raise error
    return empty_message(call.request["model"], stop_reason="max_tokens")


def note_message(record: RequestRecord, message: Mapping[str, Any]) -> None:
    """What the log tells of a whole message."""
    record.stop_reason = message["stop_reason"]
    record.usage = message["usage"]


def _send(call: Call, chat: ChatRequest) -> dict[str, Any]:
    response = None
    try:
        response = call.post(chat)
        try:
            body = call.exchange.run(response.read_all, MAX_ANSWER_BYTES)
        finally:
            response.close()
        call.answer_headers |= client_headers(response.headers, now=time.time())
        return read_answer(call, chat, response, body)
    except ProxyError as error:
        if is_billed(error):
            call.estimate_usage(chat, response)
        raise


def read_answer(
    call: Call, chat: ChatRequest, response: UpstreamResponse, body: bytes
) -> dict[str, Any]:
    """The message in a whole 2xx body, whether JSON or an event stream nobody asked for."""
    estimate = call.estimate(chat)
    if sniff(body, response.headers.get("content-type", "")) == "sse":
        decoder = ChunkDecoder()
        chunks = [*decoder.feed(body), *decoder.finish()]
        message = chunks_to_message(chunks, chat.reply, estimate=estimate)
    else:
        message = chat_to_message(_completion(call, response, body), chat.reply, estimate=estimate)
    call.record.estimated = estimate is not None and estimate.used
    return message


def _completion(call: Call, response: UpstreamResponse, body: bytes) -> object:
    completion = decoded(body.removeprefix(BOM))
    if isinstance(completion, str):
        # Where only some bytes are no UTF-8 the other words survive, as they do in a stream.
        with suppress(ValueError):
            completion = load_json(completion)
    if not isinstance(completion, str):
        return completion
    kind = response.headers.get("content-type") or "no content type"
    kind = mask_secrets(kind[:100], call.secrets)
    raise UpstreamError(f"the upstream's answer is not JSON ({kind})")
