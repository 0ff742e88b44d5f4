"""The protocols of converted requests, and which one a conversion uses.

Rule: the protocol is chosen at each conversion, because healing may change the profile. The answer is
read by the protocol that ``ConvertedRequest.api`` names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from proxy.concurrency import run_if_heavy, run_long_off_loop
from proxy.convert.request.converted import ConvertedRequest
from proxy.convert.request.documents import holds_pdf
from proxy.providers.profiles.base import Profile
from proxy.relay.call import Call
from proxy.relay.chat.protocol import ChatProtocol
from proxy.relay.model_overrides import with_temperature
from proxy.relay.protocol import UpstreamProtocol
from proxy.relay.responses.protocol import ResponsesProtocol

PROTOCOLS: Mapping[str, UpstreamProtocol] = {
    "chat": ChatProtocol(),
    "responses": ResponsesProtocol(),
}
"""By ``Profile.api``."""


def protocol_for(profile: Profile) -> UpstreamProtocol:
    """The protocol that the upstreams of ``profile`` speak."""
    return PROTOCOLS[profile.api]


def run_conversion(
    request: Mapping[str, Any], profile: Profile, *, heavy: bool, **options: Any
) -> ConvertedRequest:
    """The request, converted with the ``options`` of ``UpstreamProtocol.convert``.

    A ``heavy`` one is converted in a thread: in that of the PDFs if it has some to read, so that other
    heavy requests do not wait for them.
    """
    function = protocol_for(profile).convert
    if heavy and profile.pdf == "none" and run_if_heavy(True, holds_pdf, request["messages"]):
        return run_long_off_loop(function, request, profile, **options)
    return run_if_heavy(heavy, function, request, profile, **options)


def convert(call: Call, profile: Profile) -> ConvertedRequest:
    """The request of ``call``, converted as ``profile`` requires; raises ``InvalidRequest``."""
    protocol, route = protocol_for(profile), call.route
    converted = run_conversion(
        with_temperature(call.request, route.registered),
        profile,
        heavy=call.record.heavy,
        model=route.model,
        max_tokens=call.max_tokens(profile),
        secrets=call.secrets,
        base_url=route.provider.base_url,
        refused=frozenset() if call.refused_states is None else call.refused_states,
        read_pdf=call.pdfs.read,
    )
    converted = protocol.with_registered(converted, call.request, route.registered, profile)
    call.record.api = converted.api
    call.record_drops(converted.drops)
    if call.fallback_credit:
        return replace(converted, reply=replace(converted.reply, fallback_credit=True))
    return converted
