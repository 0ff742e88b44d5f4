"""The body of a whole 2xx answer, before its protocol is known."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from proxy.concurrency import yield_if_slice_used
from proxy.errors import Complaint, UpstreamError
from proxy.redaction import mask_secrets
from proxy.relay.upstream_call import decoded
from proxy.sse import Chunk
from proxy.upstream.decode import load_json
from proxy.upstream.event_decoder import BOM, ChunkDecoder
from proxy.upstream.response import READ_BYTES


def chunks_in(body: bytes) -> Iterator[Chunk]:
    """The chunks of a whole event stream; other requests may continue after each part of it."""
    decoder = ChunkDecoder()
    for at in range(0, len(body), READ_BYTES):
        yield_if_slice_used()
        yield from decoder.feed(body[at : at + READ_BYTES])
    yield from decoder.finish()


def whole_answer(body: bytes, content_type: str, secrets: tuple[str, ...]) -> object:
    """The JSON value in a whole body; raises ``UpstreamError`` if it is not JSON."""
    answer = decoded(body.removeprefix(BOM))
    if isinstance(answer, str):
        # Bytes that are not UTF-8 were replaced, so that the rest can be used, as in a stream.
        with suppress(ValueError):
            answer = load_json(answer)
    if not isinstance(answer, str):
        return answer
    shown = mask_secrets((content_type or "no content type")[:100], secrets)
    kind = "the upstream's answer is not JSON"
    raise UpstreamError(Complaint(f"{kind} ({shown})", kind))
