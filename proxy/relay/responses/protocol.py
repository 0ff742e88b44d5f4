"""Responses as an implementation of ``UpstreamProtocol``."""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping
from typing import Any

from config.registry.values import Model
from config.urls import deployment_of
from proxy.convert.reasoning_state import origin_of
from proxy.convert.request.converted import ConvertedRequest
from proxy.convert.request.parts import PdfReader
from proxy.convert.request.responses.messages_to_responses import messages_to_responses
from proxy.errors import UpstreamError
from proxy.failures.healing import Healing
from proxy.failures.response_healing import response_healing_for
from proxy.providers.profiles import under_responses
from proxy.providers.profiles.base import Profile
from proxy.providers.routing import Route
from proxy.relay.call import Call
from proxy.relay.codec import Codec
from proxy.relay.protocol import UpstreamProtocol
from proxy.relay.responses.codec import ResponsesCodec
from proxy.relay.responses.count import count_input
from proxy.relay.responses.overrides import with_registered
from proxy.relay.upstream_urls import responses_url
from proxy.relay.whole_message import message_in


class ResponsesProtocol(UpstreamProtocol):
    """``POST /responses``."""

    # The least that OpenAI accepts.
    probe_tokens = 16

    def url(self, route: Route) -> str:
        return responses_url(route)

    def convert(
        self,
        request: Mapping[str, Any],
        profile: Profile,
        *,
        model: str,
        max_tokens: int | None,
        read_pdf: PdfReader,
        secrets: tuple[str, ...] = (),
        base_url: str = "",
        refused: Container[str] = frozenset(),
    ) -> ConvertedRequest:
        return messages_to_responses(
            request,
            under_responses(profile),
            # Azure's endpoint for all deployments takes the name that the Chat URL has in its path.
            model=deployment_of(base_url) or model,
            max_tokens=max_tokens,
            read_pdf=read_pdf,
            secrets=secrets,
            origin=origin_of(base_url) if base_url else "",
            refused=refused,
        )

    def with_registered(
        self,
        converted: ConvertedRequest,
        request: Mapping[str, Any],
        model: Model | None,
        profile: Profile,
    ) -> ConvertedRequest:
        return with_registered(converted, request, model, profile)

    def heal(
        self,
        profile: Profile,
        body: Mapping[str, Any],
        error: UpstreamError,
        *,
        healed: Collection[str],
        text: str | None = None,
    ) -> Healing | None:
        return response_healing_for(profile, body, error, healed=healed, text=text)

    def message(
        self, call: Call, converted: ConvertedRequest, body: bytes, content_type: str
    ) -> dict[str, Any]:
        return message_in(call, converted, body, content_type)

    def codec(self, call: Call, converted: ConvertedRequest) -> Codec:
        return ResponsesCodec(call, converted)

    def count(self, call: Call, converted: ConvertedRequest) -> int | None:
        return count_input(call, converted, self.url(call.route))
