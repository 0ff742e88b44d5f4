"""The protocols of converted requests, and which one a conversion uses.

Rule: the protocol is chosen at each conversion, because healing may change the profile. The answer is
read by the protocol that ``ConvertedRequest.api`` names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from proxy.concurrency import run_if_heavy
from proxy.convert.request.converted import ConvertedRequest
from proxy.providers.profiles.base import Profile
from proxy.relay.call import Call
from proxy.relay.chat.protocol import ChatProtocol
from proxy.relay.model_overrides import with_temperature
from proxy.relay.protocol import UpstreamProtocol

PROTOCOLS: Mapping[str, UpstreamProtocol] = {"chat": ChatProtocol()}
"""By ``Profile.api``."""


def protocol_for(profile: Profile) -> UpstreamProtocol:
    """The protocol that the upstreams of ``profile`` speak."""
    return PROTOCOLS[profile.api]


def convert(call: Call, profile: Profile) -> ConvertedRequest:
    """The request of ``call``, converted as ``profile`` requires; raises ``InvalidRequest``."""
    protocol, route = protocol_for(profile), call.route
    converted = run_if_heavy(
        call.record.heavy,
        protocol.convert,
        with_temperature(call.request, route.registered),
        profile,
        model=route.model,
        max_tokens=call.max_tokens(profile),
        secrets=call.secrets,
        read_pdf=call.pdfs.read,
    )
    converted = protocol.with_registered(converted, call.request, route.registered, profile)
    call.record_drops(converted.drops)
    if call.fallback_credit:
        return replace(converted, reply=replace(converted.reply, fallback_credit=True))
    return converted
