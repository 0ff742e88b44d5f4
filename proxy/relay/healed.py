"""Repeats a refused call immediately with changed profile flags, if the refusal can be healed.

Rule: flags are remembered for this upstream and model if the repeated request was accepted and the refusal
applies to the model (docs/protocol.md 1.5). Flags that follow from a refused value, or only from client
text that the refusal quotes, are used only for this request; images that cannot be decoded, and encrypted
reasoning that cannot be decrypted, are remembered by their hash. Remembered flags are forgotten if the form that they select is refused, or if a request with
them is refused and cannot be healed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TypeVar, cast

from proxy.concurrency import run_off_loop
from proxy.convert.request.converted import ConvertedRequest
from proxy.errors import UpstreamError, release_frames
from proxy.failures.api_switch import API
from proxy.failures.classify import OUTPUT_LIMIT_REACHED
from proxy.failures.complaints import LONGEST_TEXT
from proxy.failures.healing import Healing, as_yaml, is_refusal
from proxy.failures.image_steps import inline_keys
from proxy.failures.quotations import own_words
from proxy.failures.refused_media import IMAGE_REFUSED, PDF_REFUSED
from proxy.failures.response_state import REFUSED_STATE, state_keys
from proxy.providers.profiles import overridden
from proxy.providers.profiles.base import Profile
from proxy.relay.call import Call
from proxy.relay.protocols import PROTOCOLS, convert

log = logging.getLogger(__name__)

MAX_HEALINGS = 8
"""Most refusals that are healed for one request. Strict upstreams name one unsupported item at a time,
and flags are remembered only once the request is accepted."""
IMAGES = "unreadable_images"
"""The flag with the keys of the images that are left out."""

T = TypeVar("T")


@dataclass(slots=True)
class _Healing:
    """The profile of one request, which its refusals change."""

    own_profile: Profile
    """The route's profile, without learned flags."""
    known: Mapping[str, object]
    """The flags that were learned from earlier requests."""
    profile: Profile
    stated_profile: Profile
    """The profile with the flags in ``stated`` only; flags that are lists are extended from it."""
    flags: dict[str, object] = field(default_factory=dict)
    """All flags that were overridden."""
    stated: dict[str, object] = field(default_factory=dict)
    """The flags that follow from the upstream's own text about the model; they are remembered."""
    refuted: set[str] = field(default_factory=set)
    """Learned flags that select a form which was refused; they are forgotten."""
    unreadable: set[str] = field(default_factory=set)
    """The keys of images in the request that the upstream said it cannot decode."""
    undecrypted: set[str] = field(default_factory=set)
    """The keys of reasoning in the request that the upstream said it cannot decrypt."""

    switched_for: UpstreamError | None = None
    """The refusal after which the protocol was changed."""

    def heal(self, converted: ConvertedRequest, error: UpstreamError) -> Mapping[str, object]:
        """The flags to override after ``error``; none if it cannot be healed."""
        healing = self._healing(self.profile, converted, error)
        if healing is None:
            return {}
        flags: Mapping[str, object] = self._refute(healing)
        if not flags:
            flags = healing.flags
            if healing.remembered:
                self._state(healing, converted, error)
            elif IMAGES in flags:
                self._note_images(healing, converted, error)
            elif healing.step == REFUSED_STATE and self._is_stated(healing, converted, error):
                self.undecrypted |= state_keys(converted.body)
        if API in flags:
            self.switched_for = error
            release_frames(error)
        self.flags |= flags
        self.profile = overridden(self.profile, flags)
        return flags

    def told(self, error: UpstreamError) -> UpstreamError:
        """The error for the client after ``error``, the last one.

        If both protocols are refused, the first refusal tells what the upstream serves.
        """
        if self.switched_for is None or not _refuses_again(error):
            return error
        return self.switched_for

    def _healing(
        self,
        profile: Profile,
        converted: ConvertedRequest,
        error: UpstreamError,
        text: str | None = None,
    ) -> Healing | None:
        protocol = PROTOCOLS[converted.api]
        return protocol.heal(profile, converted.body, error, healed=self.flags, text=text)

    def _refute(self, healing: Healing) -> dict[str, object]:
        """The profile's own values of the learned flags that select the refused form.

        Numbers and lists are not included: for them the upstream states a new limit.
        """
        own = {
            name: getattr(self.own_profile, name)
            for name, value in healing.flags.items()
            if isinstance(value, str) and name in self.known and name not in self.flags
        }
        if not own or not healing.remembered:
            return {}
        self.stated_profile = overridden(self.stated_profile, own)
        self.refuted |= own.keys()
        return own

    def _state(self, healing: Healing, converted: ConvertedRequest, error: UpstreamError) -> None:
        """Note the flags to remember, if ``healing`` follows from the upstream's own text alone."""
        text = _own_words(converted, error)
        if self._healing(self.profile, converted, error, text) != healing:
            return
        stated = self._healing(self.stated_profile, converted, error, text)
        if stated is not None and stated.remembered:
            self.stated_profile = overridden(self.stated_profile, stated.flags)
            self.stated |= stated.flags

    def _note_images(
        self, healing: Healing, converted: ConvertedRequest, error: UpstreamError
    ) -> None:
        """Note the images to leave out, if ``healing`` follows from the upstream's own text alone."""
        if self._is_stated(healing, converted, error):
            left_out = cast("tuple[str, ...]", healing.flags[IMAGES])
            self.unreadable |= inline_keys(converted.body).intersection(left_out)

    def _is_stated(
        self, healing: Healing, converted: ConvertedRequest, error: UpstreamError
    ) -> bool:
        """Whether ``healing`` follows from the upstream's own text alone."""
        text = _own_words(converted, error)
        return self._healing(self.profile, converted, error, text) == healing


def _own_words(converted: ConvertedRequest, error: UpstreamError) -> str:
    return run_off_loop(own_words, error.text[:LONGEST_TEXT], converted.body)


def with_healing(call: Call, attempt: Callable[[ConvertedRequest], T]) -> T:
    """What ``attempt`` returns for the converted request; repeated while refusals can be healed."""
    own, known = call.route.profile, call.known_flags()
    profile = call.without_refused_images(overridden(own, known))
    healing = _Healing(own, known, profile, profile)
    converted = convert(call, profile)
    for left in range(MAX_HEALINGS, -1, -1):
        try:
            result = attempt(converted)
        except UpstreamError as error:
            last = not left or time.monotonic() >= call.deadline
            flags = {} if last else healing.heal(converted, error)
            if not flags:
                _forget(call, healing, error)
                told = healing.told(error)
                if told is not error:
                    raise told from None
                raise
            for name in flags:
                call.record.record_event("healing", name)
        else:
            break
        # Not within ``except``, where the traceback keeps the refused one in memory.
        del converted
        converted = convert(call, healing.profile)  # noqa: F841 - read in the next pass
    _keep(call, healing)
    return result


def _keep(call: Call, healing: _Healing) -> None:
    """Remember what the refusals of an accepted request say about later ones."""
    if healing.stated or healing.refuted:
        _remember(call, healing)
    if healing.unreadable and call.refused_images is not None:
        route = call.route
        call.refused_images.add(route.provider.base_url, route.model, healing.unreadable)
    if healing.undecrypted and call.refused_states is not None:
        call.refused_states.add(healing.undecrypted)


def _refuses_again(error: UpstreamError) -> bool:
    """Whether the other protocol is refused too, so that the client is told the first refusal."""
    if is_refusal(error, error.text):
        return True
    return error.upstream_status in (404, 405, 501)


def _remember(call: Call, healing: _Healing) -> None:
    route, own = call.route, healing.own_profile
    # Values that the profile has itself need not be remembered.
    flags = {name: value for name, value in healing.stated.items() if getattr(own, name) != value}
    forgotten = (healing.refuted | healing.stated.keys()) - flags.keys()
    call.learned.learn(route.provider.base_url, route.model, flags, forget=forgotten)
    if not flags:
        _log_forgotten(call, forgotten)
        return
    log.warning(
        "%s refused part of a request for %s; remembered as this profile override:\n%s",
        route.provider.name,
        route.model,
        as_yaml(flags),
    )


def _forget(call: Call, healing: _Healing, error: UpstreamError) -> None:
    """Forget the learned flags if a request with them was refused and no step heals the refusal."""
    if not healing.known or not is_refusal(error, error.text) or _is_understood(error):
        return
    route = call.route
    # Not what other requests have learned since this one began.
    forgotten = call.learned.forget(route.provider.base_url, route.model, healing.known)
    if forgotten:
        _log_forgotten(call, forgotten)


def _is_understood(error: UpstreamError) -> bool:
    """Whether the refusal has a cause that flags cannot have: a credential, a limit, an invalid image."""
    media = error.message.startswith((IMAGE_REFUSED, PDF_REFUSED))
    return media or error.status != 400 or error.code == OUTPUT_LIMIT_REACHED


def _log_forgotten(call: Call, names: Collection[str]) -> None:
    log.warning(
        "%s refused a request for %s with learned flags; forgotten: %s",
        call.route.provider.name,
        call.route.model,
        ", ".join(sorted(names)),
    )
