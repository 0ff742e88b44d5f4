"""The words of the report."""

from __future__ import annotations

import pytest

from config.registry.values import Provider, Registry
from config.settings import Settings
from proxy.cli.doctor.examination import Result
from proxy.cli.doctor.report import (
    advice,
    catalogue_lines,
    table,
    title,
)
from proxy.cli.one_line import LONGEST, shortened
from proxy.errors import UpstreamError
from proxy.failures.classify import failure_from_answer
from proxy.providers.routing import Router
from tests.refusals.outcome import outcome, parsed


def test_columns_are_as_wide_as_their_longest_entry() -> None:
    results = (Result("usage in streams", "works", "x"), Result("stop", "accepted", "y\n z"))
    assert table(results).splitlines() == [
        "PROBE             RESULT    WHAT IT MEANS",
        "usage in streams  works     x",
        "stop              accepted  y z",
    ]


def test_an_upstreams_words_are_bounded_and_cannot_steer_the_terminal() -> None:
    assert shortened("\x1b]0;owned\x07 a\r\n\tb\u202e") == "]0;owned a b"
    assert len(shortened("x" * 1000)) == LONGEST


def test_the_title_shows_no_key() -> None:
    provider = Provider("p", "https://user:secret@host.example/v1?key=secret", ("sk-secret-key",))
    route = Router(Settings(), Registry((provider,), provider)).resolve("m")
    assert title(route) == (
        "p/m at https://***@host.example/v1/chat/completions?... (profile default)"
    )


def test_advice() -> None:
    assert advice({"max_output": 1, "vision": False}, answers=True) == (
        "Add to this model in the registry file:\n\nprofile: {max_output: 1, vision: false}"
    )
    assert advice({}, answers=True) == "The profile is correct: no flags to add."
    assert advice({}, answers=False).startswith("The upstream does not answer")


@pytest.mark.parametrize(
    ("status", "payload"),
    [
        (400, {"error": {"message": "tools are not for this model", "code": "no_tools"}}),
        (422, {"error": {"message": "seed: at most 4 | not 5", "param": "seed"}}),
        (400, {"detail": [{"loc": ["body", "tools"], "msg": "Extra inputs", "type": "x"}]}),
        (400, '模型不支持 "seed"\nsecond line\ttab'),
        (400, {"message": "\x1b]0;owned\x07 no\u202e", "code": 20015}),
    ],
)
def test_an_unknown_refusal_is_printed_as_a_line_of_the_catalogue(
    status: int, payload: object
) -> None:
    refusal = failure_from_answer(status, payload)
    head, empty, *lines = catalogue_lines("some", [refusal, refusal]).split("\n")
    assert (head, empty) == (
        "No healing step takes these refusals; to report them, paste:",
        "",
    )
    (line,) = map(parsed, lines)
    assert (line.provider, line.status, line.outcome, line.seen) == (
        "some",
        status,
        "none",
        "doctor",
    )
    again = failure_from_answer(line.status, line.body)
    assert (again.message, again.param) == (printed(refusal.message), refusal.param)
    assert outcome(line.status, line.body) == "none"
    assert lines[0].isprintable()


def printed(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def test_a_refusal_inside_a_200_has_the_status_of_the_error() -> None:
    refusal = UpstreamError("no tools", status=400)
    assert catalogue_lines("p", [refusal]).endswith(
        'p | 400 | none | doctor | {"error": {"message": "no tools"}}'
    )


def test_nothing_unknown_prints_nothing() -> None:
    assert catalogue_lines("p", []) == ""
