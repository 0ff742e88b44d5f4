"""Reads the body of a request, with limits of size, time and number of values.

Rule: a body is read completely or refused. Flask's own limit returns the first bytes of a chunked body as
if they were the whole body, and neither Flask nor gunicorn limits the time.
"""

from __future__ import annotations

import zlib
from typing import Any

import gevent
from gunicorn.http.errors import ChunkMissingTerminator, ParseException

from proxy.api.context import present_request, record, runtime
from proxy.concurrency import run_off_loop, yield_if_large, yield_if_slice_used
from proxy.errors import (
    BodyTimeout,
    ClientGone,
    Complaint,
    InvalidRequest,
    RequestTooLarge,
    UnsupportedMediaType,
)
from proxy.schemas import counted_json_object

_READ_SIZE = 8192
"""Bytes per read of a chunked body; in chunks of one byte each they take 20 ms of CPU. A body of known
length is read in one call, because gunicorn buffers all of it and copies the remaining bytes at each
call: 1.2 ms of CPU for 1 MB, 0.1 ms for 126 kB."""
MAX_RATIO = 100
"""Most bytes of a compressed body for each byte that was sent, above ``FREE_BYTES``."""
FREE_BYTES = 1_000_000
"""Decompressed length up to which the ratio is not limited."""
_INLINE_COMPRESSED = 1 << 14
"""Longest compressed body that is decompressed without a thread; that takes up to 5 ms."""
_INLINE_BYTES = 1 << 22
"""Longest body that is parsed without a thread. The parser itself cannot be interrupted in a thread
either, but the steps around it can."""
HEAVY_VALUES = 20_000
"""Values of a request whose stages take more than 20 ms each: validation, conversion, estimates."""
HEAVY_BYTES = 1 << 21
"""Length of a body from which the request is heavy too, since its strings may contain JSON."""
_LINE_END = len(b"\r\n")
_WINDOW_BITS = {"gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}


def json_body() -> bytes:
    """As ``any_body``, for an endpoint that accepts only JSON; another content type is a 415."""
    _check_content_type(present_request().headers.get("content-type", ""))
    return any_body()


def any_body() -> bytes:
    """The request's body, decompressed.

    Raises ``UnsupportedMediaType`` (415), ``RequestTooLarge`` (413), ``BodyTimeout`` (408),
    ``Overloaded`` (529) if the server stops during the read, ``ClientGone`` (499) if the connection ends
    within the body, or ``InvalidRequest`` for a body that contradicts its headers.
    """
    settings = runtime().settings
    encoding = present_request().headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity", *_WINDOW_BITS):
        raise UnsupportedMediaType(
            Complaint(
                f"content-encoding: {encoding!r} is not supported",
                "content-encoding: not supported",
            )
        )
    seconds = settings.body_timeout
    late = BodyTimeout(f"the request body did not arrive within {seconds:g} s")
    # Raised inside gunicorn's reader, as an Exception: gunicorn then closes the connection instead of
    # reading the remaining body as the next request.
    with gevent.Timeout(seconds, late), runtime().watch.reading():
        body = _read(present_request().environ["wsgi.input"], settings.max_body_bytes)
    if encoding not in _WINDOW_BITS:
        return body
    if len(body) <= _INLINE_COMPRESSED:
        return _decompressed(body, encoding, settings.max_body_bytes)
    return run_off_loop(_decompressed, body, encoding, settings.max_body_bytes)


def parsed_object(body: bytes) -> dict[str, Any]:
    """The JSON object in ``body``; raises ``InvalidRequest``. Notes whether the request is heavy."""
    yield_if_large(len(body))
    if len(body) <= _INLINE_BYTES:
        parsed, values = counted_json_object(body)
    else:
        parsed, values = run_off_loop(counted_json_object, body)
    record().heavy = values > HEAVY_VALUES or len(body) > HEAVY_BYTES
    return parsed


def _check_content_type(value: str) -> None:
    kind = value.partition(";")[0].strip().lower()
    if kind and kind != "application/json" and not kind.endswith("+json"):
        must = "content-type: must be application/json"
        raise UnsupportedMediaType(Complaint(f"{must}, not {kind!r}", must))


def _read(stream: Any, limit: int) -> bytes:
    declared = present_request().content_length
    if declared is not None and declared > limit:
        raise _too_large(limit)
    step = max(_READ_SIZE, declared or 0)
    pieces: list[bytes] = []
    size = 0
    while size <= limit:
        try:
            piece = stream.read(min(step, limit + 1 - size))
        except OSError as error:
            raise _gone() from error
        except ParseException as error:
            if isinstance(error, ChunkMissingTerminator) and len(error.term) < _LINE_END:
                raise _gone() from error
            raise InvalidRequest(
                f"The request body is badly framed: {type(error).__name__}"
            ) from error
        if not piece:
            break
        pieces.append(piece)
        size += len(piece)
        if declared is None:
            yield_if_slice_used()
    if size > limit:
        raise _too_large(limit)
    if declared is not None and size < declared:
        raise _gone()
    return b"".join(pieces)


def _decompressed(body: bytes, encoding: str, limit: int) -> bytes:
    decompressor = zlib.decompressobj(_WINDOW_BITS[encoding])
    most = max(FREE_BYTES, MAX_RATIO * len(body))
    try:
        plain = decompressor.decompress(body, min(limit, most) + 1)
    except zlib.error as error:
        raise InvalidRequest(f"content-encoding: the body is not valid {encoding}") from error
    if len(plain) > limit:
        raise _too_large(limit)
    if len(plain) > most:
        raise RequestTooLarge(
            f"content-encoding: the body is more than {MAX_RATIO} times as large as its {encoding} form"
        )
    if not decompressor.eof:
        raise InvalidRequest(f"content-encoding: the {encoding} body is cut short")
    if decompressor.unused_data:
        raise InvalidRequest(f"content-encoding: more follows the end of the {encoding} body")
    return plain


def _gone() -> ClientGone:
    return ClientGone("the client closed the connection inside its request")


def _too_large(limit: int) -> RequestTooLarge:
    return RequestTooLarge(f"Request exceeds the maximum allowed number of bytes: {limit}")
