"""One Messages request while it is answered: its route, credential, limits and record.

Rule: nothing here depends on the upstream's protocol (``proxy/relay/protocol.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from config.registry.values import Provider
from config.settings import Settings
from proxy.convert.request.converted import ConvertedRequest
from proxy.convert.request.drops import Drops
from proxy.convert.request.output_limit import OutputLimits, resolve_max_tokens
from proxy.convert.request.thinking import reasons_unasked
from proxy.failures.policy import Candidate
from proxy.providers.circuit_breaker import Outcome
from proxy.providers.learned_flags import LearnedFlags
from proxy.providers.profiles import overridden
from proxy.providers.profiles.base import Profile
from proxy.providers.refused_images import RefusedImages
from proxy.providers.refused_states import RefusedStates
from proxy.providers.routing import Route
from proxy.relay.billing import unfinished_tokens
from proxy.relay.cancellation import Exchange
from proxy.relay.pdf_cache import RequestPdfs
from proxy.relay.upstream_call import UpstreamCall
from proxy.telemetry.request_record import RequestRecord
from proxy.tokens import RequestEstimate, cheap_estimate
from proxy.upstream.session import UpstreamClient, UpstreamResponse

if TYPE_CHECKING:
    from proxy.relay.compaction import Compacted


@dataclass(slots=True)
class Call:
    """A Messages request with its present route and credential, which attempts may change."""

    request: Mapping[str, Any]
    """Validated, unless its route is native."""
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
    """The route and its fallbacks, in this order."""
    client_for: Callable[[Provider], UpstreamClient]
    deadline: float
    """Moment of the monotonic clock after which no further attempt starts; an early start moves it."""

    client_agent: str = ""
    """The client's ``User-Agent``; empty if it sent none."""
    refused_images: RefusedImages | None = None
    """The images that upstreams could not decode; None: all are sent."""
    refused_states: RefusedStates | None = None
    """The encrypted reasoning that upstreams could not decrypt; None: all is sent."""
    outcome: Outcome | None = None
    """Reports to the circuit breaker how the present attempt ended."""
    pdfs: RequestPdfs = field(default_factory=RequestPdfs)
    """Reads the request's PDFs once, even if the request is converted more than once."""
    compacted: Compacted | None = None
    """The compaction that was made for this request, at whichever route."""
    fallback_credit: bool = False
    """Whether the client's betas ask for a token with each refusal."""

    def begin_attempt(self, route: Route, key: str | None, outcome: Outcome) -> None:
        """Continue with ``route`` and ``key``; delete headers and drops of earlier attempts."""
        if route is not self.route:
            self.route = route
            self.client = self.client_for(route.provider)
            record_route(self.record, route)
        self.record.begin_next_attempt()
        self.key, self.outcome = key, outcome
        self.answer_headers.clear()
        self.record.dropped = ""

    @property
    def secrets(self) -> tuple[str, ...]:
        return sent_secrets(self.route.provider, self.key)

    @property
    def first_byte_seconds(self) -> float:
        """Longest wait for the answer: the provider's, else the profile's, else the general setting."""
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

    @property
    def content_seconds(self) -> float:
        """Longest time without output of the model in a stream that has sent some."""
        return (
            self.route.provider.timeout_seconds
            or self.settings.content_timeout
            or self.first_byte_seconds
        )

    def profile(self) -> Profile:
        """The route's profile with the flags that healing learned for this upstream and model."""
        return self.without_refused_images(learned_profile(self.route, self.learned))

    def without_refused_images(self, profile: Profile) -> Profile:
        """``profile`` without the images that the route's upstream and model could not decode."""
        if self.refused_images is None:
            return profile
        keys = self.refused_images.of(self.route.provider.base_url, self.route.model)
        return overridden(profile, {"unreadable_images": keys}) if keys else profile

    def known_flags(self) -> Mapping[str, object]:
        """The flags that healing learned for this upstream and model."""
        return self.learned.flags_for(self.route.provider.base_url, self.route.model)

    def max_tokens(self, profile: Profile) -> int:
        """Output limit to send; 0 is a cache pre-warm, which is answered without an upstream call."""
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
            reasons_unasked=reasons_unasked(self.request, profile),
        )

    def estimate(self, converted: ConvertedRequest) -> RequestEstimate | None:
        """The estimate of usage that the upstream does not report; None if estimation is off."""
        if not self.settings.enable_token_estimation:
            return None
        return RequestEstimate(converted.body, self.route.encoding, heavy=self.record.heavy)

    def estimate_usage(
        self, converted: ConvertedRequest, response: UpstreamResponse | None
    ) -> None:
        """Record the estimated usage of an attempt whose answer is incomplete."""
        if self.settings.enable_token_estimation:
            self.record.estimate_usage(
                partial(cheap_estimate, converted.body), unfinished_tokens(response)
            )

    def record_drops(self, drops: Drops) -> None:
        """Record what the conversion dropped, for the log and as a header for the client."""
        self.record.dropped = drops.logged()
        if self.record.dropped:
            self.answer_headers["x-claude-proxy-dropped"] = drops.header()

    def upstream_call(
        self,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        secrets: tuple[str, ...] | None = None,
    ) -> UpstreamCall:
        """The POST of ``body`` to the route's upstream; ``secrets`` None: all credentials sent."""
        return UpstreamCall(
            method="POST",
            url=url,
            headers=headers,
            body=body,
            client=self.client,
            exchange=self.exchange,
            record=self.record,
            first_byte_seconds=self.first_byte_seconds,
            silence_seconds=self.silence_seconds,
            content_seconds=self.content_seconds,
            secrets=self.secrets if secrets is None else secrets,
            outcome=self.outcome,
            preview_chars=self.settings.log_stream_text_preview_chars,
        )


def record_route(record: RequestRecord, route: Route) -> None:
    """Record the model, the provider and the price of ``route`` for the log and the statistics."""
    record.upstream_model = route.model
    record.provider = route.provider.name
    record.api = ""
    record.price = None if route.registered is None else route.registered.price


def learned_profile(route: Route, learned: LearnedFlags) -> Profile:
    """The profile of ``route`` with the flags that healing learned for its upstream and model."""
    flags = learned.flags_for(route.provider.base_url, route.model)
    return overridden(route.profile, flags) if flags else route.profile


def sent_secrets(provider: Provider, key: str | None) -> tuple[str, ...]:
    """The credentials that are sent to ``provider`` if ``key`` is used."""
    return provider.secrets if key is None else (key, *provider.secrets)
