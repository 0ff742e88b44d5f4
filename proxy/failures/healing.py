"""Healing: repeat a refused request with changed profile flags.

Rule (docs/protocol.md 1.5): one step for each refusal; which steps exist is the table of
``proxy.failures.healing_steps``. Pure: the caller repeats the request and remembers the flags.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

from proxy.errors import UpstreamError
from proxy.failures.api_switch import may_name_responses
from proxy.failures.complaints import LONGEST_TEXT, Refusal, refusal_of
from proxy.failures.healing_steps import STEPS, Body, Flags, Step
from proxy.failures.history_steps import in_any_status
from proxy.failures.other_statuses import refuses_in_other_status
from proxy.failures.refusal_scope import concerns_model
from proxy.providers.profiles import Profile

OVERFLOW_STARTS = ("prompt is too long", "input length and `max_tokens`")
"""How proxy/failures/classify.py begins the message of a context overflow (docs/protocol.md 10.6)."""

HEALED_ONCE: Mapping[str, str] = {"affordable": "max_output"}
"""Steps that are no longer taken in a request once their flag was healed: credit that shrinks with each
answer is not followed downwards."""
WORDS_FOR_STATUS = {
    500: (
        "failed to parse grammar",
        "json schema conversion failed",
        "unimplemented key",
    ),
}
"""Refusals of schemas by servers that compile them (llama.cpp, vLLM)."""
SWAPPED = ("token_field", "reasoning_history", "extra_content", "reasoning_ids", "api")
"""Flags that one refusal may set and another one set back; each is healed once in a request."""
YAML_WORDS = frozenset({"true", "false", "null"})


class Healing(NamedTuple):
    """The step that takes a refusal, and the flags to override."""

    step: str
    flags: Flags
    remembered: bool
    """Whether the refusal concerns the model, so that the flags apply to later requests too."""


def heal(
    profile: Profile,
    chat_body: Body,
    error: UpstreamError,
    *,
    healed: Collection[str] = (),
    text: str | None = None,
) -> Flags:
    """The flags of ``healing_for``; ``{}`` for a refusal that no step takes."""
    healing = healing_for(profile, chat_body, error, healed=healed, text=text)
    return healing.flags if healing else {}


def healing_for(
    profile: Profile,
    chat_body: Body,
    error: UpstreamError,
    *,
    healed: Collection[str] = (),
    text: str | None = None,
) -> Healing | None:
    """How to change ``profile`` before ``chat_body`` is converted and sent once more.

    ``healed`` names the flags already healed for this request: one of ``SWAPPED`` is not swapped
    back. All other steps lead one way, but an upstream may state ever smaller limits, so the
    caller limits the number of repetitions. ``text`` replaces the error's own text, where part of
    that must be ignored.
    """
    text = error.text if text is None else text
    if not is_refusal(error, text):
        return None
    return first_healing(STEPS, profile, chat_body, refusal_of(error, chat_body, text), healed)


def first_healing(
    steps: Iterable[Step],
    profile: Profile,
    body: Body,
    refusal: Refusal,
    healed: Collection[str],
    *,
    scope: Callable[[str, Flags, Refusal], bool] = concerns_model,
) -> Healing | None:
    """The healing by the first of ``steps`` that changes a flag of ``profile``; None if none does.

    ``body`` was refused; ``healed`` names the flags already healed for this request. ``scope``:
    whether the refusal concerns the model.
    """
    for step in steps:
        if HEALED_ONCE.get(step.name) in healed:
            continue
        flags = step.flags_for(profile, body, refusal)
        if any(name in healed for name in SWAPPED if name in flags):
            continue
        if any(getattr(profile, name) != value for name, value in flags.items()):
            return Healing(step.name, flags, scope(step.name, flags, refusal))
    return None


def is_refusal(error: UpstreamError, text: str) -> bool:
    """Whether ``error`` refuses the content of a request, other than by its length.

    ``text`` is the trusted part of the error's text.
    """
    if error.message.startswith(OVERFLOW_STARTS):
        return False
    if error.upstream_status is None:
        return error.status == 400 or in_any_status(error.status, text[:LONGEST_TEXT])
    words = WORDS_FOR_STATUS.get(error.upstream_status, ())
    if error.upstream_status in (400, 422) or any(word in text.lower() for word in words):
        return True
    if refuses_in_other_status(error, text) or may_name_responses(error, text):
        return True
    return in_any_status(error.upstream_status, text[:LONGEST_TEXT])


def as_yaml(flags: Mapping[str, object]) -> str:
    """``flags`` as one line to paste into a registry file: ``profile: {max_output: 8192}``."""
    entries = ", ".join(f"{name}: {_scalar(flags[name])}" for name in sorted(flags))
    return f"profile: {{{entries}}}"


def _scalar(value: object) -> str:
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(_scalar(entry) for entry in value)}]"
    if isinstance(value, str) and re.fullmatch("[a-z_]{4,}", value) and value not in YAML_WORDS:
        return value
    # JSON is YAML: true, null, numbers and quoted strings.
    return json.dumps(value)
