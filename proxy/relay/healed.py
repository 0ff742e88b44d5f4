"""Repeats a refused call at once with another profile, if its refusal can be healed.

Rule: flags are remembered for this upstream and model once a repetition was accepted
(docs/protocol.md 1.5). Flags that did not help are not remembered. Flags that follow only from text of
the client, which the refusal quotes, are used for this request only.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from proxy.concurrency import run_off_loop
from proxy.convert.request.converted import ConvertedRequest
from proxy.errors import UpstreamError
from proxy.failures.complaints import LONGEST_TEXT
from proxy.failures.healing import as_yaml
from proxy.failures.quotations import own_words
from proxy.providers.profiles import overridden
from proxy.providers.profiles.base import Profile
from proxy.relay.call import Call
from proxy.relay.protocols import PROTOCOLS, convert

log = logging.getLogger(__name__)

MAX_HEALINGS = 8
"""Most refusals that are healed for one request. Strict upstreams name one unsupported item at a time,
and flags are remembered only once the request is accepted."""

T = TypeVar("T")


@dataclass(slots=True)
class _Healing:
    """The profile of one request as its refusals change it."""

    profile: Profile
    stated_profile: Profile
    """The profile with the flags in ``stated`` only; flags that are lists are extended from it."""
    flags: dict[str, object] = field(default_factory=dict)
    """All flags that were overridden."""
    stated: dict[str, object] = field(default_factory=dict)
    """The flags that follow from the upstream's own words; they are remembered."""

    def heal(self, converted: ConvertedRequest, error: UpstreamError) -> Mapping[str, object]:
        """The flags to override after ``error``; none if it cannot be healed."""
        heal = PROTOCOLS[converted.api].heal
        body, healed = converted.body, self.flags
        flags = heal(self.profile, body, error, healed=healed)
        if not flags:
            return flags
        text = run_off_loop(own_words, error.text[:LONGEST_TEXT], body)
        if heal(self.profile, body, error, healed=healed, text=text) == flags:
            stated = heal(self.stated_profile, body, error, healed=healed, text=text)
            self.stated_profile = overridden(self.stated_profile, stated)
            self.stated |= stated
        self.flags |= flags
        self.profile = overridden(self.profile, flags)
        return flags


def with_healing(call: Call, attempt: Callable[[ConvertedRequest], T]) -> T:
    """What ``attempt`` returns for the converted request; repeated while refusals can be healed."""
    profile = call.profile()
    healing = _Healing(profile, profile)
    converted = convert(call, profile)
    for left in range(MAX_HEALINGS, -1, -1):
        try:
            result = attempt(converted)
        except UpstreamError as error:
            last = not left or time.monotonic() >= call.deadline
            flags = {} if last else healing.heal(converted, error)
            if not flags:
                raise
            for name in flags:
                call.record.record_event("healing", name)
            converted = convert(call, healing.profile)
        else:
            break
    if healing.stated:
        _remember(call, healing.stated)
    return result


def _remember(call: Call, flags: Mapping[str, object]) -> None:
    route = call.route
    call.learned.learn(route.provider.base_url, route.model, flags)
    log.warning(
        "%s refused part of a request for %s; remembered as this profile override:\n%s",
        route.provider.name,
        route.model,
        as_yaml(flags),
    )
