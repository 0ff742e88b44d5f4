"""The request that is sent to a native upstream.

Rule: the client's bytes are unchanged except for the model's name, thinking that this proxy signed, parts
that the upstream refused, the credential, and headers that are not passed on (docs/protocol.md section 8).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from config.registry.values import Provider
from config.urls import MESSAGES
from proxy.convert.request.drops import Drops
from proxy.relay.answer import JSON
from proxy.relay.call import Call
from proxy.relay.input_estimate import NativeEstimate
from proxy.relay.native.headers import credential, request_headers
from proxy.relay.native.mended import Mend
from proxy.relay.native.model_name import with_model
from proxy.relay.native.own_thinking import may_hold_own_thinking, without_own_thinking
from proxy.relay.upstream_call import UpstreamCall, encoded
from proxy.relay.upstream_urls import messages_url


@dataclass(frozen=True, slots=True)
class Sent:
    """What a client sent."""

    method: str
    headers: Sequence[tuple[str, str]]
    """All of them as they arrived, including repeated ones."""
    query: str
    """Not decoded; empty if there is none."""
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class NativeCall:
    """One request to a native upstream, and what is needed to read its answer."""

    upstream: UpstreamCall
    client_model: str | None = None
    """The model name for the client's answer; None if the upstream uses the same name."""
    estimate: NativeEstimate | None = None
    """Estimates usage that the answer does not report; None if the request uses no tokens or
    estimation is off."""

    def estimate_usage(self, output: int, *, complete: bool = False) -> None:
        """Record an estimate of the input tokens, and ``output`` tokens, for usage not reported.

        ``complete``: the answer is complete, so that its input is counted instead of estimated.
        """
        if self.estimate is not None:
            count = self.estimate.count if complete else self.estimate.cheap
            self.upstream.record.estimate_usage(count, output)


def message_call(
    call: Call, sent: Sent, endpoint: str = MESSAGES, *, mends: Sequence[Mend] = ()
) -> NativeCall:
    """The request for a message, or for a count of its tokens, whose route is native.

    ``endpoint`` is the path after the upstream's ``/v1``; ``mends`` are the changes after refusals.
    Records in ``call`` what was removed or changed.
    """
    asked, model = call.request.get("model"), call.route.model
    provider, stream = call.route.provider, call.request.get("stream") is True
    upstream = call.upstream_call(
        endpoint_url(provider, endpoint, sent.query),
        native_headers(provider, call.key, sent, call.record.correlation_id, stream=stream),
        _body(call, sent, mends),
        # The client's own key need not be masked in its answer.
        secrets=provider.secrets,
    )
    return NativeCall(
        upstream,
        client_model=asked if asked != model else None,
        estimate=_estimate(call, sent) if endpoint == MESSAGES else None,
    )


def mended_request(
    request: Mapping[str, Any], mends: Sequence[Mend]
) -> tuple[Mapping[str, Any], Drops]:
    """``request`` without thinking that this proxy signed, after ``mends``; and what they dropped."""
    drops = Drops()
    changed: Mapping[str, Any] = without_own_thinking(request, drops) or request
    for mend in mends:
        changed = mend.changed(changed, drops) or changed
    return changed, drops


def _body(call: Call, sent: Sent, mends: Sequence[Mend]) -> bytes:
    body, model = sent.body or b"", call.route.model
    kept = _changed(call, body, mends)
    if kept is not None:
        return encoded({**kept, "model": model})
    return body if call.request.get("model") == model else with_model(body, model)


def _estimate(call: Call, sent: Sent) -> NativeEstimate | None:
    if not call.settings.enable_token_estimation:
        return None
    return NativeEstimate(sent.body or b"", call.route.encoding)


def native_headers(
    provider: Provider, key: str | None, sent: Sent, correlation_id: str, *, stream: bool
) -> dict[str, str]:
    """Headers of a call to a native upstream, with lower-case names."""
    headers = request_headers(sent.headers, deny_betas=provider.deny_betas)
    if sent.body is not None:
        headers.setdefault("content-type", JSON)
    # Compression would buffer and so delay the events of a stream.
    headers["accept-encoding"] = "identity" if stream else "gzip, deflate"
    headers["x-request-id"] = correlation_id
    shown = {name.lower(): value for name, value in reversed(sent.headers)}
    headers |= credential(key, shown, own=bool(provider.api_keys))
    headers |= provider.extra_headers
    return headers


def endpoint_url(provider: Provider, endpoint: str, query: str) -> str:
    """The URL of an endpoint of a native upstream, such as ``/models``.

    ``query`` is added to the query of the provider's base URL, if any.
    """
    parts = urlsplit(messages_url(provider))
    base = parts.path.removesuffix(MESSAGES)
    joined = "&".join(filter(None, (parts.query, query)))
    return urlunsplit((parts.scheme, parts.netloc, f"{base}{endpoint}", joined, ""))


def _changed(call: Call, body: bytes, mends: Sequence[Mend]) -> Mapping[str, Any] | None:
    """The request as it is changed; None if the client's bytes are sent."""
    if not mends and not may_hold_own_thinking(body):
        return None
    changed, drops = mended_request(call.request, mends)
    if changed is call.request:
        return None
    call.record_drops(drops)
    return changed
