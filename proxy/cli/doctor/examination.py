"""All probes of one upstream and model, and the profile flags that follow.

Rule: pure but for ``ask``. A refusal of something else than what the probe is about is healed as
the service heals it and the step asked again, so that one quirk does not fail every probe. Only
what the answers prove becomes a flag, and only where the profile does not say so already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from proxy.cli.doctor.answers import Answer
from proxy.cli.doctor.judges import Judgement, Word
from proxy.cli.doctor.probes import Probe, Step, body_of, flags_of
from proxy.errors import ProxyError, UpstreamError
from proxy.failures.classify import OUTPUT_LIMIT_REACHED
from proxy.failures.healing import heal
from proxy.providers.profiles import overridden
from proxy.providers.profiles.base import Profile

MAX_HEALINGS = 3
"""Repetitions of one step because something else in it was refused."""
REFUSALS = frozenset({400, 404, 405, 415, 422, 501})
"""Statuses by which upstreams refuse what a request holds, once a plain one was answered."""
TOOK_IT = frozenset({"works", "accepted", "none", "unclear"})
"""Words after which probes that build upon this one make sense."""

Ask = Callable[[Mapping[str, Any]], Answer]
"""Sends a Chat Completions body; raises ``UpstreamError``."""


@dataclass(frozen=True, slots=True)
class Result:
    """One row of the table."""

    probe: str
    word: Word
    meaning: str


@dataclass(slots=True)
class Examination:
    """One upstream and model under examination."""

    profile: Profile
    """What the service believes of it; grows by what is found."""
    model: str
    ask: Ask
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    """Members that the operator adds to every body."""
    results: list[Result] = field(default_factory=list)
    found: dict[str, object] = field(default_factory=dict)
    """Profile flags to paste; empty where the profile fits as it is."""

    @property
    def answers(self) -> bool:
        """Whether the upstream answers plain requests."""
        return self._word("answers") in TOOK_IT

    def examine(self, probe: Probe) -> Result:
        """Ask ``probe``, remember and return its row."""
        if probe.needs is not None and self._word(probe.needs) not in TOOK_IT:
            judgement = Judgement("skipped", f"tells nothing without: {probe.needs}")
        else:
            judgement = self._judged(probe)
            self._note(judgement.flags)
        result = Result(probe.name, judgement.word, judgement.meaning)
        self.results.append(result)
        return result

    def _word(self, name: str) -> str | None:
        return next((result.word for result in self.results if result.probe == name), None)

    def _note(self, flags: Mapping[str, object]) -> None:
        new = {name: value for name, value in flags.items() if getattr(self.profile, name) != value}
        self.found |= new
        self.profile = overridden(self.profile, new)

    def _judged(self, probe: Probe) -> Judgement:
        """The verdict on ``probe`` over all of its steps, with the flags that are proved."""
        ignored: Judgement | None = None
        reason = ""
        for step in probe.steps:
            try:
                judgement = step.judge(self._answer(probe, step))
            except _Refused as refusal:
                reason = reason or refusal.reason
                continue
            except ProxyError as error:
                return Judgement("failed", _words(error))
            # That an earlier step was refused is reason enough to ask this way.
            proved = judgement.word == "works" or (reason and judgement.word != "unclear")
            flags = flags_of(step, self.profile) if proved else {}
            judgement = replace(judgement, flags=flags | dict(judgement.flags))
            if judgement.word != "ignored" or probe.ignored is None:
                return judgement
            ignored = judgement
        if ignored is not None:
            return replace(ignored, flags={**ignored.flags, **(probe.ignored or {})})
        return Judgement("refused", f"{probe.refusal} ({reason})", probe.refused)

    def _answer(self, probe: Probe, step: Step) -> Answer:
        """What the upstream answers to a step, healed where it complains of something else.

        Raises ``_Refused`` where it is the step itself that is refused, ``UpstreamError`` where the
        failure tells nothing about it.
        """
        healed: dict[str, object] = {}
        profile = self.profile
        for last_try in (*[False] * MAX_HEALINGS, True):
            body = {**body_of(probe, step, profile, self.model), **self.extra_body}
            try:
                answer = self.ask(body)
            except UpstreamError as error:
                if error.code == OUTPUT_LIMIT_REACHED:
                    answer = Answer(finish_reason="length")
                    break
                flags = heal(profile, body, error, healed=healed)
                if not flags and error.upstream_status not in REFUSALS and error.status != 400:
                    raise
                if last_try or not flags or probe.own_flags & flags.keys():
                    raise _Refused(_words(error)) from error
                healed |= flags
                profile = overridden(profile, flags)
            else:
                break
        # Only now: a flag that made nothing better proves nothing.
        self._note(healed)
        return answer


def _words(error: ProxyError) -> str:
    """The upstream's own words where there are any: what a client gets may be reworded."""
    return error.text if isinstance(error, UpstreamError) else error.message


class _Refused(Exception):
    """The upstream does not take what this step is about."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
