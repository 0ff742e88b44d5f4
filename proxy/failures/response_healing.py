"""Healing of Responses requests: ``healing_for`` of Chat Completions with the steps of that protocol.

Rule: as of ``proxy.failures.healing``. The result of the step ``refused_state`` is not remembered as a
flag; the caller remembers ``response_state.state_keys`` of the refused request instead.
"""

from __future__ import annotations

from collections.abc import Collection

from proxy.errors import UpstreamError
from proxy.failures.api_switch import API, lacks_responses
from proxy.failures.complaints import QUOTED_RESPONSES_REQUEST, Refusal, refusal_of
from proxy.failures.healing import Healing, first_healing, is_refusal
from proxy.failures.healing_steps import Body, Flags
from proxy.failures.refusal_scope import concerns_model
from proxy.failures.response_state import refuses_state
from proxy.failures.response_steps import RESPONSE_STEPS
from proxy.failures.response_view import chat_refusal
from proxy.providers.profiles import Profile


def response_healing_for(
    profile: Profile,
    body: Body,
    error: UpstreamError,
    *,
    healed: Collection[str] = (),
    text: str | None = None,
) -> Healing | None:
    """How to change ``profile`` before the request is converted once more, after ``body`` was refused.

    The arguments and the result are those of ``healing.healing_for``.
    """
    text = error.text if text is None else text
    if _may_switch(profile, healed) and lacks_responses(error, text, str(body.get("model") or "")):
        return Healing(API, {API: "chat"}, True)
    if not is_refusal(error, text) and not refuses_state(error, text):
        return None
    refusal = refusal_of(error, body, text, quoted=QUOTED_RESPONSES_REQUEST)
    return first_healing(RESPONSE_STEPS, profile, body, refusal, healed, scope=_concerns_model)


def _may_switch(profile: Profile, healed: Collection[str]) -> bool:
    return profile.api_switch and profile.api == "responses" and API not in healed


def _concerns_model(step: str, flags: Flags, refusal: Refusal) -> bool:
    return concerns_model(step, flags, chat_refusal(refusal))
