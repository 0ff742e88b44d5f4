"""One HTTP request to an upstream: send it, raise an error for a refusal, read its answer, close it.

Rule: every upstream call, of every protocol and for every purpose, is made by this module.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf

import orjson

from proxy.concurrency import yield_if_large
from proxy.errors import InvalidRequest, UpstreamError, UpstreamTimeout
from proxy.failures.classify import failure_from_answer
from proxy.providers.circuit_breaker import Outcome
from proxy.relay.cancellation import Exchange
from proxy.telemetry.request_record import RequestRecord
from proxy.telemetry.tracing import upstream_call as traced
from proxy.upstream.decode import MENDED_BYTES, TooMuch, load_json
from proxy.upstream.sent_state import mark_unsent
from proxy.upstream.session import UpstreamClient, UpstreamResponse

MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""Longest whole answer that is read from an upstream; as an event stream it may be that long."""
REFUSAL_BYTES = 1 << 16
"""How much is read of an error body that is too large to be parsed."""


# Not frozen, because a frozen one takes three times as long to create.
@dataclass(slots=True)
class UpstreamCall:
    """One request as it is sent, and the limits for its answer."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None
    client: UpstreamClient
    exchange: Exchange
    record: RequestRecord
    first_byte_seconds: float
    """Longest wait for the answer."""
    silence_seconds: float
    """Longest silence between two reads of a streamed answer."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """Credentials that are masked in what the client gets."""
    outcome: Outcome | None = None
    """Reports to the circuit breaker how a stream ended that began before any content arrived."""
    content_seconds: float = inf
    """Longest time between two reads of a streamed answer that contain output of the model."""
    preview_chars: int = 0
    """Characters of streamed text for the log; 0: it is not logged."""


def send(call: UpstreamCall) -> UpstreamResponse:
    """The answer to ``call``, with any status, once its head has been read.

    Raises ``UpstreamError``, ``UpstreamTimeout`` or ``ClientGone``.
    """
    with traced(call.record, call.record.provider, call.record.upstream_model, call.url):
        return _send(call, "answer")


def send_accepted(call: UpstreamCall, purpose: str = "answer") -> UpstreamResponse:
    """The 2xx answer to ``call`` once its head has been read.

    ``purpose``: the verb of the message for a timeout. Raises ``UpstreamError`` for any other
    status, and what ``send`` raises.
    """
    with traced(call.record, call.record.provider, call.record.upstream_model, call.url):
        response = _send(call, purpose)
        if not 200 <= response.status < 300:
            raise _refusal(call, response)
    return response


def fetch(
    call: UpstreamCall, purpose: str = "answer", limit: int = MAX_ANSWER_BYTES
) -> tuple[bytes, str]:
    """The whole 2xx answer to ``call``, at most ``limit`` bytes, and its content type.

    Raises what ``send_accepted`` raises.
    """
    response = send_accepted(call, purpose)
    return read_whole(call, response, limit), response.headers.get("content-type", "")


def read_whole(
    call: UpstreamCall, response: UpstreamResponse, limit: int = MAX_ANSWER_BYTES
) -> bytes:
    """The body of ``response``, which is closed afterwards."""
    try:
        return call.exchange.run(response.read_all, limit)
    finally:
        response.close()


def refusal_body(call: UpstreamCall, response: UpstreamResponse) -> bytes:
    """The body of an answer other than 2xx; empty if it broke off, since its status suffices.

    Raises ``UpstreamTimeout`` or ``ClientGone``. ``response`` is closed afterwards.
    """
    # An upstream does not bill a request that it refused, even if the client leaves now.
    mark_unsent()
    try:
        return read_whole(call, response)
    except UpstreamTimeout:
        raise
    except UpstreamError:
        return b""


def _send(call: UpstreamCall, purpose: str) -> UpstreamResponse:
    mark_unsent()
    seconds = call.first_byte_seconds
    call.exchange.limit(seconds, f"the upstream did not {purpose} within {seconds:g} s")
    if call.record.tap is not None:
        response: UpstreamResponse = call.record.tap.send(call, purpose)
        return response
    return call.exchange.run(call.client.send, call.method, call.url, call.headers, call.body)


def _refusal(call: UpstreamCall, response: UpstreamResponse) -> UpstreamError:
    return failure_from_answer(
        response.status,
        decoded_refusal(refusal_body(call, response)),
        headers=response.headers,
        model=call.record.upstream_model,
        now=time.time(),
        secrets=call.secrets,
    )


def encoded(body: object) -> bytes:
    """``body`` as JSON; raises ``InvalidRequest`` if it is nested too deeply for the encoder."""
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError as error:
        raise InvalidRequest("The request body is nested too deeply") from error


def decoded(body: bytes) -> object:
    """The JSON value in ``body``, else its text up to MENDED_BYTES.

    Raises ``UpstreamError`` for JSON that is too much to parse.
    """
    yield_if_large(len(body))
    try:
        value = load_json(body)
    except TooMuch as error:
        raise UpstreamError(f"the upstream's answer is too large: {error}") from error
    except ValueError:
        value = body[:MENDED_BYTES].decode("utf-8", "replace")
    yield_if_large(len(body))
    return value


def decoded_refusal(body: bytes) -> object:
    """As ``decoded``, for an error body; of one that is too much to parse the beginning, as text."""
    try:
        return decoded(body)
    except UpstreamError:
        return body[:REFUSAL_BYTES].decode("utf-8", "replace")
