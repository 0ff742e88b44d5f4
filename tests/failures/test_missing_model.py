"""The words about a model that the upstream does not have (docs/edge-cases.md 106)."""

from __future__ import annotations

import time

import pytest

from proxy.failures.missing_model import closest, missing_model, shown_ids


@pytest.mark.parametrize(
    ("model", "listed", "first"),
    [
        ("gpt-4o", ["llama3", "gpt-4o-2024-08-06", "gpt-5"], "gpt-4o-2024-08-06"),
        ("qwen3", ["phi4", "qwen3:8b", "qwen2"], "qwen3:8b"),
        (
            "claude-sonnet-4",
            ["openai/gpt-5", "anthropic/claude-sonnet-4.5"],
            "anthropic/claude-sonnet-4.5",
        ),
        ("deepseek/deepseek-chat", ["other", "deepseek-chat-v3"], "deepseek-chat-v3"),
        ("QWEN3", ["phi4", "qwen3:8b"], "qwen3:8b"),
        ("", ["a"], "a"),
        ("x", [""], ""),
    ],
)
def test_the_closest_comes_first(model: str, listed: list[str], first: str) -> None:
    assert closest(model, listed)[0] == first


def test_equally_close_ids_keep_their_order() -> None:
    assert closest("zzz", ["b", "a", "c"]) == ["b", "a", "c"]


def test_a_long_list_takes_little_time() -> None:
    listed = [f"vendor/{'m' * 240}-{number}" for number in range(10_000)]
    started = time.process_time()
    assert len(closest("m" * 256, listed)) == 5
    assert time.process_time() - started < 3


def test_at_most_five_are_shown() -> None:
    assert shown_ids("a", [f"m{number}" for number in range(7)]) == "m0, m1, m2, m3, m4 and 2 more"


@pytest.mark.parametrize(
    ("variable", "registered", "listed", "expected"),
    [
        ("V", "", ["a"], "; set V to one of its models: a"),
        ("V", "", [], "; set V to one of its models; its list of models is empty"),
        ("V", "", None, "; set V to one of its models"),
        ("", "", ["a"], "; it lists a"),
        ("", "", None, ""),
        (
            "",
            "mine",
            ["a"],
            "; correct remote_id of the model 'mine' in the registry file; it lists a",
        ),
    ],
)
def test_the_message(
    variable: str, registered: str, listed: list[str] | None, expected: str
) -> None:
    message = missing_model("m", variable=variable, registered=registered, listed=listed)
    assert message == f"model: m: the upstream has no such model{expected}"


def test_the_model_cannot_write_lines_of_the_log() -> None:
    """It may be the only one of a hostile upstream's list."""
    message = missing_model("a\r\nb\x1b[31m", variable="", listed=["a\r\nb\x1b[31m"])
    assert message == "model: a??b?[31m: the upstream has no such model; it lists a??b?[31m"
