"""Chat Completions as an implementation of ``UpstreamProtocol``."""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping
from typing import Any

from config.registry.values import Model
from proxy.convert.request.converted import ConvertedRequest
from proxy.convert.request.messages_to_chat import message_request_to_chat
from proxy.convert.request.parts import PdfReader
from proxy.errors import UpstreamError
from proxy.failures.healing import Healing, healing_for
from proxy.providers.profiles.base import Profile
from proxy.providers.routing import Route
from proxy.relay.call import Call
from proxy.relay.chat.codec import ChatCodec
from proxy.relay.chat.count import count_input
from proxy.relay.codec import Codec
from proxy.relay.model_overrides import with_registered
from proxy.relay.protocol import UpstreamProtocol
from proxy.relay.upstream_urls import chat_url
from proxy.relay.whole_message import message_in


class ChatProtocol(UpstreamProtocol):
    """``POST /chat/completions``."""

    def url(self, route: Route) -> str:
        return chat_url(route)

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
        return message_request_to_chat(
            request,
            profile,
            model=model,
            max_tokens=max_tokens,
            read_pdf=read_pdf,
            secrets=secrets,
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
        return healing_for(profile, body, error, healed=healed, text=text)

    def message(
        self, call: Call, converted: ConvertedRequest, body: bytes, content_type: str
    ) -> dict[str, Any]:
        return message_in(call, converted, body, content_type)

    def codec(self, call: Call, converted: ConvertedRequest) -> Codec:
        return ChatCodec(call, converted)

    def count(self, call: Call, converted: ConvertedRequest) -> int | None:
        return count_input(call, converted, self.url(call.route))
