"""One Messages request on its way to the upstream: what is sent.

Rule: everything that a call needs is gathered here before the first byte leaves; the two relays
(whole and streamed) only differ in how they read the answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import orjson

from config.registry.values import Provider
from config.settings import Settings
from proxy import __version__
from proxy.concurrency import yield_if_large
from proxy.convert.request.messages_to_chat import ChatRequest, message_request_to_chat
from proxy.convert.request.output_limit import OutputLimits, resolve_max_tokens
from proxy.errors import InvalidRequest, UpstreamError, UpstreamTimeout
from proxy.failures.classify import failure_from_answer
from proxy.failures.policy import Candidate
from proxy.providers.circuit_breaker import Outcome
from proxy.providers.learned_flags import LearnedFlags
from proxy.providers.profiles import credential_header, overridden
from proxy.providers.profiles.base import Profile
from proxy.providers.routing import Route
from proxy.relay.billing import unfinished_tokens
from proxy.relay.cancellation import Exchange
from proxy.relay.model_overrides import check_input, input_limit, with_registered, with_temperature
from proxy.relay.pdf_cache import RequestPdfs
from proxy.telemetry.request_record import RequestRecord
from proxy.telemetry.tracing import upstream_call
from proxy.tokens import RequestEstimate, cheap_estimate
from proxy.upstream.decode import load_json
from proxy.upstream.sent_state import forget_sent
from proxy.upstream.session import UpstreamClient, UpstreamResponse

MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""Longest whole answer that is read from an upstream."""


@dataclass(slots=True)
class Call:
    """A validated Messages request with its route, credential and limits."""

    request: Mapping[str, Any]
    route: Route
    key: str | None
    settings: Settings
    client: UpstreamClient
    learned: LearnedFlags
    exchange: Exchange
    record: RequestRecord
    answer_headers: dict[str, str]
    """Headers for the client that come from the upstream's answer or from the conversion."""
    candidates: Sequence[Candidate[Route]]
    """The route and those that may answer in its place, in this order."""
    client_for: Callable[[Provider], UpstreamClient]
    deadline: float
    """Moment of the monotonic clock after which nothing more is tried."""

    outcome: Outcome | None = None
    """Told how the present attempt ended."""
    pdfs: RequestPdfs = field(default_factory=RequestPdfs)
    """Reads the request's PDFs once, however often it is converted."""

    def take(self, route: Route, key: str | None, outcome: Outcome) -> None:
        """Go on by ``route`` with ``key``; nothing of an earlier attempt reaches the client."""
        if route is not self.route:
            self.route = route
            self.client = self.client_for(route.provider)
            note_route(self.record, route)
        self.record.begin_next_attempt()
        self.key, self.outcome = key, outcome
        self.answer_headers.clear()
        self.record.dropped = ""

    def estimate_usage(self, chat: ChatRequest, response: UpstreamResponse | None) -> None:
        """Note what ``chat`` costs, whose answer did not come to its end: estimates."""
        if self.settings.enable_token_estimation:
            self.record.estimate_usage(
                partial(cheap_estimate, chat.body), unfinished_tokens(response)
            )

    @property
    def secrets(self) -> tuple[str, ...]:
        return sent_secrets(self.route.provider, self.key)

    @property
    def first_byte_seconds(self) -> float:
        """Longest wait for the answer: the operator's word on this provider, then its profile's."""
        route = self.route
        return (
            route.provider.timeout_seconds
            or route.profile.first_byte_timeout
            or self.settings.first_byte_timeout
        )

    @property
    def silence_seconds(self) -> float:
        """Longest silence between two reads of a stream."""
        return self.route.provider.timeout_seconds or self.settings.request_timeout

    def profile(self) -> Profile:
        """The route's profile with what was learned of this upstream and model."""
        return learned_profile(self.route, self.learned)

    def max_tokens(self, profile: Profile) -> int:
        """Tokens to ask for; 0 is a cache pre-warm, to be answered without a call."""
        limits = OutputLimits(
            default=self.settings.default_max_tokens,
            minimum=self.settings.min_tokens_limit,
            maximum=self.settings.max_tokens_limit,
        )
        model = self.route.registered
        return resolve_max_tokens(
            self.request.get("max_tokens"),
            limits,
            model.max_tokens if model else None,
            profile.max_output,
        )

    def convert(self, profile: Profile) -> ChatRequest:
        """The Chat Completions request for ``profile``; raises ``InvalidRequest``."""
        route = self.route
        chat = message_request_to_chat(
            with_temperature(self.request, route.registered),
            profile,
            model=route.model,
            max_tokens=self.max_tokens(profile),
            secrets=self.secrets,
            read_pdf=self.pdfs.read,
        )
        chat = with_registered(chat, self.request, route.registered, profile)
        self._note_dropped(chat)
        return chat

    def estimate(self, chat: ChatRequest) -> RequestEstimate | None:
        """What stands in for usage that the upstream does not report; None when switched off."""
        if not self.settings.enable_token_estimation:
            return None
        return RequestEstimate(chat.body, self.route.encoding)

    def post(self, chat: ChatRequest) -> UpstreamResponse:
        """Send ``chat``; the head of a 2xx answer has been read when this returns.

        Raises ``InvalidRequest`` for a prompt above the model's registered limit, ``UpstreamError``
        for any other answer, ``UpstreamTimeout``, ``ClientGone``.
        """
        forget_sent()
        route = self.route
        check_input(chat.body, route.encoding, input_limit(route.registered, route.profile))
        seconds = self.first_byte_seconds
        self.exchange.limit(seconds, f"the upstream did not answer within {seconds:g} s")
        body = encoded(chat.body)
        yield_if_large(len(body))
        headers = upstream_headers(
            self.route.provider,
            self.key,
            self.record.correlation_id,
            stream=chat.body.get("stream") is True,
        )
        with upstream_call(self.record, route.provider.name, route.model, route.chat_url):
            response = self.exchange.run(self.client.post, route.chat_url, headers, body)
            raise_for_refusal(response, self.exchange, secrets=self.secrets, model=route.model)
        return response

    def _note_dropped(self, chat: ChatRequest) -> None:
        self.record.dropped = chat.drops.header()
        if self.record.dropped:
            self.answer_headers["x-claude-proxy-dropped"] = self.record.dropped


def note_route(record: RequestRecord, route: Route) -> None:
    """What log and statistics tell of where a request goes."""
    record.upstream_model = route.model
    record.provider = route.provider.name
    record.price = None if route.registered is None else route.registered.price


def learned_profile(route: Route, learned: LearnedFlags) -> Profile:
    """The profile of ``route`` with what was learned of its upstream and model."""
    flags = learned.flags_for(route.chat_url, route.model)
    return overridden(route.profile, flags) if flags else route.profile


def encoded(body: Mapping[str, Any]) -> bytes:
    """``body`` as JSON; raises ``InvalidRequest`` where it nests deeper than any parser likes."""
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError as error:
        raise InvalidRequest("The request body is nested too deeply") from error


def raise_for_refusal(
    response: UpstreamResponse, exchange: Exchange, *, secrets: tuple[str, ...], model: str = ""
) -> None:
    """Raise the ``UpstreamError`` that an answer other than 2xx stands for.

    ``secrets`` are the credentials that were sent: some upstreams quote them in their refusal.
    """
    if 200 <= response.status < 300:
        return
    try:
        body = refusal_body(response, exchange)
    finally:
        response.close()
    raise failure_from_answer(
        response.status,
        decoded(body),
        headers=response.headers,
        model=model,
        now=time.time(),
        secrets=secrets,
    )


def refusal_body(response: UpstreamResponse, exchange: Exchange) -> bytes:
    """What an answer other than 2xx says; nothing where that broke off: its status came.

    Raises ``UpstreamTimeout`` or ``ClientGone``.
    """
    # Refused is not billed, whoever leaves from now on.
    forget_sent()
    try:
        return exchange.run(response.read_all, MAX_ANSWER_BYTES)
    except UpstreamTimeout:
        raise
    except UpstreamError:
        return b""


def decoded(body: bytes) -> object:
    """JSON where ``body`` is JSON, else its text."""
    try:
        return load_json(body)
    except ValueError:
        return body.decode("utf-8", "replace")


def sent_secrets(provider: Provider, key: str | None) -> tuple[str, ...]:
    """The credentials that go to ``provider`` with ``key``."""
    return provider.secrets if key is None else (key, *provider.secrets)


def upstream_headers(
    provider: Provider, key: str | None, correlation_id: str, *, stream: bool = False
) -> dict[str, str]:
    """Headers of an upstream call: one credential at most, and nothing of the client's own."""
    headers = {
        "content-type": "application/json",
        "accept": "text/event-stream" if stream else "application/json",
        # A compressed stream is held back by whoever compresses it.
        "accept-encoding": "identity" if stream else "gzip, deflate",
        "user-agent": f"claude-proxy/{__version__}",
        "x-request-id": correlation_id,
    }
    if key is not None:
        base = urlsplit(provider.base_url)
        name, value = credential_header(base.netloc, key, path=base.path)
        # Lower case like all others, so that a header of the operator's own replaces it.
        headers[name.lower()] = value
    headers.update(provider.extra_headers)
    return headers
