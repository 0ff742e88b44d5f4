"""The interface of the upstream protocols to which Messages requests are converted.

Rule: all differences between these protocols are methods of ``UpstreamProtocol``; no other module
distinguishes them. A new protocol is a package beside ``chat/`` and a row in
``proxy/relay/protocols.py``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Container, Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

from config.registry.values import Model, Provider
from proxy import __version__
from proxy.concurrency import yield_if_large
from proxy.convert.request.converted import ConvertedRequest
from proxy.convert.request.parts import PdfReader
from proxy.errors import UpstreamError
from proxy.failures.healing import Healing
from proxy.providers.profiles import credential_header
from proxy.providers.profiles.base import Profile
from proxy.providers.routing import Route
from proxy.relay.call import Call
from proxy.relay.codec import Codec
from proxy.relay.model_overrides import check_input, input_limit
from proxy.relay.upstream_call import UpstreamCall, encoded


class UpstreamProtocol(ABC):
    """One upstream protocol; implementations have no state."""

    probe_tokens: ClassVar[int] = 5
    """Output tokens that are enough to see whether an upstream answers."""

    @abstractmethod
    def url(self, route: Route) -> str:
        """The URL to which requests of ``route`` are sent."""

    @abstractmethod
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
        """A validated Messages request in this protocol; raises ``InvalidRequest``.

        ``base_url`` is the provider's: state that upstreams of another host gave is left out, and that
        whose key is in ``refused``.
        """

    @abstractmethod
    def with_registered(
        self,
        converted: ConvertedRequest,
        request: Mapping[str, Any],
        model: Model | None,
        profile: Profile,
    ) -> ConvertedRequest:
        """``converted`` with what the registry sets for ``model``; ``request`` is the client's."""

    @abstractmethod
    def heal(
        self,
        profile: Profile,
        body: Mapping[str, Any],
        error: UpstreamError,
        *,
        healed: Collection[str],
        text: str | None = None,
    ) -> Healing | None:
        """How to convert so that ``body`` is not refused again (``failures.healing.healing_for``)."""

    @abstractmethod
    def message(
        self, call: Call, converted: ConvertedRequest, body: bytes, content_type: str
    ) -> dict[str, Any]:
        """The Anthropic message in a whole 2xx body; raises ``UpstreamError``."""

    @abstractmethod
    def codec(self, call: Call, converted: ConvertedRequest) -> Codec:
        """The codec that translates a streamed answer."""

    @abstractmethod
    def count(self, call: Call, converted: ConvertedRequest) -> int | None:
        """The input tokens of ``converted`` as the upstream counts them; None if it returns no count.

        Raises ``UpstreamError``, ``UpstreamTimeout`` or ``ClientGone``.
        """

    def upstream_call(self, call: Call, converted: ConvertedRequest) -> UpstreamCall:
        """The upstream request whose body is ``converted``.

        Raises ``InvalidRequest`` for a prompt above the input limit of the model.
        """
        route, body = call.route, converted.body
        check_input(body, route.encoding, input_limit(route.registered, route.profile))
        sent = encoded(body)
        yield_if_large(len(sent))
        stream = body.get("stream") is True
        headers = call_headers(call, converted, stream=stream)
        return call.upstream_call(self.url(route), headers, sent)


def call_headers(call: Call, converted: ConvertedRequest, *, stream: bool) -> dict[str, str]:
    """Headers of the request that carries ``converted`` to the route's upstream."""
    return upstream_headers(
        call.route.provider,
        call.key,
        call.record.correlation_id,
        stream=stream,
        client_agent=call.client_agent if converted.client_agent else "",
    )


def upstream_headers(
    provider: Provider,
    key: str | None,
    correlation_id: str,
    *,
    stream: bool = False,
    client_agent: str = "",
) -> dict[str, str]:
    """Headers of a converted request: at most one credential, and none of the client's headers.

    ``client_agent``: the client's ``User-Agent`` where the profile sends that one; else empty.
    """
    headers = {
        "content-type": "application/json",
        "accept": "text/event-stream" if stream else "application/json",
        # Compression would buffer and so delay the events of a stream.
        "accept-encoding": "identity" if stream else "gzip, deflate",
        "user-agent": client_agent or f"claude-proxy/{__version__}",
        "x-request-id": correlation_id,
    }
    if key is not None:
        base = urlsplit(provider.base_url)
        name, value = credential_header(base.netloc, key, path=base.path)
        # Lower case like all others, so that a header that the operator configures replaces it.
        headers[name.lower()] = value
    headers.update(provider.extra_headers)
    return headers
