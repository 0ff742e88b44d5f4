"""Every refusal of the catalogue leads to what its line says."""

from __future__ import annotations

from collections import Counter

import pytest

from proxy.failures.classify import failure_from_answer
from proxy.failures.error_body import read_error
from proxy.failures.healing_steps import STEPS
from proxy.relay.native.mended import MENDS
from proxy.relay.upstream_call import decoded
from tests.refusals.outcome import Line, lines, outcome

LINES = list(lines())
REFUSALS, PROVIDERS = 150, 25


def _id(line: Line) -> str:
    return f"line {line.number} {line.provider}"


@pytest.mark.parametrize("line", LINES, ids=_id)
def test_a_refusal_leads_to_what_its_line_says(line: Line) -> None:
    found = outcome(line.status, line.body, line.provider)
    assert found == line.outcome, f"the line would be:\n{line.written(found)}"


@pytest.mark.parametrize("line", [line for line in LINES if line.outcome == "none"], ids=_id)
def test_what_no_step_takes_reaches_the_client_in_the_providers_words(line: Line) -> None:
    payload = decoded(line.body.encode())
    assert read_error(payload).message in failure_from_answer(line.status, payload).message


def test_the_catalogue_is_as_large_as_it_claims_and_has_no_line_twice() -> None:
    assert len(LINES) >= REFUSALS
    assert len({line.provider for line in LINES}) >= PROVIDERS
    twice = [
        key
        for key, number in Counter(
            (line.provider, line.status, line.body) for line in LINES
        ).items()
        if number > 1
    ]
    assert twice == []


def test_every_step_takes_a_refusal_of_the_catalogue() -> None:
    healed = [line.outcome.split() for line in LINES if line.outcome.endswith((" once", "bered"))]
    assert {name for name, _ in healed} == {
        *(step.name for step in STEPS),
        *(mend.name for mend in MENDS),
    }
