"""The words of the report."""

from __future__ import annotations

from config.registry.values import Provider, Registry
from config.settings import Settings
from proxy.cli.doctor.examination import Result
from proxy.cli.doctor.report import MAX_MEANING_CHARS, advice, shortened, table, title
from proxy.providers.routing import Router


def test_columns_are_as_wide_as_their_longest_entry() -> None:
    results = (Result("usage in streams", "works", "x"), Result("stop", "accepted", "y\n z"))
    assert table(results).splitlines() == [
        "PROBE             RESULT    WHAT IT MEANS",
        "usage in streams  works     x",
        "stop              accepted  y z",
    ]


def test_an_upstreams_words_are_bounded_and_cannot_steer_the_terminal() -> None:
    assert shortened("\x1b]0;owned\x07 a\r\n\tb\u202e") == "]0;owned a b"
    assert len(shortened("x" * 1000)) == MAX_MEANING_CHARS


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
