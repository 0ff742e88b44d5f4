"""What may follow a failure, and in which order (docs/features.md "Failover")."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import pytest

from proxy.errors import RequestTimeout, UpstreamError, UpstreamTimeout
from proxy.failures.classify import failure_from_answer, failure_from_chunk
from proxy.failures.policy import (
    FINAL,
    PASSED_OVER,
    Candidate,
    Plan,
    Verdict,
    judge,
    pause,
    stated_status,
)
from proxy.providers.circuit_breaker import Breaker, BreakerRule
from proxy.providers.key_ring import KeyRing

NOW = 1_700_000_000.0
DEAD = Verdict(next_model=True, provider_failed=True)
ALIVE = Verdict(provider_failed=False)


def refusal(
    status: int, *, code: str | None = None, headers: Mapping[str, str] | None = None
) -> UpstreamError:
    body = {"error": {"message": "no", "code": code}}
    return failure_from_answer(status, body, headers=headers or {}, now=NOW)


def after(seconds: str) -> dict[str, str]:
    return {"retry-after": seconds}


def unanswered() -> UpstreamError:
    error = UpstreamError("cannot reach the upstream")
    error.unanswered = True
    return error


def dead(retry_after: float | None = 0.0) -> Verdict:
    return Verdict(retry_after, next_model=True, provider_failed=True)


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        pytest.param(unanswered(), DEAD, id="edge 104 connect error"),
        pytest.param(UpstreamTimeout("silent"), DEAD, id="edge 108 first-byte timeout"),
        pytest.param(RequestTimeout("too long"), FINAL, id="the whole request's limit is over"),
        pytest.param(
            UpstreamError("not JSON"), FINAL, id="edge 104 a broken answer had a first byte"
        ),
        pytest.param(refusal(408), Verdict(0.0, next_model=True), id="edge 104 408"),
        pytest.param(refusal(409), Verdict(0.0, provider_failed=False), id="edge 104 409"),
        pytest.param(refusal(500), dead(), id="edge 104 500"),
        pytest.param(refusal(502), dead(), id="edge 104 502"),
        pytest.param(refusal(503), dead(), id="edge 104 503"),
        pytest.param(refusal(529), dead(), id="edge 104 529"),
        pytest.param(refusal(503, headers=after("5")), dead(5.0), id="edge 102 a short wait"),
        pytest.param(refusal(503, headers=after("6")), dead(None), id="edge 102 a long wait"),
        pytest.param(
            refusal(500, headers={"x-should-retry": "false"}),
            dead(None),
            id="edge 103 asked not to",
        ),
        pytest.param(
            refusal(429),
            Verdict(next_model=True, provider_failed=False),
            id="edge 104 429 without retry-after",
        ),
        pytest.param(
            refusal(429, headers=after("5")),
            Verdict(5.0, provider_failed=False),
            id="edge 104 429 with 5 s",
        ),
        pytest.param(
            refusal(429, headers=after("5.1")),
            Verdict(next_model=True, provider_failed=False),
            id="edge 104 429 with more than 5 s",
        ),
        pytest.param(refusal(400), ALIVE, id="400"),
        pytest.param(refusal(404), ALIVE, id="404"),
        pytest.param(refusal(413), ALIVE, id="413"),
        pytest.param(refusal(401), ALIVE, id="401 of the client's key"),
        pytest.param(refusal(402), ALIVE, id="402 of the client's key"),
        pytest.param(refusal(403), ALIVE, id="403 of the client's key"),
        pytest.param(
            refusal(429, code="insufficient_quota", headers=after("1")),
            ALIVE,
            id="edge 105 the client's quota is gone: no repetition",
        ),
        pytest.param(
            failure_from_chunk({"error": {"message": "x", "type": "overloaded_error"}}),
            dead(),
            id="edge 104 overloaded, said inside a 200",
        ),
        pytest.param(
            failure_from_chunk({"error": {"message": "x", "code": 400}}), ALIVE, id="400 in a 200"
        ),
    ],
)
def test_after_a_failure(error: UpstreamError, verdict: Verdict) -> None:
    assert judge(error, own_key=False, now=NOW) == verdict


@pytest.mark.parametrize(
    ("error", "key_cooldown", "next_model"),
    [
        pytest.param(refusal(401), 60.0, True, id="401"),
        pytest.param(refusal(402), 300.0, True, id="402"),
        pytest.param(refusal(403), 0.0, True, id="403 lets the others try"),
        pytest.param(refusal(403, headers=after("86400")), 0.0, True, id="403 with retry-after"),
        pytest.param(
            refusal(429, code="insufficient_quota"), 300.0, True, id="edge 105 insufficient_quota"
        ),
        pytest.param(
            refusal(429, code="insufficient_quota", headers=after("3600")),
            300.0,
            True,
            id="edge 105 insufficient_quota with retry-after, capped",
        ),
        pytest.param(refusal(429), 30.0, True, id="429 without retry-after"),
        pytest.param(refusal(429, headers=after("2")), 2.0, False, id="429 for a short time"),
        pytest.param(refusal(429, headers=after("90")), 90.0, True, id="429 for a long time"),
        pytest.param(refusal(500), None, True, id="500 is not the key's"),
        pytest.param(refusal(400), None, False, id="400 is not the key's"),
    ],
)
def test_a_key_of_the_servers(
    error: UpstreamError, key_cooldown: float | None, next_model: bool
) -> None:
    verdict = judge(error, own_key=True, now=NOW)
    assert (verdict.key_cooldown, verdict.next_model) == (key_cooldown, next_model)
    assert judge(error, own_key=False, now=NOW).key_cooldown is None


def test_a_quota_error_is_never_repeated() -> None:
    gone = refusal(429, code="insufficient_quota", headers=after("1"))
    assert stated_status(gone) == 402
    assert judge(gone, own_key=True, now=NOW).retry_after is None


@pytest.mark.parametrize(
    ("retry_after", "repetition", "dice", "seconds"),
    [
        (0.0, 0, 0.0, 0.25),
        (0.0, 0, 1.0, 0.5),
        (0.0, 1, 1.0, 1.0),
        (0.0, 2, 1.0, 2.0),
        (0.0, 9, 1.0, 4.0),
        (0.0, 9, 0.0, 2.0),
        (3.0, 5, 0.0, 3.0),
        (3.0, 0, 1.0, 3.3),
    ],
)
def test_edge_104_pauses_are_jittered_and_never_shorter_than_asked(
    retry_after: float, repetition: int, dice: float, seconds: float
) -> None:
    assert pause(retry_after, repetition, dice) == pytest.approx(seconds)


class Run:
    """Attempts against failures that a test names; time passes only by waiting and by ``takes``."""

    def __init__(
        self,
        models: Mapping[str, Sequence[str | None]],
        *,
        max_retries: int = 0,
        deadline: float = 60.0,
        takes: float = 0.0,
    ) -> None:
        self.now = 0.0
        self.takes = takes
        self.max_retries = max_retries
        self.deadline = deadline
        self.candidates = [
            Candidate(name, Breaker(BreakerRule(failures=3)), KeyRing(keys))
            for name, keys in models.items()
        ]

    def __call__(self, outcome: Callable[[str, Any], UpstreamError | None]) -> list[Any]:
        """What was asked, in order: the model, or the model with the key where there are several.

        Pauses stand between them as numbers. ``outcome`` gives the failure of a call, or None.
        """
        plan = Plan(
            self.candidates,
            max_retries=self.max_retries,
            deadline=partial(float, self.now + self.deadline),
            now=lambda: self.now,
            dice=lambda: 1.0,
        ).attempts()
        asked: list[Any] = []
        attempt = next(plan)
        while True:
            candidate, key = attempt.candidate, attempt.key
            if attempt.wait:
                asked.append(attempt.wait)
            self.now += attempt.wait + self.takes
            several = len(candidate.keys.keys) > 1
            asked.append(f"{candidate.target}:{key}" if several else candidate.target)
            error = outcome(candidate.target, key)
            if error is None:
                attempt.outcome.report(False, self.now)
                return asked
            verdict = judge(error, own_key=key is not None, now=NOW)
            attempt.outcome.report(verdict.provider_failed, self.now)
            try:
                attempt = plan.send(verdict)
            except StopIteration:
                return [*asked, "given up"]


def failing(**errors: UpstreamError) -> Callable[[str, Any], UpstreamError | None]:
    """Failures by the model, or by the key."""
    return lambda model, key: errors.get(model) or errors.get(str(key))


LONE = {"a": ["key"]}
TWO = {"a": ["key"], "b": ["key"]}
KEYS = {"a": ["k1", "k2", "k3"], "b": ["key"]}


@pytest.mark.parametrize(
    ("models", "max_retries", "outcome", "asked"),
    [
        pytest.param(TWO, 3, failing(), ["a"], id="no failure"),
        pytest.param(TWO, 0, failing(a=refusal(500)), ["a", "b"], id="the next model"),
        pytest.param(
            TWO, 0, failing(a=refusal(500), b=refusal(500)), ["a", "b", "given up"], id="all failed"
        ),
        pytest.param(
            TWO, 0, failing(a=refusal(400)), ["a", "given up"], id="edge 104 400 is final"
        ),
        pytest.param(
            LONE, 0, failing(a=refusal(500)), ["a", "given up"], id="edge 104 no retries asked for"
        ),
        pytest.param(
            LONE,
            2,
            failing(a=refusal(500)),
            ["a", 0.5, "a", 1.0, "a", "given up"],
            id="edge 104 MAX_RETRIES",
        ),
        pytest.param(
            LONE,
            2,
            failing(a=unanswered()),
            ["a", "given up"],
            id="connects have their own retries",
        ),
        pytest.param(
            LONE,
            1,
            failing(a=refusal(429, headers=after("2"))),
            ["a", 2.2, "a", "given up"],
            id="edge 104 429 waits as long as asked",
        ),
        pytest.param(
            LONE, 5, failing(a=refusal(429)), ["a", "given up"], id="429 without a time: no retry"
        ),
        pytest.param(
            TWO,
            1,
            failing(a=refusal(503)),
            ["a", 0.5, "a", "b"],
            id="retries before the next model",
        ),
        pytest.param(
            KEYS, 0, failing(k1=refusal(429)), ["a:k1", "a:k2"], id="key rotation before all else"
        ),
        pytest.param(
            KEYS,
            1,
            failing(k1=refusal(429), k2=refusal(401), k3=refusal(402)),
            ["a:k1", "a:k2", "a:k3", "b"],
            id="every key once, then the next model",
        ),
        pytest.param(
            KEYS,
            1,
            failing(
                k1=refusal(429, headers=after("4")),
                k2=refusal(429, headers=after("4")),
                k3=refusal(429, headers=after("1")),
            ),
            ["a:k1", "a:k2", "a:k3", 1.1, "a:k3", "given up"],
            id="key rotation, then a repetition with the key that is back first",
        ),
        pytest.param(
            KEYS, 0, failing(k1=refusal(500)), ["a:k1", "b"], id="a 500 is not the key's fault"
        ),
        pytest.param(
            {"a": [None], "b": [None]},
            0,
            failing(a=refusal(401)),
            ["a", "given up"],
            id="a 401 of the client's key is the client's",
        ),
    ],
)
def test_the_order_of_attempts(
    models: Mapping[str, Sequence[str | None]],
    max_retries: int,
    outcome: Callable[[str, Any], UpstreamError | None],
    asked: list[Any],
) -> None:
    assert Run(models, max_retries=max_retries)(outcome) == [
        pytest.approx(step) if isinstance(step, float) else step for step in asked
    ]


@pytest.mark.parametrize(
    ("deadline", "takes", "asked"),
    [
        pytest.param(2.0, 2.0, ["a", "given up"], id="the first attempt used it up"),
        pytest.param(1.4, 1.0, ["a", "b", "given up"], id="no time for a pause"),
        pytest.param(2.0, 1.0, ["a", 0.5, "a", "given up"], id="one repetition"),
        pytest.param(3.0, 1.0, ["a", 0.5, "a", "b", "given up"], id="no second repetition"),
        pytest.param(9.0, 1.0, ["a", 0.5, "a", "b", 0.5, "b", "given up"], id="all of them"),
        pytest.param(1.0, 600.0, ["a", "given up"], id="an attempt that has begun may go on"),
    ],
)
def test_nothing_begins_after_the_deadline(deadline: float, takes: float, asked: list[Any]) -> None:
    run = Run(TWO, max_retries=1, deadline=deadline, takes=takes)
    assert run(failing(a=refusal(500), b=refusal(500))) == asked


def test_a_deadline_that_moves_is_read_before_each_attempt() -> None:
    run = Run({"a": ["key"], "b": ["key"], "c": ["key"]})
    moments = iter([9.0, 1.0])
    plan = Plan(
        run.candidates,
        max_retries=0,
        deadline=lambda: next(moments),
        now=lambda: 5.0,
        dice=lambda: 0.0,
    )
    attempts = plan.attempts()
    # The first attempt is made whatever the deadline is.
    assert next(attempts).candidate.target == "a"
    assert attempts.send(DEAD).candidate.target == "b"
    with pytest.raises(StopIteration):
        attempts.send(DEAD)


def test_a_resting_key_is_passed_over_until_its_time_is_over() -> None:
    run = Run(KEYS)
    limited = failing(k1=refusal(429, headers=after("20")))
    assert run(limited) == ["a:k1", "a:k2"]
    assert run(limited) == ["a:k2"]
    run.now = 21.0
    assert run(failing()) == ["a:k1"]


def test_a_provider_whose_keys_all_rest_is_passed_over() -> None:
    run = Run(KEYS)
    limited = failing(k1=refusal(429), k2=refusal(429), k3=refusal(429))
    assert run(limited) == ["a:k1", "a:k2", "a:k3", "b"]
    assert run(limited) == ["b"]


def test_with_no_other_model_the_key_that_is_back_first_is_tried() -> None:
    run = Run({"a": ["k1", "k2"]})
    limited = failing(k1=refusal(429, headers=after("20")), k2=refusal(429, headers=after("10")))
    assert run(limited) == ["a:k1", "a:k2", "given up"]
    assert run(limited) == ["a:k2", "given up"]


def test_a_dead_provider_is_left_alone_until_its_probe_succeeds() -> None:
    run = Run(TWO)
    down = failing(a=unanswered())
    assert [run(down) for _ in range(5)] == [["a", "b"]] * 3 + [["b"]] * 2
    run.now = 30.0
    assert run(down) == ["a", "b"], "the probe fails"
    run.now = 89.0
    assert run(down) == ["b"], "the rest has doubled"
    run.now = 90.0
    assert run(failing()) == ["a"], "the probe succeeds"
    assert run(down) == ["a", "b"], "everything is forgotten"


def test_retries_end_when_the_breaker_opens() -> None:
    run = Run(TWO, max_retries=9)
    assert run(failing(a=refusal(500))) == ["a", 0.5, "a", 1.0, "a", "b"]


def test_where_all_rest_the_one_that_is_back_first_is_asked() -> None:
    run = Run(TWO)
    for _ in range(3):
        run(failing(a=refusal(500), b=refusal(500)))
        run.now += 1.0
    run.candidates[0].breaker.open_until = 500.0
    assert run(failing(a=refusal(500))) == ["b"]


def test_a_model_without_fallbacks_is_asked_whatever_its_breaker_says() -> None:
    run = Run(LONE)
    assert [run(failing(a=unanswered())) for _ in range(9)] == [["a", "given up"]] * 9


def test_a_candidate_that_answers_429_is_alive() -> None:
    run = Run(TWO)
    assert [run(failing(a=refusal(429))) for _ in range(9)] == [["a", "b"]] * 9


def test_a_resting_model_is_asked_where_its_fallback_cannot_carry_the_request() -> None:
    run = Run(TWO)
    for _ in range(3):
        run(failing(a=unanswered()))
    plan = Plan(
        run.candidates, max_retries=0, deadline=lambda: 60.0, now=lambda: 0.0, dice=lambda: 0.0
    )
    attempts = plan.attempts()
    assert next(attempts).candidate.target == "b"
    assert attempts.send(PASSED_OVER).candidate.target == "a"
    with pytest.raises(StopIteration):
        attempts.send(DEAD)
