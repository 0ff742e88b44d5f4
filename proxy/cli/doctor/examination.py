"""Runs the probes for one upstream and model, and derives the profile flags.

Rule: pure except for ``ask``. If the upstream refuses a part of the request that the probe does not
test, the request is healed as in the service and sent again, so that one unsupported field does not
fail every probe. A flag is reported only if an answer proves it and the profile lacks it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from proxy.cli.doctor.answers import Answer
from proxy.cli.doctor.forms import form_of
from proxy.cli.doctor.judges import Judgement, Outcome
from proxy.cli.doctor.probes import Probe, Step, body_of, flags_of
from proxy.errors import ProxyError, UpstreamError
from proxy.failures.classify import OUTPUT_LIMIT_REACHED
from proxy.failures.healing import is_refusal
from proxy.providers.profiles import overridden
from proxy.providers.profiles.base import Profile

MAX_HEALINGS = 3
"""Retries of one step after healing."""
REFUSALS = frozenset({400, 404, 405, 415, 422, 501})
"""Statuses with which upstreams refuse the content of a request."""
NOT_REFUSED = frozenset({"works", "accepted", "none", "unclear"})
"""Results of a probe after which the probes that need it are run."""

Ask = Callable[[Mapping[str, Any], Profile], Answer]
"""Sends a body in the protocol of the profile with the headers that the profile demands; raises ``UpstreamError``."""


@dataclass(frozen=True, slots=True)
class Result:
    """One row of the table."""

    probe: str
    outcome: Outcome
    meaning: str


@dataclass(slots=True)
class Examination:
    """The state of the test of one upstream and model."""

    profile: Profile
    """The profile of the service, updated with the flags that are found."""
    model: str
    ask: Ask
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    """Members that the operator adds to every body."""
    results: list[Result] = field(default_factory=list)
    found: dict[str, object] = field(default_factory=dict)
    """Profile flags that the profile lacks."""
    unhealed: list[UpstreamError] = field(default_factory=list)
    """Refusals that no healing step takes."""

    @property
    def answers(self) -> bool:
        """Whether the upstream answers plain requests."""
        return self._outcome("answers") in NOT_REFUSED

    def examine(self, probe: Probe) -> Result:
        """Run ``probe``; adds its row to the results and returns it."""
        if probe.needs is not None and self._outcome(probe.needs) not in NOT_REFUSED:
            judgement = Judgement("skipped", f"not meaningful without: {probe.needs}")
        else:
            judgement = self._judged(probe)
            self._note(judgement.flags)
        result = Result(probe.name, judgement.outcome, judgement.meaning)
        self.results.append(result)
        return result

    def _outcome(self, name: str) -> str | None:
        return next((result.outcome for result in self.results if result.probe == name), None)

    def _note(self, flags: Mapping[str, object]) -> None:
        new = {name: value for name, value in flags.items() if getattr(self.profile, name) != value}
        self.found |= new
        self.profile = overridden(self.profile, new)

    def _judged(self, probe: Probe) -> Judgement:
        """The judgement over all steps of ``probe``, with the flags that are proved."""
        ignored: Judgement | None = None
        reason = ""
        for step in probe.steps:
            try:
                judgement = step.judge(self._answer(probe, step))
            except _Refused as refusal:
                reason = reason or refusal.reason
                continue
            except ProxyError as error:
                return Judgement("failed", _message(error))
            # If an earlier step was refused, acceptance proves that this one is needed.
            proved = judgement.outcome == "works" or (reason and judgement.outcome != "unclear")
            flags = flags_of(step, self.profile) if proved else {}
            judgement = replace(judgement, flags=flags | dict(judgement.flags))
            if judgement.outcome != "ignored" or probe.ignored is None:
                return judgement
            ignored = judgement
        if ignored is not None:
            return replace(ignored, flags={**ignored.flags, **(probe.ignored or {})})
        return Judgement("refused", f"{probe.refusal} ({reason})", probe.refused)

    def _answer(self, probe: Probe, step: Step) -> Answer:
        """The upstream's answer to a step, after healing other parts of the request if needed.

        Raises ``_Refused`` if the tested part is refused, ``UpstreamError`` for a failure that is
        unrelated to it.
        """
        healed: dict[str, object] = {}
        profile = self.profile
        for last_try in (*[False] * MAX_HEALINGS, True):
            form = form_of(profile)
            asked = form.body(body_of(probe, step, profile, self.model), profile)
            body = {**asked, **self.extra_body}
            try:
                answer = self.ask(body, profile)
            except UpstreamError as error:
                if error.code == OUTPUT_LIMIT_REACHED:
                    answer = Answer(finish_reason="length")
                    break
                healing = form.heal(profile, body, error, healed=healed)
                flags = healing.flags if healing else {}
                if not flags and is_refusal(error, error.text):
                    self.unhealed.append(error)
                if not flags and error.upstream_status not in REFUSALS and error.status != 400:
                    raise
                if last_try or not flags or probe.own_flags & flags.keys():
                    raise _Refused(_message(error)) from error
                healed |= flags
                profile = overridden(profile, flags)
            else:
                break
        # Not before, because a flag is proved only if the request succeeded with it.
        self._note(healed)
        return answer


def _message(error: ProxyError) -> str:
    """The upstream's original message, if any; the message for clients may differ from it."""
    return error.text if isinstance(error, UpstreamError) else error.message


class _Refused(Exception):
    """The upstream refuses what this step tests."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
