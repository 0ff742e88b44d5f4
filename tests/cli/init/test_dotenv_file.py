"""Changes of a ``.env`` file, and whether all of its readers agree."""

from __future__ import annotations

import io
import subprocess

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from proxy.cli.init.dotenv_file import HEADER, UnwritableValue, changed, checked_value


def read_by_docker(text: str) -> dict[str, str]:
    """As ``docker run --env-file``: no quotes, no comments after a value."""
    lines = [line.lstrip() for line in text.split("\n")]
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def read_by_shell(text: str, shell: str) -> dict[str, str]:
    script = 'cd / && set -a && eval "$(cat)" && env -0'
    done = subprocess.run(
        [shell, "-c", script], input=text, capture_output=True, text=True, check=True, env={}
    )
    pairs = (line.partition("=") for line in done.stdout.split("\0") if line)
    return {name: value for name, _, value in pairs}


PLAIN = (
    "sk-proj-A_b-9",
    "https://h.test:8080/v1?api-version=2024-10-21",
    "hf.co/org/Model.gguf:Q4_K_M",
    "a#b",
    "anthropic/claude-opus-4.8@20260101",
    "x=y==",
    "*?[a-z]{b,c}!^%+",
)


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_all_readers_agree(shell: str) -> None:
    values = {f"V{number}": value for number, value in enumerate(PLAIN)}
    text = changed("", values)
    assert dotenv_values(stream=io.StringIO(text)) == values
    assert read_by_docker(text) == values
    assert read_by_shell(text, shell).items() >= values.items()


@given(st.text(st.characters(codec="ascii"), min_size=1, max_size=12))
def test_any_value_is_read_as_written_or_refused(value: str) -> None:
    try:
        text = changed("", {"V": value})
    except UnwritableValue:
        return
    assert dotenv_values(stream=io.StringIO(text)) == {"V": value}
    assert read_by_docker(text) == {"V": value}


REFUSED = (
    *("", "a b", "a'b", 'a"b', "$HOME", "a`b`", "a\\b", "a&b", "a;b", "(a)", "~/x", "a:~b"),
    *("#a", "a\nb", "=ls", "schlüssel", "a|b", "<a>"),
)


@pytest.mark.parametrize("value", REFUSED)
def test_what_readers_would_disagree_about_is_refused(value: str) -> None:
    with pytest.raises(UnwritableValue, match=r"^NAME: .*--registry FILE$"):
        checked_value("NAME", value)


BEFORE = """\
# mine
PORT=9000

export OPENAI_API_KEY='old'  # from the console
OTHER="two
lines"
OPENAI_BASE_URL=http://one
# the right one
OPENAI_BASE_URL=http://two
"""


def test_other_lines_and_their_order_are_kept() -> None:
    changes = {"OPENAI_BASE_URL": "http://new", "OPENAI_API_KEY": "new", "HOST": "127.0.0.1"}
    assert changed(BEFORE, changes) == (
        "# mine\n"
        "PORT=9000\n"
        "\n"
        "# from the console\n"
        "export OPENAI_API_KEY=new\n"
        'OTHER="two\nlines"\n'
        "# the right one\n"
        "OPENAI_BASE_URL=http://new\n"
        "HOST=127.0.0.1\n"
    )


def test_a_variable_is_removed() -> None:
    assert changed("A=1\nOPENAI_API_KEY=x\nB=2", {"OPENAI_API_KEY": None}) == "A=1\nB=2"


def test_a_line_without_an_end_is_ended() -> None:
    assert changed("A=1", {"B": "2"}) == "A=1\nB=2\n"
    assert changed("A=1\nB=2", {"A": "3"}) == "A=3\nB=2"


def test_ends_of_other_lines_are_kept() -> None:
    assert changed("A=1\r\nB=2\r\n", {"B": "3"}) == "A=1\r\nB=3\n"


def test_the_same_change_twice_changes_nothing() -> None:
    once = changed(BEFORE, {"OPENAI_API_KEY": "new", "HOST": "127.0.0.1"})
    assert changed(once, {"OPENAI_API_KEY": "new", "HOST": "127.0.0.1"}) == once


def test_a_new_file_has_a_header() -> None:
    assert changed("", {"A": "1"}) == f"{HEADER}A=1\n"


@pytest.mark.parametrize("blank", ["\r\r", "\r\n\r\n", "\n\n", "  \n\n"])
def test_blank_lines_of_every_system_are_kept(blank: str) -> None:
    assert changed(f"A=1{blank}B=2", {"B": "3"}) == f"A=1{blank}B=3\n"
