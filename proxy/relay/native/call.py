"""A request on its way to a native upstream: where it goes and what is sent.

Rule: what the client sent, but for the places that docs/protocol.md section 8 names: the model's
name, thinking that this proxy signed, the credential, headers that concern this connection alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from config.registry.values import Provider
from config.urls import MESSAGES
from proxy.convert.request.drops import Drops
from proxy.providers.circuit_breaker import Outcome
from proxy.relay.call import Call, encoded
from proxy.relay.cancellation import Exchange
from proxy.relay.input_estimate import NativeEstimate
from proxy.relay.native.headers import credential, request_headers
from proxy.relay.native.model_name import with_model
from proxy.relay.native.own_thinking import may_hold_own_thinking, without_own_thinking
from proxy.telemetry.request_record import RequestRecord
from proxy.upstream.session import UpstreamClient

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Sent:
    """What a client sent for a native upstream."""

    method: str
    headers: Sequence[tuple[str, str]]
    """All of them as they came, repeated ones too."""
    query: str
    """Undecoded; empty without one."""
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class DirectCall:
    """One call of a native upstream."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None
    client: UpstreamClient
    exchange: Exchange
    record: RequestRecord
    first_byte_seconds: float
    silence_seconds: float
    secrets: tuple[str, ...] = ()
    """The server's own credentials: they must not come back in an answer."""
    client_model: str | None = None
    """The name that the client reads in the answer, where the upstream knows another."""
    preview_chars: int = 0
    """Characters of streamed text for the log; 0 is none."""
    outcome: Outcome | None = None
    """Told how a stream ended that began before anything of it had come."""
    estimate: NativeEstimate | None = None
    """Of the request's tokens, for an answer that does not tell them; None where it costs none, or
    where the operator wants no estimates."""

    def estimate_usage(self, output: int, *, complete: bool = False) -> None:
        """Note what the answer costs where its usage is not told: ``output`` tokens and the input.

        ``complete``: it came to its end.
        """
        if self.estimate is not None:
            count = self.estimate.count if complete else self.estimate.cheap
            self.record.estimate_usage(count, output)


def message_call(call: Call, sent: Sent, endpoint: str = MESSAGES) -> DirectCall:
    """The call for a Messages request, or for a count of its tokens, whose route is native.

    ``endpoint`` is the path behind the upstream's ``/v1``. Notes what was taken out of the request in the call's answer headers.
    """
    body, asked = sent.body or b"", call.request.get("model")
    renamed = asked != call.route.model
    kept = _without_own_thinking(call, body)
    if kept is not None:
        body = encoded({**kept, "model": call.route.model})
    elif renamed:
        body = with_model(body, call.route.model)
    provider = call.route.provider
    return DirectCall(
        method=sent.method,
        url=beside_messages(call.route.messages_url, endpoint, sent.query),
        headers=direct_headers(
            provider,
            call.key,
            sent,
            call.record.correlation_id,
            stream=call.request.get("stream") is True,
        ),
        body=body,
        client=call.client,
        exchange=call.exchange,
        record=call.record,
        first_byte_seconds=call.first_byte_seconds,
        silence_seconds=call.silence_seconds,
        secrets=provider.secrets,
        client_model=asked if renamed else None,
        preview_chars=call.settings.log_stream_text_preview_chars,
        outcome=call.outcome,
        estimate=_estimate(call, sent) if endpoint == MESSAGES else None,
    )


def _estimate(call: Call, sent: Sent) -> NativeEstimate | None:
    if not call.settings.enable_token_estimation:
        return None
    return NativeEstimate(sent.body or b"", call.route.encoding)


def direct_headers(
    provider: Provider, key: str | None, sent: Sent, correlation_id: str, *, stream: bool
) -> dict[str, str]:
    """Headers of a call to a native upstream, under lower-case names."""
    headers = request_headers(sent.headers, deny_betas=provider.deny_betas)
    if sent.body is not None:
        headers.setdefault("content-type", JSON)
    # A compressed stream is held back by whoever compresses it.
    headers["accept-encoding"] = "identity" if stream else "gzip, deflate"
    headers["x-request-id"] = correlation_id
    shown = {name.lower(): value for name, value in reversed(sent.headers)}
    headers |= credential(key, shown, own=bool(provider.api_keys))
    headers |= provider.extra_headers
    return headers


def beside_messages(messages_url: str, endpoint: str, query: str) -> str:
    """The URL of an endpoint of a native upstream, such as ``/models``.

    ``query`` is added to the one that the operator gave the upstream, if any.
    """
    parts = urlsplit(messages_url)
    base = parts.path.removesuffix(MESSAGES)
    joined = "&".join(filter(None, (parts.query, query)))
    return urlunsplit((parts.scheme, parts.netloc, f"{base}{endpoint}", joined, ""))


def _without_own_thinking(call: Call, body: bytes) -> dict[str, Any] | None:
    if not may_hold_own_thinking(body):
        return None
    drops = Drops()
    kept = without_own_thinking(call.request, drops)
    if kept is not None:
        call.record.dropped = drops.header()
        call.answer_headers["x-claude-proxy-dropped"] = call.record.dropped
    return kept
