"""A whole Chat Completions answer -> the Anthropic message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from proxy.concurrency import yield_if_slice_used
from proxy.convert.reply.chat_to_message import chat_to_message
from proxy.convert.reply.events_to_message import chunks_to_message
from proxy.convert.request.converted import ConvertedRequest
from proxy.errors import Complaint, UpstreamError
from proxy.redaction import mask_secrets
from proxy.relay.call import Call
from proxy.relay.upstream_call import decoded
from proxy.sse import Chunk
from proxy.upstream.decode import load_json
from proxy.upstream.event_decoder import BOM, ChunkDecoder, sniff
from proxy.upstream.response import READ_BYTES


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
        completion = _completion(body, content_type, call.secrets)
        message = chat_to_message(completion, reply, estimate=estimate, pause=yield_if_slice_used)
    yield_if_slice_used()
    call.record.estimated = estimate is not None and estimate.used
    return message


def chunks_in(body: bytes) -> Iterator[Chunk]:
    """The chunks of a whole event stream; other requests may continue after each part of it."""
    decoder = ChunkDecoder()
    for at in range(0, len(body), READ_BYTES):
        yield_if_slice_used()
        yield from decoder.feed(body[at : at + READ_BYTES])
    yield from decoder.finish()


def _completion(body: bytes, content_type: str, secrets: tuple[str, ...]) -> object:
    completion = decoded(body.removeprefix(BOM))
    if isinstance(completion, str):
        # Bytes that are not UTF-8 were replaced, so that the rest can be used, as in a stream.
        with suppress(ValueError):
            completion = load_json(completion)
    if not isinstance(completion, str):
        return completion
    shown = mask_secrets((content_type or "no content type")[:100], secrets)
    kind = "the upstream's answer is not JSON"
    raise UpstreamError(Complaint(f"{kind} ({shown})", kind))
