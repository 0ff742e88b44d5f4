"""A call whose refusal can be healed is repeated at once, healed.

Rule: what was learned is remembered for this upstream and model once a repetition went through
(docs/protocol.md 1.5); what did not help teaches nothing, and neither do the client's own words: a
refusal that is only understood by what it quotes of the request heals this request alone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from proxy.concurrency import run_off_loop
from proxy.convert.request.messages_to_chat import ChatRequest
from proxy.errors import UpstreamError
from proxy.failures.complaints import LONGEST_TEXT
from proxy.failures.healing import as_yaml, heal
from proxy.failures.quotations import own_words
from proxy.providers.profiles import overridden
from proxy.relay.call import Call

log = logging.getLogger(__name__)

MAX_HEALINGS = 8
"""Refusals healed in one request: strict upstreams name one item at a time, and what they taught is
remembered only once they accept."""

T = TypeVar("T")


def with_healing(call: Call, attempt: Callable[[ChatRequest], T]) -> T:
    """``attempt`` the converted request; where its refusal can be healed, repeat it healed.

    What was learned is remembered for this upstream and model once a repetition went through
    (docs/protocol.md 1.5).
    """
    profile = call.profile()
    chat = call.convert(profile)
    # Without what only quotations told: a lesson of several items builds on those before it.
    believed = profile
    healed: dict[str, object] = {}
    lessons: dict[str, object] = {}
    for last_try in (*[False] * MAX_HEALINGS, True):
        try:
            result = attempt(chat)
        except UpstreamError as error:
            last_try = last_try or time.monotonic() >= call.deadline
            flags = {} if last_try else heal(profile, chat.body, error, healed=healed)
            if not flags:
                raise
            text = run_off_loop(own_words, error.text[:LONGEST_TEXT], chat.body)
            if heal(profile, chat.body, error, healed=healed, text=text) == flags:
                taught = heal(believed, chat.body, error, healed=healed, text=text)
                believed = overridden(believed, taught)
                lessons |= taught
            healed |= flags
            for name in flags:
                call.record.record_event("healing", name)
            profile = overridden(profile, flags)
            chat = call.convert(profile)
        else:
            break
    if lessons:
        _remember(call, lessons)
    return result


def _remember(call: Call, learned: Mapping[str, object]) -> None:
    route = call.route
    call.learned.learn(route.chat_url, route.model, learned)
    log.warning(
        "%s refused part of a request for %s; remembered as this profile override:\n%s",
        route.provider.name,
        route.model,
        as_yaml(learned),
    )
